"""The fixtures, and what the analysis says of them within this process."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laws.marks import Place, read_marks
from leaklint.analyze import check, repair
from leaklint.source import decode

if TYPE_CHECKING:
    from leaklint.analyze import Repaired
    from leaklint.model import FileReport, Finding

FOLDER = Path(__file__).parent.parent / "fixtures"
FIXED = FOLDER / "fixed"
FIXED_UNSAFELY = FOLDER / "fixed_unsafely"

_NEEDS_PYTHON = re.compile(r'"""[^"]*\(Python 3\.(?P<minor>\d+)\)')


def _runs_here(path: Path) -> bool:
    needed = _NEEDS_PYTHON.match(path.read_text("utf-8"))
    return needed is None or sys.version_info >= (3, int(needed["minor"]))


PROJECT_FIXTURES = tuple(sorted(FOLDER.glob("project_*.py")))
"""Several files in one: :mod:`laws.projects` reads them."""

FIXTURES = tuple(path for path in sorted(FOLDER.glob("*.py")) if _runs_here(path) and path not in PROJECT_FIXTURES)

every_fixture = pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)


@functools.cache
def report(path: Path) -> FileReport:
    """What the analysis says of a fixture as it stands."""
    return report_of(path.read_bytes(), str(path), repairs=True)


@functools.cache
def found(path: Path) -> tuple[Finding, ...]:
    """The findings of a fixture, without their repairs, which take several times as long."""
    return report_of(path.read_bytes(), str(path)).findings


def report_of(data: bytes, path: str = "fixture.py", *, repairs: bool = False) -> FileReport:
    """What the analysis says of some bytes. A fixture that cannot be checked is a failure."""
    found = check(decode(path, data), repairs=repairs)
    assert not found.errors, found.errors
    return found


@functools.cache
def repaired(path: Path) -> Repaired:
    """A fixture after all safe repairs."""
    return repaired_of(path.read_bytes(), str(path))


def repaired_of(data: bytes, path: str = "fixture.py") -> Repaired:
    """Some bytes after all safe repairs."""
    return repair(decode(path, data), lambda finding: True)


@functools.cache
def repaired_unsafely(path: Path) -> Repaired:
    """A fixture after all repairs of its own rule, the unsafe ones included."""
    return repaired_unsafely_of(path.read_bytes(), path)


def repaired_unsafely_of(data: bytes, path: Path) -> Repaired:
    """Some bytes after all repairs of the rule that the fixture at `path` is about."""
    return repair(decode(str(path), data), lambda finding: finding.code == rule_of(path), unsafe=True)


def rule_of(path: Path) -> str:
    """The code of the rule that a fixture is about, by its name."""
    return path.stem.partition("_")[0].upper()


def places(findings: tuple[Finding, ...]) -> tuple[Place, ...]:
    """Line and code of each finding, sorted."""
    return tuple(sorted((finding.span.line, finding.code) for finding in findings))


@functools.cache
def reported(path: Path) -> tuple[Place, ...]:
    """What the marks of a fixture say that the linter reports."""
    return read_marks(path.read_text("utf-8")).reported
