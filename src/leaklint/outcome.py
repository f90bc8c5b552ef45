"""What became of one file, as it is handed from process to process and kept for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint.basis import Basis
from leaklint.model import FileError, FileReport, Finding

if TYPE_CHECKING:
    from leaklint.files import Found


class Outcome(msgspec.Struct, frozen=True):
    """What became of one file.

    The report tells what is to be shown. Its positions belong to `after`, the repaired bytes, or if there are none to
    `before`, the bytes that were read; both are None where nobody needs them.
    """

    report: FileReport
    repository: str
    fixed: tuple[Finding, ...] = ()
    before: bytes | None = None
    after: bytes | None = None
    basis: Basis | None = None
    """What the report rests on, if it may be kept for the next run."""


def failed(found: Found, message: str, line: int | None = None, column: int | None = None) -> Outcome:
    """Say of a file why it could not be worked on."""
    return Outcome(
        report=FileReport(found.path, errors=(FileError(found.path, message, line, column),)),
        repository=found.settings.repository,
    )
