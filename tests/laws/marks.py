"""Marks: comments that say which findings belong on a line.

``# LKL101`` a finding that belongs there, several as ``# LKL101 LKL103``. ``# todo LKL101`` a missed alarm that is
known, ``# todo-ok LKL101`` a false alarm that is known: as soon as one of them is gone, its mark must go as well.
"""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = re.compile(r"(?:(?P<kind>todo|todo-ok) )?(?P<codes>LKL\d{3}(?: LKL\d{3})*)")
_LOOKS_LIKE_A_MARK = re.compile(r"LKL\d|\btodo\b", re.IGNORECASE)

Place = tuple[int, str]
"""A line, from 1, and a code."""


class MarkError(Exception):
    """A comment that looks like a mark and is none."""


class Marks(NamedTuple):
    """Sorted places; a place stands there twice if two findings belong there."""

    findings: tuple[Place, ...]
    missed_alarms: tuple[Place, ...]
    false_alarms: tuple[Place, ...]

    @property
    def reported(self) -> tuple[Place, ...]:
        """What the linter says as long as its known false alarms are not mended."""
        return tuple(sorted(self.findings + self.false_alarms))


def read_marks(text: str) -> Marks:
    """All marks of a file. Raises MarkError for a comment that looks like a mark and is none."""
    places: dict[str, list[Place]] = {"": [], "todo": [], "todo-ok": []}
    for token in _mark_comments(text):
        for part in token.string.removeprefix("# ").split(" # "):
            mark = _MARK.fullmatch(part)
            if mark is None:
                raise MarkError(f"line {token.start[0]}: not a mark: {token.string}")
            places[mark["kind"] or ""].extend((token.start[0], code) for code in mark["codes"].split())
    return Marks(*(tuple(sorted(found)) for found in places.values()))


def with_noqa(text: str) -> str:
    """The same file, where each mark of something that is reported is a ``# noqa`` of the same codes."""
    lines = text.splitlines(keepends=True)
    reported = read_marks(text).reported
    for token in _mark_comments(text):
        line, column = token.start
        codes = ",".join(code for place, code in reported if place == line)
        rest = lines[line - 1][token.end[1] :]
        comment = f"# noqa: {codes}" if codes else token.string
        lines[line - 1] = lines[line - 1][:column] + comment + rest
    return "".join(lines)


def _mark_comments(text: str) -> Iterator[tokenize.TokenInfo]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and _LOOKS_LIKE_A_MARK.search(token.string):
            yield token
