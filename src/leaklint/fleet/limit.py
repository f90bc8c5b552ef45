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
from collections.abc import Callable

from leaklint.files import Found
from leaklint.project import Project
from leaklint.run import DIED
from leaklint.work import Outcome, failed

_AGAIN = 5.0
"""Seconds until the exception is raised once more: it is lost where Python can only print it, as in a finalizer."""


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
    watch = _Watch(seconds)
    try:
        try:
            return do()
        finally:
            watch.end()
    except TooLongError:
        # It may have come while the watch was being ended.
        watch.end()
        raise


class _Watch:
    """Raises TooLongError in the thread that makes it; a process that is ours alone ends if that does not help."""

    def __init__(self, seconds: float) -> None:
        self._watched = threading.get_ident()
        self._over = threading.Event()
        is_main = threading.current_thread() is threading.main_thread()
        self._is_deadly = is_main and multiprocessing.parent_process() is not None
        if self._is_deadly:
            faulthandler.dump_traceback_later(2 * seconds, exit=True, file=_nowhere())
        self._thread = threading.Thread(target=self._run, args=(seconds,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Raise nothing more, and take back what has been raised and has not arrived."""
        self._over.set()
        self._thread.join()
        _raise_in(self._watched, None)
        if self._is_deadly:
            faulthandler.cancel_dump_traceback_later()

    def _run(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            _raise_in(self._watched, TooLongError)
            seconds = _AGAIN


def _raise_in(ident: int, error: type[BaseException] | None) -> None:
    wanted = ctypes.py_object() if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), wanted)


@functools.cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)
