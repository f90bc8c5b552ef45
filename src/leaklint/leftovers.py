"""Temporary files beside what is being written: how they are called, and which of them a killed run has left.

Who writes one holds a lock on it, which the system lets go of however the process ends. Where there are no such locks,
only the age tells.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_TEMPORARY = re.compile(r"\.leaklint-[0-9a-f]{16}\.tmp")

OLD = 60.0
"""Seconds after which nobody is still about to take hold of a file, or to write it."""


def temporary_beside(target: Path) -> Path:
    """Choose a name that is free."""
    return target.with_name(f".leaklint-{secrets.token_hex(8)}.tmp")


def hold(file: BinaryIO) -> None:
    """Take hold of a temporary file for as long as it is open; where there are no locks, nothing happens."""
    with suppress(OSError):
        _lock(file.fileno())


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs have left in `folder`; what cannot be removed stays."""
    with suppress(OSError):
        names = [entry.name for entry in os.scandir(folder) if _TEMPORARY.fullmatch(entry.name)]
        for name in names:
            with suppress(OSError):
                if _is_left(folder / name):
                    (folder / name).unlink()


def _is_left(path: Path) -> bool:
    """Whether nobody writes it any more. Raises OSError where that cannot be found out."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return False
    if sys.platform == "win32" or not status.st_size:
        # Its maker may not yet have taken hold of it.
        return time.time() - status.st_mtime > OLD
    handle = os.open(path, os.O_RDONLY)
    try:
        _lock(handle)
    finally:
        os.close(handle)
    return True


def _lock(handle: int) -> None:
    """Raises OSError if somebody else holds the lock, or if there are none."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
