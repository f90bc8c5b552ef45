"""A progress bar on standard error, only on a terminal and only when it takes long."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds without a bar."""


def with_progress(items: Iterable[Item], total: int, label: str, patience: float = PATIENCE) -> Iterator[Item]:
    """Hand on the items of a run that makes `total` of them, and show how far it is."""
    if not sys.stderr.isatty():
        yield from items
        return
    started = time.monotonic()
    with ExitStack() as stack:
        update = None
        for number, item in enumerate(items, start=1):
            if update is None and time.monotonic() - started >= patience:
                from rich.console import Console
                from rich.progress import Progress

                bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
                task = bar.add_task(label, total=total)
                update = bar.update
            if update is not None:
                update(task, completed=number)
            yield item
