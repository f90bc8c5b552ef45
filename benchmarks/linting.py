"""Checks files as the command line does, with all rules, but stops at a file that takes too long and keeps the time."""

from __future__ import annotations

import faulthandler
import signal
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from leaklint.config import ALL, Choice, Settings
from leaklint.files import Found
from leaklint.outcome import Outcome, failed
from leaklint.project import Project
from leaklint.rules import all_rules
from leaklint.run import DIED, run
from leaklint.work import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from leaklint.model import FileError

SECONDS = 120.0
"""A file may take this long."""

TOO_LONG = "took longer than"
FAULTS = (DIED, TOO_LONG, "internal error", "nested too deeply to analyse")
"""How the messages begin that tell of a limit or a fault of leaklint's own."""


class Checked(Outcome, frozen=True):
    """What became of one file, and how many seconds it took."""

    seconds: float = 0.0


class _TooLongError(BaseException):
    """Not an Exception, so that nothing on the way takes it for a fault it can handle."""


def check_all(folder: Path, files: Sequence[Path], jobs: int | None, seconds: float = SECONDS) -> Iterator[Checked]:
    """Check `files`, which lie in the project `folder`, with all rules and no configuration, in their order.

    A file that takes longer than `seconds`, or that a process dies of, comes back with an error that says so.
    """
    root = str(folder.resolve())
    settings = Settings(root=root, repository=root, choices=(Choice(select=(ALL,)),))
    found = [Found(str(path.resolve()), settings) for path in files]
    check = partial(check_within, seconds=seconds, project=Project())
    for outcome in run(check, found, jobs):
        yield outcome if isinstance(outcome, Checked) else _timed(outcome, 0.0)


def check_within(found: Found, seconds: float, project: Project | None = None) -> Checked:
    """Check one file within `seconds`."""
    started = time.perf_counter()
    try:
        with _limited(seconds):
            outcome = check_file(found, project=project)
    except _TooLongError:
        outcome = failed(found, f"{TOO_LONG} {seconds:g} seconds")
    return _timed(outcome, time.perf_counter() - started)


def is_fault(error: FileError) -> bool:
    """Whether leaklint is to blame, rather than a file that this Python cannot read."""
    return error.message.startswith(FAULTS)


def default_codes() -> frozenset[str]:
    """List the rules that are on by default."""
    return frozenset(rule.code for rule in all_rules() if rule.default)


def _timed(outcome: Outcome, seconds: float) -> Checked:
    return Checked(outcome.report, outcome.repository, outcome.fixed, outcome.before, outcome.after, seconds=seconds)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise _TooLongError after `seconds`; a process that cannot even be told so is ended a little later."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds * 2, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooLongError
