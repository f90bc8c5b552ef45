"""Runs one process to its end and says what it cost: it and all the processes that it waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PER_MEBIBYTE = 1024 * 1024 if sys.platform == "darwin" else 1024
"""The system counts memory in bytes there, in KiB elsewhere."""

_LAUNCHER = Path(__file__).with_name("launcher.py")

_OTHERS = ("PYTHON", "FLAKE8", "PYLINT", "RUFF", "FIXIT", "LEAKLINT", "VIRTUAL_ENV")
"""How variables begin that would let the user's shell take part in the measurement."""


class Usage(msgspec.Struct, frozen=True):
    """What one run cost: seconds of processors, seconds on the clock, and the most memory that one process held."""

    cpu: float
    wall: float
    peak_mib: float
    complaint: str = ""
    """What it said last where it could not do some of the files."""


class ProcessFailedError(Exception):
    """A process did not end as it should; the message says which and what it said last."""


class Told(msgspec.Struct, frozen=True):
    """What `launcher.py` prints; the peak is in the system's own unit."""

    returned: int
    wall: float
    cpu: float
    peak: int


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    exits: frozenset[int],
    partly: frozenset[int] = frozenset(),
    variables: Mapping[str, str] | None = None,
) -> Usage:
    """Run `command` in `cwd`; what it prints is thrown away, but its last words if its exit code is one of `partly`.

    Raises ProcessFailedError if it ends with neither one of `exits` nor of `partly`.
    """
    launcher = (sys.executable, "-I", "-S", str(_LAUNCHER))
    done = subprocess.run([*launcher, *command], cwd=cwd, env=environment(variables), capture_output=True, check=False)
    if done.returncode:
        raise ProcessFailedError(f"`{' '.join(command)}` could not be run: {last_words(done.stderr)}")
    told = msgspec.json.decode(done.stdout, type=Told)
    if told.returned not in exits | partly:
        raise ProcessFailedError(
            f"`{' '.join(command)}` ended with {told.returned} and said: {last_words(done.stderr)}"
        )
    complaint = "" if told.returned in exits else last_words(done.stderr)
    return Usage(told.cpu, told.wall, told.peak / _PER_MEBIBYTE, complaint)


def last_words(said: bytes) -> str:
    """The last line of what a process said."""
    return (said.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a measured process gets: the user's, without those that change what the tools do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return {**kept, **(variables or {})}


def middle(runs: Sequence[Usage]) -> Usage:
    """The median of each of the three numbers, and a complaint if there is one."""
    return Usage(
        median(one.cpu for one in runs),
        median(one.wall for one in runs),
        median(one.peak_mib for one in runs),
        max(one.complaint for one in runs),
    )
