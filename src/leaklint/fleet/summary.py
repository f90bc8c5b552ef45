"""`summary.json`: all repositories in short, written one at a time, so that any number of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from leaklint import __version__
from leaklint.fleet.record import Record

VERSION = 1


class Totals(msgspec.Struct):
    """Counts over the repositories of a run."""

    repositories: int = 0
    failed: int = 0
    files: int = 0
    lines: int = 0
    findings: int = 0
    repaired: int = 0
    errors: int = 0
    known: int = 0
    timed_out: int = 0

    def add(self, record: Record) -> None:
        """Count a repository in."""
        self.repositories += 1
        self.failed += record.failure is not None
        self.files += record.files
        self.lines += record.lines
        self.findings += record.findings
        self.repaired += record.repaired
        self.errors += len(record.errors)
        self.known += record.known
        self.timed_out += len(record.timed_out)


def write_summary(path: Path, records: Iterable[Record]) -> Totals:
    """Write the summary, whole or not at all, and return the totals."""
    totals = Totals()
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as file:
        file.write(b'{"version": %d, "leaklint": "%s", "repositories": [' % (VERSION, __version__.encode()))
        for record in records:
            file.write(b",\n  " if totals.repositories else b"\n  ")
            file.write(msgspec.json.encode(record))
            totals.add(record)
        file.write(b'\n], "totals": %s}\n' % msgspec.json.encode(totals))
    temporary.replace(path)
    return totals


def problems(path: Path) -> Iterator[str]:
    """Name each repository that failed and each file that could not be done, one a line."""
    with path.open("rb") as file:
        for line in file:
            if not line.startswith(b"  "):
                continue
            record = msgspec.json.decode(line.strip().removesuffix(b","), type=Record)
            if record.failure is not None:
                yield f"{record.repository}: error: {record.failure}"
            yield from (f"{record.repository}: {error}" for error in record.errors)
