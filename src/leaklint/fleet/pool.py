"""Hands repositories to processes, here or on other machines, and brings every one back exactly once.

A process that dies takes the whole pool of :mod:`concurrent.futures` with it. What was in its hands and in those of its
neighbours is then done again, each repository by itself with every file in a process of its own, so that the file which
kills is named and nobody else pays for it. No more is handed out than keeps everyone busy: the driver's memory does not
grow with the number of repositories.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TypeAlias

from leaklint.fleet.repositories import Repository
from leaklint.fleet.work import Order, Result, do, do_all
from leaklint.run import belong_to_parent, context

Batch: TypeAlias = tuple[Repository, ...]
Done: TypeAlias = tuple[Repository, Result]
Pool: TypeAlias = Callable[[], Executor]

IN_HAND = 2
"""Batches for each worker: one that it does, and one that waits so that it need not."""

DIED = "the process that worked on this repository died, twice"


def each(todo: Iterable[Repository], order: Order, pool: Pool, workers: int, size: int) -> Iterator[Done]:
    """Do every repository, in the order in which they are finished. `pool` makes an executor; one for each death."""
    batches = _batches(iter(todo), size)
    more = True
    while more:
        executor = pool()
        suspects: list[Repository] = []
        try:
            more = yield from _until_broken(executor, batches, order, workers, suspects)
        finally:
            executor.shutdown(wait=not suspects)
        for repository in suspects:
            yield repository, alone(repository, order)


def alone(repository: Repository, order: Order) -> Result:
    """Do a repository in a process of its own, and each of its files in another."""
    try:
        with processes(1) as executor:
            return executor.submit(do, repository, order, 2).result()
    except Exception:
        return Result(repository.slug, failure=DIED)


def processes(workers: int) -> ProcessPoolExecutor:
    """Make a pool of processes on this machine."""
    return ProcessPoolExecutor(workers, mp_context=context(), initializer=belong_to_parent)


def _until_broken(
    executor: Executor, batches: Iterator[Batch], order: Order, workers: int, suspects: list[Repository]
) -> Generator[Done, None, bool]:
    """Do batches until there are none, or until a worker has died; returns whether there may be more."""
    futures: dict[Future[tuple[Result, ...]], Batch] = {}
    try:
        return (yield from _drained(executor, batches, order, workers, suspects, futures))
    finally:
        # Only an interrupt leaves any; not every executor can cancel them when it shuts down.
        for future in futures:
            future.cancel()


def _drained(
    executor: Executor,
    batches: Iterator[Batch],
    order: Order,
    workers: int,
    suspects: list[Repository],
    futures: dict[Future[tuple[Result, ...]], Batch],
) -> Generator[Done, None, bool]:
    while not suspects:
        for batch in islice(batches, workers * IN_HAND - len(futures)):
            futures[_submitted(executor, batch, order)] = batch
        if not futures:
            break
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            yield from _taken(future, futures.pop(future), suspects)
    if not suspects:
        return False
    while futures:
        yield from _taken(*futures.popitem(), suspects)
    return True


def _submitted(executor: Executor, batch: Batch, order: Order) -> Future[tuple[Result, ...]]:
    """Hand out a batch; a pool that is broken already gives a future that says so."""
    try:
        return executor.submit(do_all, batch, order)
    except Exception as error:
        failed: Future[tuple[Result, ...]] = Future()
        failed.set_exception(error)
        return failed


def _taken(future: Future[tuple[Result, ...]], batch: Batch, suspects: list[Repository]) -> Iterator[Done]:
    """Hand out what a future brings; the repositories of one that failed become suspects."""
    try:
        results = future.result()
    except Exception:
        suspects.extend(batch)
        return
    yield from zip(batch, results, strict=True)


def _batches(todo: Iterator[Repository], size: int) -> Iterator[Batch]:
    while batch := tuple(islice(todo, size)):
        yield batch
