"""What is kept of a run: each finding with what became of it, and the shares that are repaired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.repairs.measure import Repaired
from leaklint import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.repairs.measure import Told

RECORD = Path(__file__).with_name("result.json")


class Share(msgspec.Struct, frozen=True):
    """So many of so many findings were repaired."""

    repaired: int
    findings: int

    def __str__(self) -> str:
        return f"{self.repaired} of {self.findings}" + (
            f" ({self.repaired / self.findings:.0%})" if self.findings else ""
        )


class Record(msgspec.Struct, frozen=True):
    """One run, whole."""

    leaklint: str
    releases: tuple[Repaired, ...]


def share(findings: Iterable[Told]) -> Share:
    """Count what was repaired."""
    all_told = list(findings)
    return Share(sum(told.left is None for told in all_told), len(all_told))


def findings_of(releases: Iterable[Repaired], *, only_real: bool = False) -> list[Told]:
    """The findings of all releases, or those that are leaks by the word of a reader."""
    return [told for release in releases for told in release.findings if told.is_real or not only_real]


def totals(releases: Iterable[Repaired]) -> dict[str, Share]:
    """The shares that are quoted, by what they are shares of."""
    every = tuple(releases)
    of_leakbench = [release for release in every if release.origin == "leakbench"]
    of_corpus = [release for release in every if release.origin == "corpus"]
    return {
        "LeakBench's leaking releases": share(findings_of(of_leakbench)),
        "real leaks of the corpus": share(findings_of(of_corpus, only_real=True)),
        "real leaks of both": share(findings_of(every, only_real=True)),
        "all findings of both": share(findings_of(every)),
    }


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded run; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(releases: Iterable[Repaired], path: Path = RECORD) -> None:
    """Write a run down."""
    record = Record(__version__, tuple(releases))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
