"""What is kept of a run over the corpus: versions, sizes, seconds, findings by verdict, for documentation to quote."""

from __future__ import annotations

import platform
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from benchmarks.corpus.labels import VERDICTS
from benchmarks.linting import is_fault
from leaklint import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.corpus.labels import Judged
    from benchmarks.corpus.measure import Measured

RECORD = Path(__file__).with_name("result.json")
UNLABELLED = "unlabelled"

Counts: TypeAlias = dict[str, dict[str, int]]
"""How many findings of each code got each verdict, or are unlabelled."""


class PackageRecord(msgspec.Struct, frozen=True):
    """One package. `unreadable` files are not Python for the interpreter that ran; `faults` are leaklint's own."""

    version: str
    files: int
    lines: int
    seconds: float
    unreadable: int
    faults: int
    findings: Counts


class Record(msgspec.Struct, frozen=True):
    """All packages, each as of the last run that was recorded."""

    leaklint: str
    python: str
    packages: dict[str, PackageRecord]


def package_record(measured: Measured, judged: Judged) -> PackageRecord:
    """Count one package."""
    faults = sum(is_fault(error) for error in measured.errors)
    counted: dict[str, Counter[str]] = {}
    for subject, verdict in judged.verdicts:
        counted.setdefault(subject.code, Counter())[verdict or UNLABELLED] += 1
    return PackageRecord(
        version=measured.release.version,
        files=len(measured.outcomes),
        lines=measured.lines,
        seconds=round(measured.seconds, 1),
        unreadable=len(measured.errors) - faults,
        faults=faults,
        findings={code: dict(sorted(counts.items())) for code, counts in sorted(counted.items())},
    )


def summed(packages: Iterable[PackageRecord]) -> Counts:
    """Add up the findings of packages, by code."""
    total: dict[str, Counter[str]] = {}
    for package in packages:
        for code, counts in package.findings.items():
            total.setdefault(code, Counter()).update(counts)
    return {code: dict(counts) for code, counts in sorted(total.items())}


def precision(counts: Iterable[dict[str, int]]) -> float | None:
    """The share of real leaks among the labelled findings; None if none is labelled."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    labelled = sum(added[verdict] for verdict in VERDICTS)
    return added["real"] / labelled if labelled else None


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded result; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(packages: dict[str, PackageRecord], path: Path = RECORD) -> None:
    """Write packages down; those that were not checked now keep what was recorded of them."""
    known = load(path)
    kept = {**(known.packages if known else {}), **packages}
    record = Record(__version__, platform.python_version(), dict(sorted(kept.items())))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
