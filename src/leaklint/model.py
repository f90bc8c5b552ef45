"""What leaklint says about a file: plain frozen data that every layer above may hand on.

Lines count from 1. Columns count from 0 in UTF-8 bytes of the line, as in Python's own ``ast``;
:mod:`leaklint.source` turns them into characters. Offsets of an edit count characters of the decoded file.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Safety = Literal["safe", "unsafe"]

MODULES_APART = 10_000_000
"""Lines of another module are counted from a multiple of this, so that no two places of two files are the same."""


class Span(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A stretch of a file, from its first character to just behind its last one."""

    line: int
    column: int
    end_line: int
    end_column: int

    def contains(self, other: Span) -> bool:
        """Whether `other` lies wholly within this span."""
        starts_before = (self.line, self.column) <= (other.line, other.column)
        return starts_before and (other.end_line, other.end_column) <= (self.end_line, self.end_column)


class Step(msgspec.Struct, frozen=True):
    """One hop on the way of a key: built, handed over, inserted, evicted."""

    path: str
    span: Span
    note: str


class Edit(msgspec.Struct, frozen=True, order=True):
    """Replace the characters `start` to `end` of the decoded file by `text`."""

    start: int
    end: int
    text: str


class Fix(msgspec.Struct, frozen=True):
    """Edits that repair one finding; they do not overlap and are sorted."""

    safety: Safety
    edits: tuple[Edit, ...]
    risk: str | None = None
    """Why it is unsafe, in a sentence without a full stop; None if it is safe."""


class Finding(msgspec.Struct, frozen=True):
    """One leak, told by its most specific rule."""

    code: str
    name: str
    message: str
    path: str
    span: Span
    cache: str
    key: str
    trace: tuple[Step, ...]
    advice: str
    symbol: str
    """Qualified name of the function the finding stands in; part of the fingerprint."""
    fix: Fix | None = None
    fix_refused: str | None = None
    """Why there is no fix, in a sentence without a full stop, or None."""


class FileError(msgspec.Struct, frozen=True):
    """Why a file could not be checked, or not be written."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None


class KnownFindings(msgspec.Struct, frozen=True):
    """Findings of a file that are alike, and that its project has agreed to live with: so many of them."""

    code: str
    symbol: str
    cache: str
    key: str
    count: int


class Gone(msgspec.Struct, frozen=True):
    """An entry of a baseline, by the baseline's path and line, that no finding of the file at `path` answers to."""

    baseline: str
    line: int
    path: str
    known: KnownFindings


class FileReport(msgspec.Struct, frozen=True):
    """All that is known of one file after it was checked."""

    path: str
    findings: tuple[Finding, ...] = ()
    errors: tuple[FileError, ...] = ()
    given_up: tuple[str, ...] = ()
    """Functions that were not analysed to their end, because that would have taken too long."""
    known: tuple[KnownFindings, ...] = ()
    """Findings that are left out, because the baseline has them."""
    gone: tuple[KnownFindings, ...] = ()
    """What the baseline has, and the file has no longer."""
