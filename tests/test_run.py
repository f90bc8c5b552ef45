from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from leaklint import run as run_module
from leaklint.config import Settings
from leaklint.files import Found
from leaklint.model import FileReport
from leaklint.outcome import Outcome
from leaklint.run import DIED, available_processors, run
from leaklint.work import check_file

SETTINGS = Settings("/", "/")


def files(count: int) -> list[Found]:
    return [Found(f"{number}.py", SETTINGS) for number in range(count)]


def say_where(found: Found, note: str = "") -> Outcome:
    """Work that tells in which process it was done."""
    return Outcome(FileReport(found.path), f"{os.getpid()}{note}")


def die_on(found: Found, killers: frozenset[str] = frozenset()) -> Outcome:
    """Work that takes its process with it on some files."""
    if found.path in killers:
        os._exit(1)
    return Outcome(FileReport(found.path), str(os.getpid()))


def say_interrupt(found: Found) -> Outcome:
    """Work that tells what its process does with Ctrl-C."""
    return Outcome(FileReport(found.path), str(signal.getsignal(signal.SIGINT)))


def paths(outcomes: list[Outcome]) -> list[str]:
    return [outcome.report.path for outcome in outcomes]


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 70])
def test_outcomes_come_in_the_order_of_the_files(count: int, jobs: int) -> None:
    assert paths(list(run(say_where, files(count), jobs))) == [f"{number}.py" for number in range(count)]


def test_one_job_is_done_in_this_process() -> None:
    assert {outcome.repository for outcome in run(say_where, files(3), 1)} == {str(os.getpid())}


def test_several_jobs_are_done_in_other_processes() -> None:
    where = {outcome.repository for outcome in run(say_where, files(40), 2)}
    assert str(os.getpid()) not in where
    assert 1 <= len(where) <= 2


def test_as_many_jobs_as_processors_by_default() -> None:
    assert available_processors() >= 1
    assert len(list(run(partial(say_where, note="!"), files(9)))) == 9


@pytest.mark.parametrize(
    "killers",
    [{"0.py"}, {"39.py"}, {"7.py"}, {"3.py", "4.py", "30.py"}],
    ids=["the first", "the last", "one", "several"],
)
def test_a_dead_process_costs_only_the_file_that_killed_it(killers: set[str]) -> None:
    outcomes = list(run(partial(die_on, killers=frozenset(killers)), files(40), 2))
    assert paths(outcomes) == [f"{number}.py" for number in range(40)]
    assert {outcome.report.path for outcome in outcomes if outcome.report.errors} == killers
    assert {error.message for outcome in outcomes for error in outcome.report.errors} == {DIED}


def test_what_was_finished_before_a_process_died_is_not_done_again() -> None:
    class Broken(Executor):
        """Loses the first batch and has done all others."""

        submitted = 0

        def submit(self, work, /, *arguments, **options):  # type: ignore[no-untyped-def]
            future: Future[object] = Future()
            if self.submitted == 0:
                future.set_exception(BrokenExecutor())
            else:
                future.set_result(tuple(Outcome(FileReport(found.path), "early") for found in arguments[1]))
            self.submitted += 1
            return future

    outcomes = list(run(say_where, files(20), 2, executor=Broken()))
    assert paths(outcomes) == [f"{number}.py" for number in range(20)]
    assert [outcome.repository == "early" for outcome in outcomes] == [False] * 2 + [True] * 18


def test_an_executor_can_be_handed_in_and_stays_open() -> None:
    with ThreadPoolExecutor(2) as executor:
        outcomes = list(run(say_where, files(40), executor=executor))
        assert {outcome.repository for outcome in outcomes} == {str(os.getpid())}
        assert executor.submit(threading.get_ident).result() != threading.get_ident()


def test_a_broken_executor_that_was_handed_in_is_replaced() -> None:
    work = partial(die_on, killers=frozenset({"11.py"}))
    with ProcessPoolExecutor(1, mp_context=run_module.context()) as executor:
        outcomes = list(run(work, files(40), 2, executor=executor))
    assert paths(outcomes) == [f"{number}.py" for number in range(40)]
    assert [outcome.report.path for outcome in outcomes if outcome.report.errors] == ["11.py"]


def test_a_run_that_is_given_up_leaves_no_process_behind() -> None:
    outcomes = run(say_where, files(40), 2)
    process = int(next(outcomes).repository)
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_bad_files_do_not_cost_the_others(tmp_path: Path) -> None:
    contents = {
        "ok.py": b"a = 1\n",
        "syntax.py": b"def f(:\n",
        "nul.py": b"a = 1\nb = '\0'\n",
        "cookie.py": b"# coding: nonsense\n",
        "deep.py": b"a = " + b"(" * 3000 + b")" * 3000 + b"\n",
        "python2.py": b"print 'a'\n",
        "utf8.py": b"a = 1\nb = '\xff'\n",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    found = [Found(str(tmp_path / name), SETTINGS) for name in [*contents, "vanished.py"]]
    lines = {}
    for outcome in run(check_file, found, 2):
        name = Path(outcome.report.path).name
        lines[name] = [error.line for error in outcome.report.errors]
    assert lines.pop("deep.py") != []
    assert lines == {
        "ok.py": [],
        "syntax.py": [1],
        "nul.py": [2],
        "cookie.py": [1],
        "python2.py": [1],
        "utf8.py": [2],
        "vanished.py": [None],
    }


def test_an_interrupt_is_left_to_the_process_that_started_the_others() -> None:
    assert {outcome.repository for outcome in run(say_interrupt, files(9), 2)} == {str(signal.SIG_IGN)}
