"""One run at a time in an output directory: two would take each other's files for their own.

The system holds the lock for the process and lets go of it however the process ends, so that a killed run leaves none.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"
"""Stays where it is: who removes a file that another has just opened lets two in."""

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class LockedError(Exception):
    """Another run writes into the same directory."""


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs out of `output`, which must exist. Raises LockedError and OSError.

    A file system that knows no locks, as some of clusters, keeps nobody out.
    """
    handle = os.open(output / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle, output)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, output: Path) -> None:
    try:
        _take(handle)
    except OSError as error:
        if error.errno in _TAKEN:
            raise LockedError(
                f"another run of `leaklint fleet` is writing into {output}; wait for it or name another --output"
            ) from error


def _take(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
