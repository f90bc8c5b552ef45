"""The flake8 plugin. flake8 decides what is shown: `select`, `ignore` and `# noqa` are its own.

Nothing heavy is imported before a file is checked, and nothing that goes wrong in one may stop flake8.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from leaklint import __version__
from leaklint.paths import inside
from leaklint.tests_by_name import is_test_code

if TYPE_CHECKING:
    import argparse
    import ast
    from collections.abc import Iterator, Sequence

    from leaklint.project import Project

LOG = logging.getLogger(f"flake8.{__name__}")

OFF_BY_DEFAULT = "LKL2"


def _relative(path: str) -> str:
    """The path as seen from where flake8 runs; of a file elsewhere, about whose project nothing is known, its name."""
    return inside(path, ".") or path.replace(os.sep, "/").rpartition("/")[2]


class OptionManager(Protocol):
    """What is needed of flake8's option manager, which has no types of its own."""

    def add_option(self, name: str, **settings: Any) -> None:
        """Add an option of the plugin's own."""

    def extend_default_ignore(self, error_codes: Sequence[str]) -> None:
        """Add to the codes that are ignored by default."""


class Plugin:
    """One file under flake8."""

    name = "leaklint"
    version = __version__
    asked_for: ClassVar[tuple[str, ...]] = ()
    """Selectors that name more than the whole plugin. flake8 hands options over on the class."""
    with_tests: ClassVar[bool] = False
    project: ClassVar[Project | None] = None
    """What has been read of other files; flake8 makes a plugin for each file, so that they share it on the class."""

    @staticmethod
    def add_options(option_manager: OptionManager) -> None:
        """Switch the rules off that are off by default, and say how to have tests checked."""
        option_manager.extend_default_ignore([OFF_BY_DEFAULT])
        option_manager.add_option(
            "--leaklint-tests",
            action="store_true",
            parse_from_config=True,
            help="Look for leaks in test code too: tests/, test_*.py, conftest.py and the like.",
        )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Remember which rules are asked for; a new run reads the project anew.

        flake8 forgets a plugin's default ignore list as soon as the user sets `ignore`; without this the rules that
        are off by default would come on with it. `--select LKL` asks for the plugin, not for those rules.
        """
        selectors = (*(options.select or ()), *(options.extend_select or ()))
        cls.project = None
        cls.with_tests = options.leaklint_tests
        cls.asked_for = tuple(selector for selector in selectors if selector.startswith(OFF_BY_DEFAULT))

    def __init__(self, tree: ast.Module, filename: str, lines: Sequence[str]) -> None:
        self._tree = tree
        self._filename = filename
        self._lines = lines

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Report each finding: line from 1, column from 0, text."""
        if not self.with_tests and is_test_code(_relative(self._filename)):
            return
        try:
            problems = list(self._problems())
        except Exception:
            # With `flake8 --verbose` the log says what went wrong; the command line would exit with 2.
            LOG.exception("leaklint could not check %s", self._filename)
            return
        yield from problems

    def _problems(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        from leaklint.decoded import from_text
        from leaklint.entrance import is_turned_away
        from leaklint.project import Project
        from leaklint.source import offset, position

        if Plugin.project is None:
            Plugin.project = Project()
        source = from_text(self._filename, "".join(self._lines))
        if is_turned_away(source, self._tree, Plugin.project):
            return
        from leaklint.analyze import check

        for finding in check(source, self._tree, repairs=False, project=Plugin.project).findings:
            if finding.code.startswith(OFF_BY_DEFAULT) and not finding.code.startswith(self.asked_for):
                continue
            line, column = position(source, offset(source, finding.span.line, finding.span.column))
            message = " ".join(finding.message.splitlines())
            yield line, column - 1, f"{finding.code} {message}", type(self)
