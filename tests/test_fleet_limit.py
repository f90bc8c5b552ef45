"""The time limit of a file: in any thread, also where an exception is swallowed, and never behind the file's end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from leaklint.config import Settings
from leaklint.files import Found
from leaklint.fleet import limit
from leaklint.fleet.limit import Limited, TooLongError, too_long
from leaklint.model import FileReport
from leaklint.outcome import Outcome
from leaklint.project import Project
from leaklint.run import DIED

PROJECTS: list[Project] = []


def wait(found: Found, project: Project) -> Outcome:
    """Work that takes as long as the file's name says."""
    PROJECTS.append(project)
    end = time.monotonic() + float(found.path)
    while time.monotonic() < end:
        pass
    return Outcome(FileReport(found.path), "")


def swallow(found: Found, project: Project) -> Outcome:
    """Work that takes the first interrupts for its own."""
    with suppress(TooLongError):
        wait(found, project)
    return wait(found, project)


def found(seconds: float) -> Found:
    return Found(str(seconds), Settings("/", "/"))


def messages(outcome: Outcome) -> list[str]:
    return [error.message for error in outcome.report.errors]


def test_what_is_in_time_is_done() -> None:
    assert messages(Limited(wait, 30)(found(0))) == []


def test_what_is_not_is_named_and_the_next_file_starts_afresh() -> None:
    PROJECTS.clear()
    work = Limited(wait, 0.3)
    assert messages(work(found(60))) == [too_long(0.3)]
    assert messages(work(found(0))) == []
    assert PROJECTS[0] is not PROJECTS[1], "what was interrupted is half known"


def test_each_thread_has_its_own_limit() -> None:
    with ThreadPoolExecutor(2) as threads:
        slow, quick = threads.map(Limited(wait, 0.5), [found(60), found(0)])
    assert (messages(slow), messages(quick)) == ([too_long(0.5)], [])


def test_it_is_raised_until_somebody_lets_it_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "_AGAIN", 0.1)
    assert messages(Limited(swallow, 0.1)(found(60))) == [too_long(0.1)]


def test_nothing_is_raised_behind_the_end_however_close_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "_PAUSE", 0.0001)
    time.sleep(0.2)
    work, kinds = Limited(wait, 0.005), set()
    for number in range(400):
        told = messages(work(found(0.004 + number % 20 / 10_000)))
        assert told in ([], [too_long(0.005)])
        kinds.add(len(told))
    assert kinds == {0, 1}
    wait(found(0.05), Project())
    assert limit._DEADLINES == {}


def test_a_death_that_comes_at_twice_the_limit_is_the_limit_s() -> None:
    work = Limited(wait, 10)
    assert (work.death(3), work.death(20.1)) == (DIED, too_long(10))
