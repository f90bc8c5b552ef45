"""A baseline: the findings that a project has agreed to live with, so that only new ones are reported.

A finding is known by its file, rule, function, cache and key, not by its line; of those that are alike it is known how
many there are. Files are named from the root of the repository, wherever the baseline itself lies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from leaklint.files import Discovery, Found
from leaklint.model import FileError, Finding, Gone, KnownFindings
from leaklint.paths import encodable, inside, shown

VERSION = 1

Kind = TypeVar("Kind")

Identity: TypeAlias = tuple[str, str, str, str]
"""Code, function, cache and key of a finding."""

NamedFindings: TypeAlias = Iterable[tuple[str, Finding]]
"""Findings, each with its file's name from the root of the repository."""


class BaselineError(Exception):
    """A baseline that cannot be used; says in which file, and where it can on which line."""

    def __init__(self, error: FileError) -> None:
        super().__init__(error.message)
        self.error = error


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings that are alike, as a baseline has them."""

    path: str
    code: str
    symbol: str
    cache: str
    key: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline as it is written; each entry is read apart, so that a wrong one has a place."""

    version: int
    findings: list[msgspec.Raw]


class Baseline(msgspec.Struct, frozen=True):
    """What a baseline says of each file, and the line of each entry."""

    place: str
    known: dict[str, tuple[KnownFindings, ...]]
    lines: dict[tuple[str, Identity], int]


def read_baseline(place: str) -> Baseline:
    """Read a baseline. Raises BaselineError."""
    try:
        data = Path(place).read_bytes()
    except FileNotFoundError as error:
        missing = "no such baseline; `leaklint check --write-baseline` writes one"
        raise BaselineError(FileError(shown(place), missing)) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BaselineError(FileError(shown(place), f"cannot be read: {reason}")) from error
    counts: dict[str, Counter[Identity]] = {}
    lines: dict[tuple[str, Identity], int] = {}
    for line, entry in _entries(place, data):
        identity = entry.code, entry.symbol, entry.cache, entry.key
        # A merge of two branches may have left two of the same.
        counts.setdefault(entry.path, Counter())[identity] += entry.count
        lines.setdefault((entry.path, identity), line)
    known = {
        path: tuple(KnownFindings(*identity, count) for identity, count in own.items()) for path, own in counts.items()
    }
    return Baseline(place, known, lines)


def baseline_text(findings: NamedFindings) -> bytes:
    """Write a baseline: an entry a line, sorted, so that changes of it are easy to read and to merge."""
    counts = Counter((path, *_identity(finding)) for path, finding in findings)
    entries = (msgspec.json.encode(_Entry(*identity, count)) for identity, count in sorted(counts.items()))
    listed = b",\n".join(b"  " + entry for entry in entries)
    return b'{"version": %d, "findings": [\n%s\n]}\n' % (VERSION, listed) if listed else _EMPTY


_EMPTY = b'{"version": %d, "findings": []}\n' % VERSION


def name_in_baseline(path: str, repository: str) -> str:
    """What a baseline calls a file."""
    return encodable(inside(path, repository) or path)


def told_apart(
    findings: Iterable[Finding], known: Iterable[KnownFindings]
) -> tuple[tuple[Finding, ...], tuple[KnownFindings, ...], tuple[KnownFindings, ...]]:
    """The findings of a file that are new, then which were known, and which known ones are gone, with their numbers.

    Of findings that are alike the last are taken to be the new ones.
    """
    left = {(one.code, one.symbol, one.cache, one.key): one.count for one in known}
    allowed = dict(left)
    new = []
    for finding in findings:
        identity = _identity(finding)
        if left.get(identity, 0):
            left[identity] -= 1
        else:
            new.append(finding)
    met = tuple(KnownFindings(*one, count - left[one]) for one, count in allowed.items() if count > left[one])
    return tuple(new), met, tuple(KnownFindings(*one, count) for one, count in left.items() if count)


class Baselines:
    """The baselines of a run: the one that was named, or else that of each directory's settings."""

    def __init__(self, named: str | None = None) -> None:
        self._named = named
        self._read: dict[str, Baseline | FileError] = {}
        self._repositories: dict[str, set[str]] = {}

    def applied(self, discovery: Discovery) -> Discovery:
        """Give each file what is known of it; one whose baseline cannot be used is left out, with an error."""
        given = [self.given(found) for found in discovery.files]
        files = tuple(one for one in given if isinstance(one, Found))
        errors = (one for one in given if isinstance(one, FileError))
        return Discovery(files, tuple(dict.fromkeys((*discovery.errors, *errors))))

    def given(self, found: Found) -> Found | FileError:
        """The file with what is known of it, or why that cannot be known."""
        baseline = self._of(found)
        if not isinstance(baseline, Baseline):
            return found if baseline is None else baseline
        self._repositories.setdefault(baseline.place, set()).add(found.settings.repository)
        known = baseline.known.get(name_in_baseline(found.path, found.settings.repository), ())
        return msgspec.structs.replace(found, known=known) if known else found

    def gone(self, reports: Iterable[tuple[Found, tuple[KnownFindings, ...]]]) -> Iterator[Gone]:
        """Name the entries that nothing answers to any more, of checked files and of those that are no more."""
        for found, missing in reports:
            baseline = self._of(found) if missing else None
            name = name_in_baseline(found.path, found.settings.repository)
            if isinstance(baseline, Baseline):
                yield from (_gone(baseline, name, one) for one in missing)
        for baseline in self._read.values():
            if isinstance(baseline, Baseline):
                yield from self._vanished(baseline)

    def _vanished(self, baseline: Baseline) -> Iterator[Gone]:
        for path, known in baseline.known.items():
            if not any(Path(repository, path).exists() for repository in self._repositories.get(baseline.place, ())):
                yield from (_gone(baseline, path, one) for one in known)

    def _of(self, found: Found) -> Baseline | FileError | None:
        place = self._named or found.settings.baseline
        if place is None:
            return None
        if place not in self._read:
            try:
                self._read[place] = read_baseline(place)
            except BaselineError as error:
                self._read[place] = error.error
        return self._read[place]


def _gone(baseline: Baseline, path: str, missing: KnownFindings) -> Gone:
    identity = missing.code, missing.symbol, missing.cache, missing.key
    return Gone(shown(baseline.place), baseline.lines[path, identity], path, missing)


def _identity(finding: Finding) -> Identity:
    return finding.code, encodable(finding.symbol), encodable(finding.cache), encodable(finding.key)


def _entries(place: str, data: bytes) -> Iterator[tuple[int, _Entry]]:
    """Read the entries with their lines. Raises BaselineError."""
    written = _decoded(place, data, data, _Written, 1)
    if written.version != VERSION:
        line = data.count(b"\n", 0, max(data.find(b'"version"'), 0)) + 1
        message = f"is of version {written.version}; this leaklint reads version {VERSION}"
        raise BaselineError(FileError(shown(place), message, line))
    reached, line = 0, 1
    start = data.find(b"[")
    for raw in map(bytes, written.findings):
        start = data.find(raw, start)
        line += data.count(b"\n", reached, start)
        reached = start
        yield line, _decoded(place, data, raw, _Entry, line)
        start += len(raw)


def _decoded(place: str, data: bytes, part: bytes, kind: type[Kind], line: int) -> Kind:
    """Read a part of a baseline, which begins on `line`. Raises BaselineError."""
    try:
        return msgspec.json.decode(part, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = re.search(r" \(byte (\d+)\)$", str(error))
        if found is not None:
            line += part.count(b"\n", 0, int(found[1]))
        elif not isinstance(error, msgspec.ValidationError):
            line = data.count(b"\n", 0, len(data.rstrip())) + 1
        reason = str(error)[: found.start() if found else None]
        message = f"is not a baseline: {reason[:1].lower()}{reason[1:]}"
        raise BaselineError(FileError(shown(place), message, line)) from error
