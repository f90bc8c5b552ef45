"""The cases of LeakBench, and the decision whether a leak was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.releases import PYTHON, Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaklint.model import Finding

MANIFEST = Path(__file__).with_name("leaks.json")

MORE = Path(__file__).with_name("more.json")
"""Leaks that the analysis was not fitted to when they were collected: they say what it finds in unseen code."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an entry is inserted: in which mapping, on which line of which file of a package, under which key."""

    id: str
    package: str
    path: str
    line: int
    mapping: str
    key: str
    value: str
    scope: str
    """How far apart insertion and eviction are, or would have to be: the same function, class or module."""
    link: str
    note: str
    python: str = PYTHON
    source: bool = False

    def release(self, version: str) -> Release:
        """One version of the case's package."""
        return Release(self.package, version, self.python, self.source)


class Leak(Place, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A real leak: the release that has it, and the one that no longer has it if there is one."""

    kind: str
    leaking: str
    fixed: str | None
    fix: str


class LookAlike(Place, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Correct code that a careless rule takes for a leak."""

    version: str
    eviction: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cases."""

    leaks: tuple[Leak, ...]
    look_alikes: tuple[LookAlike, ...]

    def releases(self) -> tuple[Release, ...]:
        """Every release that is needed, each once."""
        wanted = [leak.release(version) for leak in self.leaks for version in (leak.leaking, leak.fixed) if version]
        wanted += [case.release(case.version) for case in self.look_alikes]
        return tuple(dict.fromkeys(wanted))


def load(path: Path = MANIFEST) -> Manifest:
    """Read the manifest. Raises msgspec.ValidationError for one that is not valid."""
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


def told_by(findings: Iterable[Finding], case: Place, path: str, *, by_line: bool) -> str | None:
    """Return the code of the first finding that tells of `case` in the file at `path`, or None.

    A finding does if it is about a mapping of that name; `by_line` also if it, or a step of its trace, stands on the
    line of the insertion. After a fix the lines have moved, so that only the name counts.
    """
    for finding in findings:
        if _bare(finding.cache) == _bare(case.mapping):
            return finding.code
        if by_line and case.line in _lines(finding, path):
            return finding.code
    return None


def _bare(name: str) -> str:
    return name.rpartition(".")[2].lstrip("_")


def _lines(finding: Finding, path: str) -> set[int]:
    return {finding.span.line, *(step.span.line for step in finding.trace if step.path == path)}
