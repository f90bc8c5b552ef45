"""One run over many repositories: which are left to do, who does them, and what is written when one comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from leaklint.fleet import record
from leaklint.fleet.cluster import connected
from leaklint.fleet.lock import locked
from leaklint.fleet.page import findings_in, write_page
from leaklint.fleet.pool import Pool, each, processes
from leaklint.fleet.record import Record
from leaklint.fleet.repositories import Asked, Refused, Repository, found
from leaklint.fleet.summary import Totals, write_summary
from leaklint.fleet.work import Order
from leaklint.run import available_processors

WORKSPACE = ".work"
"""Holds the working trees of this machine while a run lasts; what a killed run left there goes with the next one."""

REMOTE_BATCH = 4
"""Repositories that a cluster's worker is given at once."""

Progress = Callable[[Record, int], None]
"""Is told of each repository that has come back, and how many there are in all."""


class Run(msgspec.Struct, frozen=True):
    """Where the results go and how they are made."""

    output: Path
    order: Order = Order()
    jobs: int | None = None
    resume: bool = False
    scheduler: str | None = None


def fleet(run: Run, asked: list[Asked], progress: Progress) -> Totals:
    """Do all repositories and write everything. Raises OSError, SourceError, ClusterError and LockedError."""
    (run.output / record.FOLDER).mkdir(parents=True, exist_ok=True)
    with locked(run.output):
        return _alone(run, asked, progress)


def _alone(run: Run, asked: list[Asked], progress: Progress) -> Totals:
    with _workers(run) as (pool, workers, order, size):
        slugs, todo = _sorted(run, asked)
        for repository, result in each(todo, order, pool, workers, size):
            progress(record.keep(run.output, repository, run.order, result), len(todo))
    totals = write_summary(run.output / "summary.json", record.records(run.output, slugs))
    write_page(
        run.output / "index.html",
        lambda: record.records(run.output, slugs),
        findings_in(run.output / record.FOLDER),
    )
    return totals


def _sorted(run: Run, asked: list[Asked]) -> tuple[list[str], list[Repository]]:
    """Name all repositories of the run, and those that are still to do; what cannot be begun is written down."""
    slugs, todo = [], []
    for one in found(asked):
        slugs.append(one.slug)
        if isinstance(one, Refused):
            record.refuse(run.output, one)
        elif not (run.resume and record.is_done(run.output, one, run.order)):
            # What an earlier run left must not be taken for the result of this one if it is interrupted.
            (run.output / record.FOLDER / one.slug / record.RECORD).unlink(missing_ok=True)
            todo.append(one)
    return slugs, todo


@contextmanager
def _workers(run: Run) -> Iterator[tuple[Pool, int, Order, int]]:
    workspace = run.output / WORKSPACE
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir()
    here = msgspec.structs.replace(run.order, workspace=str(workspace.resolve()))
    try:
        if run.scheduler is None:
            jobs = run.jobs or available_processors()
            yield lambda: processes(jobs), jobs, here, 1
        else:
            # The machines of a cluster have temporary directories of their own.
            with connected(run.scheduler) as cluster:
                yield cluster.executor, cluster.workers, run.order, REMOTE_BATCH
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
