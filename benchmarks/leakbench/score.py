"""Counts what LeakBench found, keeps it in a file, and says whether a later run is worse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.leakbench.runner import MODES, Mode, Results, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = Path(__file__).with_name("result.json")
RECORD_OF_MORE = Path(__file__).with_name("more_result.json")


class Score(msgspec.Struct, frozen=True):
    """How many leaks were found and how many alarms are false, in one mode."""

    found: int
    leaks: int
    alarms_after_fix: int
    fixed: int
    alarms_on_look_alikes: int
    look_alikes: int
    faults: int

    def is_worse_than(self, other: Score) -> bool:
        """Whether anything is worse than it was."""
        alarms = self.alarms_after_fix + self.alarms_on_look_alikes + self.faults
        return self.found < other.found or alarms > (
            other.alarms_after_fix + other.alarms_on_look_alikes + other.faults
        )


class Record(msgspec.Struct, frozen=True):
    """What is kept of a run: the score of each mode, and what was said of each leak, by its id."""

    scores: dict[Mode, Score]
    leaks: dict[str, dict[Mode, str | None]]


def record_of(results: Results) -> Record:
    """Count a run."""
    return Record(
        {mode: score(results, mode) for mode in MODES},
        {result.leak.id: {mode: result.before.by(mode) for mode in MODES} for result in results.leaks},
    )


def score(results: Results, mode: Mode) -> Score:
    """Count what one mode said."""
    before = [result.before for result in results.leaks]
    after = [result.after for result in results.leaks if result.after is not None]
    look_alikes = [result.seen for result in results.look_alikes]
    return Score(
        found=_told(before, mode),
        leaks=len(before),
        alarms_after_fix=_told(after, mode),
        fixed=len(after),
        alarms_on_look_alikes=_told(look_alikes, mode),
        look_alikes=len(look_alikes),
        faults=sum(seen.fault is not None for seen in (*before, *after, *look_alikes)),
    )


def _told(all_seen: Iterable[Seen], mode: Mode) -> int:
    return sum(seen.by(mode) is not None for seen in all_seen)


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded run; None if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(record: Record, path: Path = RECORD) -> None:
    """Write a run down."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def changes(record: Record, recorded: Record) -> list[str]:
    """Say of each leak and mode what moved since the recorded run, one line each."""
    return [
        f"{name} ({mode}): {before or 'missed'} became {now or 'missed'}"
        for name, said in record.leaks.items()
        for mode, now in said.items()
        if name in recorded.leaks and (before := recorded.leaks[name].get(mode)) != now
    ]


def is_worse(record: Record, recorded: Record) -> bool:
    """Whether one of the modes is worse than it was."""
    return any(record.scores[mode].is_worse_than(recorded.scores[mode]) for mode in MODES)
