"""LKL102: what is done beside an eviction keeps its place; repaired programs are executed, and what they do is told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from leaklint import analyze
from leaklint.source import decode

FIXTURES = Path(__file__).parent / "fixtures"


class Told:
    """Work, meter and journal in one: tells what it was asked and what the container held then."""

    def __init__(self, held: Any = (), failing: str = "") -> None:
        self.held = held
        self.failing = failing
        self.told: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.tell(name)

    def __call__(self) -> str:
        return self.tell("called")

    def tell(self, name: str) -> str:
        self.told.append((name, len(self.held)))
        if name == self.failing:
            raise ValueError(name)
        return name


def versions(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a fixture defines, as it is and safely repaired."""
    source = decode(name, (FIXTURES / name).read_bytes())
    after = analyze.repair(source, lambda finding: finding.fix is not None and finding.fix.safety == "safe")
    made = []
    for code in (source.data, after.data):
        namespace: dict[str, Any] = {}
        exec(compile(code, name, "exec"), namespace)
        made.append(namespace)
    return made[0], made[1]


@pytest.mark.parametrize("mode", ["once", "twice", "often"])
@pytest.mark.parametrize("failing", ["", "once", "twice", "often"])
def test_each_way_works_with_its_entry_in(mode: str, failing: str) -> None:
    told = []
    for namespace in versions("lkl102_evicted_in_order.py"):
        modes = namespace["Modes"]()
        work = Told(modes._busy, failing)
        assert _outcome(modes.run, "key", mode, work) == ("ValueError" if mode == failing else mode)
        told.append(work.told)
    assert told[0] == told[1] == [(mode, 1)]
    assert not modes._busy


@pytest.mark.parametrize("failing", ["", "called", "failed"])
def test_a_handler_evicts_before_it_tells(failing: str) -> None:
    told = []
    for namespace in versions("lkl102_evicted_in_order.py"):
        modes = namespace["Modes"]()
        work, journal = Told(modes._busy, failing), Told(modes._busy, failing)
        _outcome(modes.log, "key", work, journal)
        told.append((work.told, journal.told))
        assert not modes._busy
    assert told[0] == told[1]


@pytest.mark.parametrize("failing", ["", "called", "count"])
def test_a_finally_that_is_there_counts_behind_the_eviction(failing: str) -> None:
    before, after = (namespace["Measured"] for namespace in versions("lkl102_evicted_in_order.py"))
    outcomes = []
    for measured in (before(Told()), after(Told())):
        measured._meter.held, measured._meter.failing = measured._running, failing
        outcomes.append((_outcome(measured.at_its_end, "key", Told((), failing)), measured._meter.told))
    if failing != "called":
        assert outcomes[0] == outcomes[1]
    assert outcomes[1][1] == [("count", 0)]
    assert not measured._running


@pytest.mark.parametrize("failing", ["", "called"])
def test_counts_are_taken_back_and_those_of_others_stay(failing: str) -> None:
    _, after = versions("lkl102_evicted_in_order.py")
    counts = after["Counts"]()
    counts._users["shared"] = 1
    counts._queues["shared"] = ["other"]
    for name in ("shared", "own"):
        _outcome(counts.use, name, Told((), failing))
        _outcome(counts.queue, name, Told((), failing))
    assert counts._users == {"shared": 1}
    assert counts._queues == {"shared": ["other"]}


@pytest.mark.parametrize("failing", ["", "called"])
def test_who_waits_for_its_turn_gets_it(failing: str) -> None:
    _, after = versions("lkl102_evicted_in_order.py")
    turns, begun = after["Turns"](), threading.Event()
    got: list[str] = []

    def slowly() -> str:
        begun.set()
        waiting.wait(0.05)
        return Told((), failing)()

    waiting = threading.Event()
    first = threading.Thread(target=lambda: got.append(_outcome(turns.take, "key", slowly)))
    second = threading.Thread(target=lambda: got.append(_outcome(turns.take, "key", Told())), daemon=True)
    first.start()
    begun.wait()
    second.start()
    first.join(5)
    second.join(5)
    assert got == ["ValueError" if failing else "called", "called"]
    assert not turns._taken


def test_requests_that_overlap_evict_their_own_entries() -> None:
    _, after = versions("lkl102_named_keys.py")

    class Wire:
        async def send(self, number: int, request: Any) -> str:
            await asyncio.sleep(0.001 if request.fails else 0.01)
            if request.fails:
                raise ConnectionError
            return "reply"

    class Request:
        def __init__(self, fails: bool) -> None:
            self.fails = fails

        async def prepare(self) -> None:
            await asyncio.sleep(0)

    async def overlapping(name: str) -> None:
        client = after["Evicting"](Wire())
        first = asyncio.ensure_future(getattr(client, name)(Request(fails=True)))
        second = asyncio.ensure_future(getattr(client, name)(Request(fails=False)))
        with pytest.raises(ConnectionError):
            await first
        assert list(client._pending) == [2]
        assert await second == "reply"
        assert not client._pending

    asyncio.run(overlapping("ask"))
    asyncio.run(overlapping("ask_prepared"))


def _outcome(function: Any, *arguments: Any) -> str:
    try:
        return str(function(*arguments))
    except ValueError as error:
        return type(error).__name__
