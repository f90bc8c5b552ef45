"""A bar on a terminal while a fleet is worked on: repository, files, findings, time left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leaklint.fleet.record import Record


def progress_on_terminal(stack: ExitStack) -> Callable[[Record, int], None]:
    """Show how far a run is until `stack` closes; it is told of each repository that is done, and of their number."""
    if not sys.stderr.isatty():
        return lambda _record, _total: None
    counts = TextColumn("{task.fields[files]:,} files, {task.fields[findings]:,} findings")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), counts)
    bar = stack.enter_context(Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True))
    task = bar.add_task("", total=None, files=0, findings=0)

    def progress(record: Record, total: int) -> None:
        so_far = bar.tasks[0].fields
        bar.update(
            task,
            description=record.slug,
            total=total,
            advance=1,
            files=so_far["files"] + record.files,
            findings=so_far["findings"] + record.findings,
        )

    return progress
