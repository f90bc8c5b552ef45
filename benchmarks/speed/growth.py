"""Times generated programs that double, and says how the time grows with them."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from benchmarks.speed.environments import executable
from benchmarks.speed.process import ProcessFailedError, environment, last_words
from benchmarks.speed.programs import DIMENSIONS, Dimension, functions, megabyte

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.speed.rounds import Tell

DOUBLINGS = 5
LONGEST = 10
"""Seconds that an input of a megabyte may take; a program that takes longer is stopped."""

TOLERANCE = 0.1
"""How much the fitted exponent may exceed that of n log n, for what the machine did meanwhile."""

_FITTED = 4
"""The exponent is fitted to so many of the largest sizes, where fixed costs weigh least."""

_TIMING = Path(__file__).with_name("timing.py")
_SPARE = 2
"""Seconds for a start and the warming up."""

_STOPPED = (-signal.SIGXCPU, -signal.SIGKILL) if sys.platform != "win32" else ()
"""How a process ends that has used all the seconds it was given."""


class Timing(msgspec.Struct, frozen=True):
    """One program: its size and bytes, the median seconds (None if it was stopped), and what came of it."""

    size: int
    bytes: int
    seconds: float | None
    findings: int = 0
    given_up: int = 0


class Grown(msgspec.Struct, frozen=True):
    """Programs of one dimension, from the smallest to the largest that was tried."""

    title: str
    is_leaking: bool
    timings: tuple[Timing, ...]

    @property
    def exponent(self) -> float | None:
        """The power of the size that the time follows; None if too few programs came to their end."""
        done = [(one.size, one.seconds) for one in self.timings if one.seconds][-_FITTED:]
        return exponent(done) if len(done) > 1 else None

    @property
    def allowed(self) -> float | None:
        """The exponent that n log n has over the same sizes, and the tolerance."""
        sizes = [one.size for one in self.timings if one.seconds][-_FITTED:]
        return exponent([(size, size * math.log2(size)) for size in sizes]) + TOLERANCE if len(sizes) > 1 else None

    @property
    def is_met(self) -> bool:
        """Whether it grows no worse than n log n; a program that was stopped is as bad as one that grows worse."""
        fitted, allowed = self.exponent, self.allowed
        was_stopped = any(one.seconds is None for one in self.timings)
        return fitted is not None and allowed is not None and fitted <= allowed and not was_stopped


class Report(msgspec.Struct, frozen=True):
    """What `timing.py` prints."""

    seconds: tuple[float, ...]
    findings: int
    given_up: int
    errors: tuple[str, ...]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Fit a power to points, by least squares on their logarithms."""
    places = [math.log(size) for size, _ in points]
    heights = [math.log(value) for _, value in points]
    across, up = sum(places) / len(places), sum(heights) / len(heights)
    spread = sum((place - across) ** 2 for place in places)
    return sum((place - across) * (height - up) for place, height in zip(places, heights, strict=True)) / spread


def grow(tool: Path, scratch: Path, doublings: int, tell: Tell) -> Iterator[Grown]:
    """Time the programs of every dimension, nearly leaking and leaking. Raises ProcessFailedError."""
    for dimension in DIMENSIONS:
        for is_leaking in (False, True):
            timings: list[Timing] = []
            for size in dimension.sizes(doublings):
                tell(f"growth: {dimension.title}, {size}{', leaking' if is_leaking else ''}")
                timings.append(time_program(tool, scratch, dimension, size, is_leaking=is_leaking))
                if timings[-1].seconds is None:
                    break
            yield Grown(dimension.title, is_leaking, tuple(timings))


def megabytes(tool: Path, scratch: Path, tell: Tell) -> Iterator[Grown]:
    """Time a program of a megabyte of every dimension that reaches it. Raises ProcessFailedError."""
    for dimension in DIMENSIONS:
        if dimension.is_limited:
            continue
        size = megabyte(dimension)
        for is_leaking in (False, True):
            tell(f"a megabyte: {dimension.title}{', leaking' if is_leaking else ''}")
            timing = time_program(tool, scratch, dimension, size, is_leaking=is_leaking)
            yield Grown(dimension.title, is_leaking, (timing,))


def time_program(tool: Path, scratch: Path, dimension: Dimension, size: int, *, is_leaking: bool) -> Timing:
    """Time one program in a process of its own, which is stopped when it takes too long. Raises ProcessFailedError."""
    text = dimension.program(size, is_leaking)
    # Of its own folder, so that no other program is part of its project.
    path = scratch / f"{dimension.program.__name__}-{size}-{is_leaking}" / "program.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    # Isolated, because the folder of the script has modules of its own.
    command = [executable(tool, "python"), "-I", str(_TIMING), str(path), functions(1, True), str(LONGEST + _SPARE)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=scratch, env=environment())
    if done.returncode in _STOPPED:
        return Timing(size, len(text), None)
    if done.returncode:
        words = f"ended with {done.returncode} and said: {last_words(done.stderr)}"
        raise ProcessFailedError(f"timing {path.parent.name} {words}")
    report = msgspec.json.decode(done.stdout, type=Report)
    if report.errors:
        raise ProcessFailedError(f"{path.parent.name} could not be checked: {report.errors[0]}")
    return Timing(size, len(text), median(report.seconds), report.findings, report.given_up)
