"""Runs work on many files, in this process or in several, and hands back the outcomes in the order of the files.

A process that dies takes only the file with it that killed it: the files it had in hand are done again one by one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, TypeAlias

from leaklint.files import Found
from leaklint.outcome import Outcome, failed

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

Work: TypeAlias = Callable[[Found], Outcome]
"""Does one file. It is sent to other processes, so it is a function of a module, or a `functools.partial` of one."""

Batch: TypeAlias = tuple[Found, ...]

Death: TypeAlias = Callable[[float], str]
"""Says why a process died that had worked on one file for so many seconds."""

LARGEST_BATCH = 32
DIED = "the process that worked on this file died; it was left as it is"


def run(
    work: Work,
    files: Sequence[Found],
    jobs: int | None = None,
    executor: Executor | None = None,
    death: Death | None = None,
) -> Iterator[Outcome]:
    """Do `work` on all files.

    `jobs` is the number of processes, as many as there are processors if it is None; with one the work is done in this
    process. `executor` is used instead of processes of our own: any :class:`concurrent.futures.Executor`, one that
    reaches other machines included. It is not shut down. `death` says why a process died; whoever gives it expects
    one, so that even a single file gets a process.
    """
    jobs = jobs or available_processors()
    if executor is None and (jobs == 1 or (len(files) < 2 and death is None)):
        yield from map(work, files)
        return
    batches = _batches(files, jobs)
    done: dict[int, tuple[Outcome, ...]] = {}
    position = 0
    while position < len(batches):
        pool = executor or _workers(min(jobs, len(batches)))
        try:
            for outcomes in _until_broken(pool, work, batches, position, done):
                position += 1
                yield from outcomes
        finally:
            if pool is not executor:
                pool.shutdown(cancel_futures=True)
        if position < len(batches):
            executor = None
            yield from _one_by_one(work, batches[position], death or _died)
            position += 1


def available_processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batches(files: Sequence[Found], jobs: int) -> list[Batch]:
    # Several batches for each process, so that one full of long files does not keep all waiting.
    size = max(1, min(LARGEST_BATCH, len(files) // (jobs * 4)))
    return [tuple(files[start : start + size]) for start in range(0, len(files), size)]


def _until_broken(
    pool: Executor, work: Work, batches: Sequence[Batch], position: int, done: dict[int, tuple[Outcome, ...]]
) -> Iterator[tuple[Outcome, ...]]:
    """Do the batches from `position` on, up to the first that a dead process took with it.

    Later batches that were finished by then are left in `done`, and taken from there.
    """
    futures: dict[int, Future[tuple[Outcome, ...]]] = {}
    try:
        for index in range(position, len(batches)):
            if index not in done:
                futures[index] = pool.submit(_do_batch, work, batches[index])
        for index in range(position, len(batches)):
            yield done.pop(index) if index in done else futures.pop(index).result()
    except BrokenExecutor:
        for index, future in futures.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                done[index] = future.result()


def _do_batch(work: Work, batch: Batch) -> tuple[Outcome, ...]:
    return tuple(work(found) for found in batch)


def _one_by_one(work: Work, batch: Batch, death: Death) -> Iterator[Outcome]:
    """Do each file by itself in one worker, and take a fresh worker when it dies."""
    remaining = list(reversed(batch))
    while remaining:
        begun = 0.0
        with _workers(1) as pool, suppress(BrokenExecutor):
            while remaining:
                begun = time.monotonic()
                yield pool.submit(work, remaining[-1]).result()
                remaining.pop()
        if remaining:
            yield failed(remaining.pop(), death(time.monotonic() - begun))


def _died(_lasted: float) -> str:
    return DIED


def context() -> BaseContext:
    """Choose how processes are started.

    Not by `fork`, which may copy a lock that another thread holds; Python warns about it.
    """
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


def belong_to_parent() -> None:
    """Make this process a worker: it leaves interrupts to its parent, and does not outlive it.

    The workers of a pool keep one another waiting for more when their parent is killed, for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _workers(count: int) -> ProcessPoolExecutor:
    most = 61 if sys.platform == "win32" else count
    return ProcessPoolExecutor(min(count, most), mp_context=context(), initializer=belong_to_parent)
