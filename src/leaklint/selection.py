"""Decides which findings are shown; knows nothing of how they are found or printed.

As in ruff, the longest matching prefix wins, and at equal length `ignore` wins over `select`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from leaklint.config import ALL, Choice, Settings
from leaklint.paths import inside

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_chosen(code: str, choices: Iterable[Choice], *, default: bool) -> bool:
    """Whether a rule is on. `default` says whether it is where nobody said anything about it."""
    chosen = default
    for choice in choices:
        if choice.select is not None:
            chosen = False
        wanted = _specificity(code, (*(choice.select or ()), *choice.extend_select))
        unwanted = _specificity(code, choice.ignore)
        if wanted >= 0 or unwanted >= 0:
            chosen = wanted > unwanted
    return chosen


def chosen_codes(path: str, settings: Settings, defaults: dict[str, bool]) -> frozenset[str]:
    """Collect the codes that may be reported in the file at `path`. `defaults` has every code and whether it is on."""
    ignored = ignored_in_file(path, settings)
    return frozenset(
        code
        for code, default in defaults.items()
        if is_chosen(code, settings.choices, default=default) and _specificity(code, ignored) < 0
    )


def ignored_in_file(path: str, settings: Settings) -> tuple[str, ...]:
    """Collect the selectors that `per-file-ignores` switches off in the file at `path`."""
    relative = inside(path, settings.root)
    if relative is None:
        return ()
    return tuple(
        selector
        for pattern, selectors in settings.per_file_ignores
        if GitIgnoreSpec.from_lines([pattern]).match_file(relative)
        for selector in selectors
    )


def _specificity(code: str, selectors: Iterable[str]) -> int:
    """How long the longest selector is that matches `code`; 0 for `ALL`, -1 for none."""
    lengths = (0 if selector == ALL else len(selector) for selector in selectors if selector_matches(selector, code))
    return max(lengths, default=-1)


def selector_matches(selector: str, code: str) -> bool:
    """Whether `selector` is `ALL`, `code`, or the beginning of `code`."""
    return selector == ALL or code.startswith(selector)
