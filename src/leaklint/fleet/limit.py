"""A time limit for each file: one that takes longer costs itself alone.

An exception is raised in the thread that works on the file, which needs no other process and is possible in the threads
of a cluster too. Where none arrives, because Python's or LibCST's parser is what hangs, a process of our own ends
itself at twice the limit; whoever handed out the work takes that for a death.
"""

from __future__ import annotations

import ctypes
import faulthandler
import functools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable

from leaklint.files import Found
from leaklint.outcome import Outcome, failed
from leaklint.project import Project
from leaklint.run import DIED

_AGAIN = 5.0
"""Seconds until the exception is raised once more: it is lost where Python can only print it, as in a finalizer."""


_PAUSE = 0.1
"""Seconds between two looks at the deadlines."""

_LOCK = threading.Lock()
"""Taken with `with` and nothing else: an exception that comes from outside leaves none of Python's own locks taken."""

_DEADLINES: dict[int, float] = {}
"""When the time of each thread that works on a file is over."""

_COMING: set[int] = set()
"""The threads in which something was raised that may not have arrived yet."""

_WATCHERS: list[threading.Thread] = []
"""The one thread that looks at them."""


class TooLongError(KeyboardInterrupt):
    """A file took too long. Whoever lets an interrupt through lets this through too."""


class Limited:
    """Does one file with a project, or says that it took too long. It is sent to other processes."""

    def __init__(self, work: Callable[..., Outcome], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._project = Project()

    def __call__(self, found: Found) -> Outcome:
        """Do the file."""
        try:
            return _in_time(self._seconds, lambda: self._work(found, project=self._project))
        except TooLongError:
            # What was interrupted may be remembered by halves.
            self._project = Project()
            return failed(found, too_long(self._seconds))

    def death(self, lasted: float) -> str:
        """Say why a process died that had worked on one file for so many seconds."""
        return too_long(self._seconds) if lasted >= 2 * self._seconds else DIED


def too_long(seconds: float) -> str:
    """What is said of a file that took too long."""
    return f"took longer than {seconds:g} seconds; it was left as it is"


def _in_time(seconds: float, do: Callable[[], Outcome]) -> Outcome:
    """Do it, or raise TooLongError when the time is over; nothing is raised afterwards."""
    watched = threading.get_ident()
    _begin(watched, seconds)
    try:
        try:
            return do()
        finally:
            _end(watched)
    except TooLongError:
        # It may have come in the middle of the end.
        _end(watched)
        raise


def _begin(watched: int, seconds: float) -> None:
    with _LOCK:
        _DEADLINES[watched] = time.monotonic() + seconds
        if not _WATCHERS:
            _WATCHERS.append(threading.Thread(target=_watch, daemon=True))
            _WATCHERS[0].start()
    if _is_ours():
        faulthandler.dump_traceback_later(2 * seconds, exit=True, file=_nowhere())


def _end(watched: int) -> None:
    """Raise nothing more in a thread; what has been raised and not arrived arrives here.

    To take it back would leave CPython 3.11 looking for it for ever, and under a tracer do nothing else.
    """
    with _LOCK:
        _DEADLINES.pop(watched, None)
        is_coming = watched in _COMING
        _COMING.discard(watched)
    if _is_ours():
        faulthandler.cancel_dump_traceback_later()
    if is_coming:
        time.sleep(0)


def _watch() -> None:
    """Raise TooLongError in each thread whose time is over, for ever."""
    while True:
        time.sleep(_PAUSE)
        with _LOCK:
            now = time.monotonic()
            for watched in [watched for watched, deadline in _DEADLINES.items() if deadline <= now]:
                _COMING.add(watched)
                _raise_in(watched, TooLongError)
                _DEADLINES[watched] = now + _AGAIN


def _is_ours() -> bool:
    """Whether this process is a worker that does one file at a time, so that it may end for its sake."""
    return multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread()


def _raise_in(ident: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))


@functools.cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)
