"""Runs one process to its end and says what it cost: it and all the processes that it waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PER_MEBIBYTE = 1024 * 1024 if sys.platform == "darwin" else 1024
"""The system counts memory in bytes there, in KiB elsewhere."""

_OTHERS = ("PYTHON", "FLAKE8", "PYLINT", "RUFF", "FIXIT", "LEAKLINT", "VIRTUAL_ENV")
"""How variables begin that would let the user's shell take part in the measurement."""


class Usage(msgspec.Struct, frozen=True):
    """What one run cost: seconds of processors, seconds on the clock, and the most memory that one process held."""

    cpu: float
    wall: float
    peak_mib: float


class ProcessFailedError(Exception):
    """A process did not end as it should; the message says which and what it said last."""


def run(
    command: Sequence[str], *, cwd: Path, exits: frozenset[int], variables: Mapping[str, str] | None = None
) -> Usage:
    """Run `command` in `cwd`; what it prints is thrown away.

    The peak counts the memory of this process too, as it was when it started the other one, so it is never too small.
    Raises ProcessFailedError if it does not end with one of `exits`.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - started
        # The process has been waited for here, so that nothing else must.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in exits:
            said.seek(0)
            words = said.read().decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise ProcessFailedError(f"`{' '.join(command)}` ended with {process.returncode} and said: {words[0]}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / _PER_MEBIBYTE)


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a measured process gets: the user's, without those that change what the tools do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return {**kept, **(variables or {})}


def middle(runs: Sequence[Usage]) -> Usage:
    """The median of each of the three numbers."""
    return Usage(
        median(one.cpu for one in runs), median(one.wall for one in runs), median(one.peak_mib for one in runs)
    )
