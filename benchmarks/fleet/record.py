"""What is kept of a measurement: the machine, the versions, and each run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.fleet.measure import Measured
from benchmarks.speed.record import Machine

RECORD = Path(__file__).with_name("result.json")


class Record(msgspec.Struct, frozen=True):
    """One measurement, whole; the last two runs are over all repositories, by two workers and by one."""

    leaklint: str
    machine: Machine
    runs: tuple[Measured, ...]


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded measurement; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(record: Record, path: Path = RECORD) -> None:
    """Write a measurement down."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
