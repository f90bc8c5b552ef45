"""What a measurement makes of many more repositories on many more workers: formulas, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from benchmarks.fleet.measure import Measured
    from benchmarks.fleet.record import Record

REPOSITORIES, LINES, WORKERS, LARGEST = 10_000, 1_000_000_000, 100, 1_000_000
"""What is calculated for; the last is a large repository's lines."""

FORMULAS = """\
| | is | from |
|---|---|---|
| *v* | lines a second of one worker | `lines / seconds` of the run with one worker |
| *e* | what is left of a worker's speed beside another | `seconds` with one worker / (2 · `seconds` with two) |
| *a* | seconds of the driver for a repository before the work | `pinning / repositories` |
| *k* | the same beside the work, for what it writes | `keeping / repositories` |
| *z* | the same behind it, for summary and page | `telling / repositories` |
| *m*, *g* | memory of the driver with no repository, and for each | a line through `peak` of runs with two workers |
| *o* | bytes on disk for a repository | `output / repositories` |

For *N* repositories of *L* lines on *W* workers:

- time = *N* · (*a* + *z*) + max(*L* / (*v* · *e* · *W*), *N* · *k*) + at most the largest repository's lines / *v*, as
  one repository is one worker's and may come last
- memory of the driver = *m* + *g* · *N*
- results on disk = *o* · *N*

*e* is that of two workers on one machine, who share its memory and its disk. Workers on machines of their own share the
driver alone, which *N* · *k* stands for.
"""


UNRECORDED = "Nothing is recorded yet: `python -m benchmarks.fleet --record` on an idle machine does it."


class Rates(msgspec.Struct, frozen=True):
    """What the formulas take. Memory is in KiB."""

    lines_a_second: float
    left_beside_another: float
    before: float
    beside: float
    behind: float
    memory: float
    memory_each: float
    output_each: float


class Estimate(msgspec.Struct, frozen=True):
    """What the formulas give. Times are in seconds, memory in KiB, output in bytes."""

    working: float
    driving: float
    waiting: float
    last: float
    memory: float
    output: float

    @property
    def seconds(self) -> float:
        """From the beginning to the end."""
        return self.waiting + max(self.working, self.driving) + self.last


def rates(runs: tuple[Measured, ...]) -> Rates:
    """Take the rates from a measurement."""
    two, one = runs[-2], runs[-1]
    memory, each = _line([(run.repositories, run.peak) for run in runs if run.workers == two.workers])
    return Rates(
        lines_a_second=one.lines / one.seconds,
        left_beside_another=one.seconds / (two.workers * two.seconds),
        before=two.pinning / two.repositories,
        beside=two.keeping / two.repositories,
        behind=two.telling / two.repositories,
        memory=memory,
        memory_each=max(each, 0.0),
        output_each=two.output / two.repositories,
    )


def estimate(known: Rates, repositories: int, lines: int, workers: int, largest: int) -> Estimate:
    """Calculate for many repositories on many workers."""
    return Estimate(
        working=lines / (known.lines_a_second * known.left_beside_another * workers),
        driving=repositories * known.beside,
        waiting=repositories * (known.before + known.behind),
        last=largest / known.lines_a_second,
        memory=known.memory + known.memory_each * repositories,
        output=known.output_each * repositories,
    )


def page(record: Record | None) -> str:
    """The formulas, and what they give if something was recorded."""
    if record is None:
        return (
            f"{FORMULAS}\nNothing is recorded yet: `python -m benchmarks.fleet --record` on an idle machine does it.\n"
        )
    known = rates(record.runs)
    found = estimate(known, REPOSITORIES, LINES, WORKERS, LARGEST)
    machine = record.machine
    rows = "".join(
        f"| {run.repositories:,} | {run.workers} | {run.seconds:,.1f} | {run.lines:,} | {run.peak / 1024:,.1f} MiB |\n"
        for run in record.runs
    )
    return (
        f"{FORMULAS}\nMeasured with leaklint {record.leaklint} on {machine.processors} processors "
        f"({machine.processor}), Python {machine.python}:\n\n"
        f"| repositories | workers | seconds | lines | driver's peak |\n|--:|--:|--:|--:|--:|\n{rows}\n"
        f"*v* = {known.lines_a_second:,.0f} lines/s, *e* = {known.left_beside_another:.2f} (two workers are "
        f"{2 * known.left_beside_another:.2f} times as fast as one), *a* = {1000 * known.before:.1f} ms, *k* = "
        f"{1000 * known.beside:.1f} ms, *z* = {1000 * known.behind:.1f} ms, *m* = {known.memory / 1024:.0f} MiB, "
        f"*g* = {known.memory_each:.1f} KiB, *o* = {known.output_each / 1024:.0f} KiB.\n\n"
        f"{REPOSITORIES:,} repositories of {LINES:,} lines, the largest of {LARGEST:,}, on {WORKERS} workers so take "
        f"{hours(found.seconds)}: {hours(found.waiting)} before and behind the work, {hours(found.working)} of work, "
        f"in which the driver writes for {hours(found.driving)}, and {hours(found.last)} if the largest comes last. "
        f"The driver holds {found.memory / 1024:,.0f} MiB, and {found.output / 1024**3:.1f} GiB lie on disk.\n"
    )


def hours(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _line(points: list[tuple[int, int]]) -> tuple[float, float]:
    """The straight line of least squares: its height at 0 and its slope."""
    middle = sum(x for x, _ in points) / len(points)
    height = sum(y for _, y in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    slope = sum((x - middle) * (y - height) for x, y in points) / spread if spread else 0.0
    return height - slope * middle, slope
