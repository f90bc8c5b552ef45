"""A pool that runs a batch's work, tries refused calls again for a bounded time and keeps the results in order."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from leaklint.reference.errors import CapacityError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leaklint.reference.configuration import RetryLimits
    from leaklint.reference.contexts import RowContext

Work = TypeVar("Work")
Answer = TypeVar("Answer")


class Outcome(msgspec.Struct, Generic[Answer], frozen=True):
    """What became of one piece of work: an answer, or the error that stands in its place."""

    answer: Answer | None = None
    error: str | None = None


class _Clock(msgspec.Struct, frozen=True):
    """One batch's time: when it ends, and the event that ends it early."""

    ends_at: float
    stopped: threading.Event


class PooledExecutor:
    """Runs each batch in a pool of its own, which is empty again when the batch returns."""

    def __init__(self, pool_size: int, limits: RetryLimits) -> None:
        self._pool_size = pool_size
        self._limits = limits

    def execute_batch(
        self,
        contexts: Sequence[RowContext[Work]],
        process_fn: Callable[[Work, str], Answer],
    ) -> list[Outcome[Answer]]:
        """Call `process_fn(context.row, context.state_id)` for every context; outcomes are in the contexts' order.

        A QueryError becomes the outcome of its context. Any other exception ends the batch: work that has not begun is
        dropped, work under way is awaited, then the exception is raised. No work runs any more once this has returned
        or raised, so that whatever the work has cached can be evicted for good.
        """
        clock = _Clock(time.monotonic() + self._limits.batch_seconds, threading.Event())
        with ThreadPoolExecutor(self._pool_size, thread_name_prefix="query") as pool:
            try:
                futures = [pool.submit(self._execute_one, context, process_fn, clock) for context in contexts]
                return [future.result() for future in futures]
            except BaseException:
                clock.stopped.set()
                raise

    def _execute_one(
        self,
        context: RowContext[Work],
        process_fn: Callable[[Work, str], Answer],
        clock: _Clock,
    ) -> Outcome[Answer]:
        give_up_at = min(time.monotonic() + self._limits.retry_seconds, clock.ends_at)
        wait = self._limits.first_wait_seconds
        while time.monotonic() < clock.ends_at and not clock.stopped.is_set():
            outcome = _attempt(context, process_fn)
            if isinstance(outcome, Outcome):
                return outcome
            pause = wait if outcome.retry_after_seconds is None else outcome.retry_after_seconds
            pause = max(pause, self._limits.first_wait_seconds)
            if time.monotonic() + pause > give_up_at:
                return Outcome(error=f"{outcome} until the retry time was over")
            clock.stopped.wait(pause)
            wait = min(wait * 2, self._limits.longest_wait_seconds)
        return Outcome(error="the batch's time was over before the call")


def _attempt(
    context: RowContext[Work],
    process_fn: Callable[[Work, str], Answer],
) -> Outcome[Answer] | CapacityError:
    try:
        return Outcome(answer=process_fn(context.row, context.state_id))
    except CapacityError as refusal:
        return refusal
    except QueryError as error:
        return Outcome(error=str(error))
