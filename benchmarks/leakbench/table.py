"""LeakBench as a table: a line for each case, and the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from benchmarks.leakbench.runner import EXTENSION

if TYPE_CHECKING:
    from benchmarks.leakbench.runner import Results, Seen
    from benchmarks.leakbench.score import Record, Score


def table(results: Results) -> Table:
    """One line for each leak, then one for each look-alike."""
    made = Table(title="LeakBench", title_justify="left")
    for heading in ("case", "class", "default rules", f"with {EXTENSION}", "after the fix"):
        made.add_column(heading, overflow="fold")
    for result in results.leaks:
        before = result.before
        made.add_row(
            result.leak.id,
            result.leak.kind,
            _found(before, before.default),
            _found(before, before.extended),
            _quiet(result.after, result.after.extended) if result.after is not None else "no fixed release",
        )
    made.add_section()
    for alike in results.look_alikes:
        seen = alike.seen
        made.add_row(alike.case.id, "look-alike", _quiet(seen, seen.default), _quiet(seen, seen.extended), "")
    return made


def totals(record: Record) -> list[str]:
    """The score of each mode in a sentence."""
    names = {"default": "default rules", "extended": f"with {EXTENSION}"}
    return [f"{names[mode]}: {_sentence(score)}" for mode, score in record.scores.items()]


def _sentence(score: Score) -> str:
    words = (
        f"found {score.found} of {score.leaks}; false alarms: {score.alarms_after_fix} of {score.fixed} after the fix, "
        f"{score.alarms_on_look_alikes} of {score.look_alikes} look-alikes"
    )
    return f"{words}; {score.faults} could not be checked" if score.faults else words


def _found(seen: Seen, code: str | None) -> Text:
    if seen.fault is not None:
        return Text(seen.fault, "red")
    return Text(code, "green") if code else Text("missed", "yellow")


def _quiet(seen: Seen, code: str | None) -> Text:
    if seen.fault is not None:
        return Text(seen.fault, "red")
    return Text(f"false alarm {code}", "red") if code else Text("silent")
