"""All that a format may print: located findings, errors and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint.fingerprint import fingerprints
from leaklint.model import FileError, Finding, Gone, Span
from leaklint.paths import encodable, inside, shown
from leaklint.source import Source, SourceError, decode, offset, position, read

if TYPE_CHECKING:
    from leaklint.outcome import Outcome

SourceOf: TypeAlias = Callable[[str], Source | None]
"""From a path to the file that positions in it belong to; None if it cannot be read."""


class Place(msgspec.Struct, frozen=True):
    """A stretch of a file in characters: lines and columns count from 1, the end is just behind the last character."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


class Located(msgspec.Struct, frozen=True):
    """A finding, where it is in characters, the same for the steps of its trace, and its fingerprint."""

    finding: Finding
    place: Place
    steps: tuple[Place, ...]
    fingerprint: str


class Document(msgspec.Struct, frozen=True):
    """One run over `files` files, `checked` of which could be checked.

    `fixed` are the findings that were repaired, or would be if the files were written.
    """

    findings: tuple[Located, ...]
    fixed: tuple[Finding, ...]
    errors: tuple[FileError, ...]
    files: int
    checked: int
    given_up: tuple[tuple[str, tuple[str, ...]], ...]
    """Files with functions that were not analysed to their end."""
    source_of: SourceOf
    known: int = 0
    """How many findings are left out because the baseline has them."""
    gone: tuple[Gone, ...] = ()
    """Entries of the baseline that can go."""


def document(outcomes: Iterable[Outcome], errors: Iterable[FileError] = (), gone: Iterable[Gone] = ()) -> Document:
    """Put the outcomes of a run together. `errors` are those that no file's outcome tells."""
    outcomes = tuple(outcomes)
    by_path = {outcome.report.path: outcome for outcome in outcomes}
    source_of = _reader({path: outcome.after or outcome.before for path, outcome in by_path.items()})
    # A trace that leads through another file tells of that file as it was read, whatever has become of it since.
    before = _reader({path: outcome.before for path, outcome in by_path.items()})
    return Document(
        findings=tuple(located for outcome in outcomes for located in _located(outcome, source_of, before)),
        fixed=tuple(finding for outcome in outcomes for finding in outcome.fixed),
        errors=(*errors, *(error for outcome in outcomes for error in outcome.report.errors)),
        files=len(outcomes),
        checked=sum(not outcome.report.errors for outcome in outcomes),
        given_up=tuple((path, made.report.given_up) for path, made in by_path.items() if made.report.given_up),
        source_of=source_of,
        known=sum(one.count for outcome in outcomes for one in outcome.report.known),
        gone=tuple(gone),
    )


def _located(outcome: Outcome, source_of: SourceOf, before: SourceOf) -> Iterable[Located]:
    path = outcome.report.path
    relative = inside(path, outcome.repository) or path
    findings = outcome.report.findings
    for finding, fingerprint in zip(findings, fingerprints(findings, relative), strict=True):
        yield Located(
            finding=finding,
            place=_place(path, finding.span, source_of),
            steps=tuple(
                _place(step.path, step.span, source_of if step.path == path else before) for step in finding.trace
            ),
            fingerprint=fingerprint,
        )


def _place(path: str, span: Span, source_of: SourceOf) -> Place:
    source = source_of(path)
    name = encodable(shown(path))
    if source is None:
        return Place(name, span.line, span.column + 1, span.end_line, span.end_column + 1)
    start = position(source, offset(source, span.line, span.column))
    end = position(source, offset(source, span.end_line, span.end_column))
    return Place(name, *start, *end)


def _reader(checked: dict[str, bytes | None]) -> SourceOf:
    """Read each file at most once; of the files that were checked, what was checked."""
    known: dict[str, Source | None] = {}

    def source_of(path: str) -> Source | None:
        if path not in known:
            known[path] = _source(path, checked.get(path))
        return known[path]

    return source_of


def _source(path: str, data: bytes | None) -> Source | None:
    try:
        return read(path) if data is None else decode(path, data)
    except SourceError:
        return None
