"""Stand-ins for parts of the standard library: locks that cannot hang, pools under a schedule, waits that may raise."""

from __future__ import annotations

import asyncio
import builtins
import threading
from concurrent import futures
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stubs import Clock


class Deadlock(BaseException):
    """A lock was taken by whoever holds it already."""


class CheckedLock:
    """A lock for one thread of control: taking it twice is an error instead of a hang."""

    def __init__(self) -> None:
        self._held = False

    def acquire(self, *_: object) -> bool:
        """Take the lock."""
        if self._held:
            raise Deadlock
        self._held = True
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._held = False

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *details: object) -> None:
        self.release()

    async def __aenter__(self) -> None:
        self.acquire()

    async def __aexit__(self, *details: object) -> None:
        self.release()


class LateFuture(futures.Future[Any]):
    """A future whose job runs when somebody asks for its result, or when the pool closes."""

    def __init__(self, job: Callable[[], Any]) -> None:
        super().__init__()
        self._job = job

    def run(self) -> None:
        """Do the job, once."""
        if self.done() or not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(self._job())
        except BaseException as error:
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        """The result, after the job is done."""
        self.run()
        return super().result(timeout)


class SteppingGroup(getattr(asyncio, "TaskGroup", object)):  # type: ignore[misc]
    """A task group whose `create_task` may raise, as it does while the group shuts down; asyncio's own never does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def create_task(self, coroutine: Any, **options: Any) -> Any:
        """Start a task."""
        stepping(self._clock, "create_task", coroutine)
        return super().create_task(coroutine, **options)


def stepping(clock: Clock, name: str, coroutine: Any) -> None:
    """A step that is handed a coroutine; if it raises, nobody will ever await that one."""
    try:
        clock.step(name)
    except BaseException:
        coroutine.close()
        raise


class ReplayedPool(futures.Executor):
    """A thread pool under a schedule: every job at once, or as late as a pool may run it."""

    def __init__(self, clock: Clock, late: bool) -> None:
        self._clock = clock
        self._late = late
        self._jobs: list[LateFuture] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> LateFuture:
        """Accept a job."""
        self._clock.step("submit")
        future = LateFuture(lambda: function(*arguments, **named))
        self._jobs.append(future)
        if not self._late:
            future.run()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Run what has not run yet."""
        for future in self._jobs:
            if cancel_futures:
                future.cancel()
            future.run()


def imports(clock: Clock, late: bool) -> Callable[..., Any]:
    """An `__import__` that hands out checked locks, replayed pools and cancellable waits."""

    async def to_thread(function: Callable[..., Any], /, *arguments: Any) -> Any:
        result = await asyncio.to_thread(function, *arguments)
        clock.step("to_thread", awaited=True)
        return result

    async def gather(*awaitables: Any, **options: Any) -> list[Any]:
        results: list[Any] = await asyncio.gather(*awaitables, **options)
        clock.step("gather", awaited=True)
        return results

    async def wait_for(awaitable: Any, timeout: float | None) -> Any:
        clock.step("wait_for", awaited=True)
        while clock.mail and clock.deliver is not None:
            clock.deliver(*clock.mail.pop(0))
        return await asyncio.wait_for(awaitable, timeout)

    waits = {"to_thread": to_thread, "gather": gather, "wait_for": wait_for}
    replaced = {
        "threading": _changed(threading, Lock=CheckedLock, RLock=CheckedLock),
        "asyncio": _changed(asyncio, Lock=CheckedLock, TaskGroup=lambda: SteppingGroup(clock), **waits),
        "concurrent.futures": _changed(futures, ThreadPoolExecutor=lambda **_: ReplayedPool(clock, late)),
    }

    def import_(name: str, *details: Any) -> Any:
        return replaced[name] if name in replaced else builtins.__import__(name, *details)

    return import_


def _changed(module: Any, **names: object) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(module), **names})
