"""The oracle sees what it is there to see: leaks, deadlocks, late pools, wrong verdicts and bad repairs."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from oracle.execute import execute
from oracle.judge import judge
from oracle.program import Program

from leaklint import analyze
from leaklint.analyze import Repaired
from leaklint.model import FileReport, Finding, Span

if TYPE_CHECKING:
    from leaklint.source import Source


def program(body: str, expected: str = "", mode: str = "sync") -> Program:
    source = "cache = {}\n\n\n" + dedent(body).lstrip("\n")
    names = frozenset({expected} - {""})
    return Program("itself", source, (), ('run(backend, "k")',), ("cache",), {"mode": mode}, names)


LEAKING = program(
    """
    def run(backend, key):
        cache[key] = backend.connect(key)
        reply = cache[key].ask("question")
        cache.pop(key)
        return reply
    """,
    "LKL102",
)
RIGHT = program(
    """
    def run(backend, key):
        cache[key] = backend.connect(key)
        try:
            return cache[key].ask("question")
        finally:
            cache.pop(key)
    """
)


def test_a_skipped_eviction_is_left_in_the_execution_that_skips_it() -> None:
    runs = execute(LEAKING).runs
    assert [run.label for run in runs] == ["clean", "Boom at step 0, connect", "Boom at step 1, ask"]
    assert [run.left for run in runs] == [(), (), ("cache['k']",)]
    assert [run.outcomes for run in runs] == [("returns 'ask:question'",), ("raises Boom",), ("raises Boom",)]
    assert runs[0].trace == ("connect(k)", "ask(question)")


def test_a_right_program_leaves_nothing() -> None:
    assert not execute(RIGHT).leaking


def test_a_cancelled_await_is_an_execution_of_its_own() -> None:
    caught = program(
        """
        async def run(backend, key):
            cache[key] = key
            try:
                reply = await backend.send("question")
            except Exception:
                reply = None
            cache.pop(key)
            return reply
        """,
        "LKL102",
        "async",
    )
    assert [run.label for run in execute(caught).leaking] == ["CancelledError at step 0, send"]


def test_a_generator_is_closed_at_each_item() -> None:
    generator = program(
        """
        def run(backend, key):
            cache[key] = key
            yield key
            cache.pop(key)
        """,
        "LKL102",
    )
    assert [run.label for run in execute(generator).leaking] == ["Boom at step 0, consumer"]


def test_a_lock_taken_twice_does_not_hang() -> None:
    twice = program(
        """
        import threading

        lock = threading.Lock()


        def run(backend, key):
            with lock:
                with lock:
                    cache[key] = key
        """
    )
    assert execute(twice).runs[0].outcomes == ("raises Deadlock",)


def test_a_late_pool_shows_an_eviction_that_comes_before_the_work() -> None:
    early = program(
        """
        from concurrent.futures import ThreadPoolExecutor


        def work(backend, key):
            cache[key] = backend.connect(key)


        def run(backend, key):
            with ThreadPoolExecutor() as pool:
                try:
                    pool.submit(work, backend, key)
                finally:
                    cache.pop(key, None)
        """,
        "LKL102",
    )
    assert "clean in a late pool" in [run.label for run in execute(early).leaking]


def _finding(code: str = "LKL102", refused: str | None = None) -> Finding:
    place = Span(1, 0, 1, 1)
    return Finding(code, "name", "message", "p.py", place, "cache", "key", (), "advice", "run", fix_refused=refused)


def _problems(monkeypatch: pytest.MonkeyPatch, it: Program, findings: list[Finding], repaired: str) -> list[str]:
    def check(source: Source, *, repairs: bool = True) -> FileReport:
        return FileReport(source.path, tuple(findings) if source.text == it.source else ())

    def repair(source: Source, accept: object) -> Repaired:
        return Repaired(repaired.encode(), (), ())

    monkeypatch.setattr(analyze, "check", check)
    monkeypatch.setattr(analyze, "repair", repair)
    return [problem.partition(":")[0] for problem in judge(it, execute(it)).problems]


@pytest.mark.parametrize(
    ("it", "findings", "repaired", "problems"),
    [
        pytest.param(RIGHT, [], "", [], id="right and silent"),
        pytest.param(LEAKING, [_finding()], RIGHT.source, [], id="found and repaired"),
        pytest.param(LEAKING, [], "", ["missed alarm"], id="missed"),
        pytest.param(RIGHT, [_finding()], RIGHT.source + "#\n", ["false alarm"], id="false alarm"),
        pytest.param(LEAKING, [_finding("LKL104")], RIGHT.source, ["other rule"], id="other rule"),
        pytest.param(LEAKING, [_finding(refused="why")], LEAKING.source, ["unrepaired"], id="refused"),
        pytest.param(LEAKING, [_finding()], LEAKING.source, ["unrepaired without a reason"], id="no repair"),
        pytest.param(LEAKING, [_finding()], "def run(:", ["bad repair"], id="no Python"),
        pytest.param(LEAKING, [_finding()], LEAKING.source + "#\n", ["still leaking"], id="still leaking"),
        pytest.param(
            LEAKING, [_finding()], RIGHT.source.replace("return cache", "cache"), ["changed"], id="another result"
        ),
        pytest.param(
            LEAKING,
            [_finding()],
            RIGHT.source.replace("    try:", "    backend.review(key)\n    try:"),
            ["still leaking", "changed"],
            id="another call",
        ),
    ],
)
def test_each_kind_of_wrong_is_told(
    monkeypatch: pytest.MonkeyPatch, it: Program, findings: list[Finding], repaired: str, problems: list[str]
) -> None:
    assert _problems(monkeypatch, it, findings, repaired) == problems
