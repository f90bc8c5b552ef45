"""Brings repaired files to disk, or shows them as a patch that `git apply` and `patch -p1` take."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from leaklint.model import FileError
from leaklint.source import SourceError, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.outcome import Outcome

CONTEXT = 3
"""Unchanged lines around each change in a patch."""

MEANWHILE = "changed while it was being repaired, and was left alone; run leaklint again"


def store(outcome: Outcome) -> FileError | None:
    """Write the repaired file if there is one; return why it could not be written."""
    path = outcome.report.path
    if outcome.after is None:
        return None
    try:
        if Path(path).read_bytes() != outcome.before:
            return FileError(path, MEANWHILE)
        write_atomically(path, outcome.after)
    except SourceError as error:
        return FileError(path, error.message)
    except OSError as error:
        return FileError(path, f"cannot be read again: {error.strerror}")
    return None


def patch(outcome: Outcome) -> bytes:
    """Write what changes as a unified diff; nothing if nothing does."""
    if outcome.after is None or outcome.before is None:
        return b""
    name = Path(outcome.report.path).as_posix().lstrip("/").encode("utf-8", "surrogateescape")
    changes = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(outcome.before),
        _lines(outcome.after),
        b"a/" + name,
        b"b/" + name,
        n=CONTEXT,
    )
    return b"".join(_ended(changes))


def _lines(data: bytes) -> list[bytes]:
    """Split at line feeds only, as git does; what is at the end of a line stays with it."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [line for line in data.split(b"\n")[-1:] if line]


def _ended(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
