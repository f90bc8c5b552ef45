"""What is kept of a measurement: the machine, the versions, what each command cost, and how the time grows."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.speed.growth import Grown
from benchmarks.speed.process import Usage, middle

if TYPE_CHECKING:
    from benchmarks.speed.rounds import Runs

RECORD = Path(__file__).with_name("result.json")


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    system: str
    processor: str
    processors: int
    python: str


class Read(msgspec.Struct, frozen=True):
    """How much there was to read of a subject."""

    files: int
    lines: int


class Cost(msgspec.Struct, frozen=True):
    """The medians of a command's runs on a subject."""

    subject: str
    command: str
    runs: int
    usage: Usage


class Record(msgspec.Struct, frozen=True):
    """One measurement, whole. `versions` has every tool that took part."""

    machine: Machine
    versions: dict[str, str]
    subjects: dict[str, Read]
    costs: tuple[Cost, ...]
    growth: tuple[Grown, ...]
    megabytes: tuple[Grown, ...]

    def usages(self, subject: str) -> dict[str, Usage]:
        """What each command cost on a subject."""
        return {cost.command: cost.usage for cost in self.costs if cost.subject == subject}


def costs(runs: Runs) -> tuple[Cost, ...]:
    """Take the median of the runs of each command."""
    return tuple(Cost(*key, len(done), middle(done)) for key, done in runs.items())


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(platform.system(), _processor(), os.cpu_count() or 1, platform.python_version())


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded measurement; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(record: Record, path: Path = RECORD) -> None:
    """Write a measurement down."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
