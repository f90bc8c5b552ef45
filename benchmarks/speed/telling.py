"""Says how far a long measurement is: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.speed.rounds import Tell

_A_SECOND = 1
"""How often the bar is drawn: the machine is to be left to what is measured."""


@contextmanager
def progress(most_steps: int) -> Iterator[Tell]:
    """Hand out what each step is told to when it begins; there may be fewer of them."""
    if not sys.stderr.isatty():
        yield lambda words: click.echo(words, err=True)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=_A_SECOND) as bar:
        task = bar.add_task("", total=most_steps)
        begun = 0

        def tell(words: str) -> None:
            nonlocal begun
            bar.update(task, completed=begun, description=words)
            begun += 1

        yield tell
