"""LKL106: the eviction behind the end of a value; each repaired program is executed before and after."""

from __future__ import annotations

import asyncio
import inspect
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import pytest

from leaklint import analyze
from leaklint.project import Project
from leaklint.repairs.evict_beside_end import ENDED_AGAIN, LOCKED, LOST, MISSED
from leaklint.source import decode

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = """
import asyncio
import contextlib
import threading
from collections import defaultdict


class Thing:
    def __init__(self, key, said, failing):
        self.key, self._said, self._failing = key, said, failing

    def _say(self, what):
        self._said.append((what, self.key))
        if what == self._failing:
            raise RuntimeError(what)
        return what

    def close(self, how=None):
        return self._say("close")

    def stop(self):
        return self._say("stop")

    def flush(self):
        return self._say("flush")

    async def aclose(self):
        await asyncio.sleep(0)
        return self._say("aclose")


class Pool:
    def __init__(self, failing=None):
        self.said = []
        self._failing = failing
        self._lock = threading.Lock()
        self._waiting_lock = asyncio.Lock()
        self._writing = threading.Lock()
        self._current = None
        self._things = {}

    def _connect(self, key):
        return Thing(key, self.said, self._failing)
"""
OPEN = """
def open(self, key):
    self._things[key] = self._connect(key)
"""
LOCKED_OPEN = """
def open(self, key):
    with self._lock:
        self._things[key] = self._connect(key)
"""
USE = ("open(1)", "open(2)", "end(1)", "end(2)")

SAFE = {
    "direct": (OPEN + "def end(self, key):\n    self._things[key].close()\n", USE),
    "a result": (OPEN + "def end(self, key):\n    result = self._things[key].close()\n    return result, 1\n", USE),
    "returned": (OPEN + "def end(self, key):\n    return self._things[key].close()\n", USE),
    "returned over lines": (
        OPEN + "def end(self, key):\n    return self._things[\n        key  # its\n    ].close()\n",
        USE,
    ),
    "awaited": (OPEN + "async def end(self, key):\n    await self._things[key].aclose()\n", USE),
    "awaited and returned": (OPEN + "async def end(self, key):\n    return await self._things[key].aclose()\n", USE),
    "asked for": (
        OPEN
        + "def end(self, key):\n    thing = self._things.get(key)\n    if thing is not None:\n        thing.close()\n",
        (*USE, "end(3)"),
    ),
    "in one line": (OPEN + "def end(self, key):\n    if key in self._things: self._things[key].close()\n", USE),
    "walrus": (
        OPEN + "def end(self, key):\n    if thing := self._things.get(key): thing.close(); thing.flush()\n",
        USE,
    ),
    "early return": (
        OPEN
        + """
def end(self, key, how=None):
    thing = self._things.get(key)
    if not thing:
        return None
    if how:
        return thing.close(how)
    thing.flush()
    thing.stop()
    return 5
""",
        (*USE, "open(3)", "end(3, 'now')", "end(4)"),
    ),
    "either way": (
        OPEN + "def end(self, key, hard=False):\n    if hard:\n        self._things[key].stop()\n"
        "    else:\n        self._things[key].close()\n",
        (*USE, "open(3)", "end(3, True)"),
    ),
    "match": (
        OPEN + "def end(self, key, how=1):\n    match how:\n        case 1:\n            self._things[key].stop()\n"
        "        case _:\n            self._things[key].close()\n",
        (*USE, "open(3)", "end(3, 2)"),
    ),
    "read behind": (
        OPEN + "def end(self, key):\n    self._things[key].close()\n    return self._things[key].key\n",
        USE,
    ),
    "in a finally": (
        OPEN + "def end(self, key):\n    thing = self._things[key]\n    try:\n        thing.flush()\n"
        "    finally:\n        thing.close()\n",
        USE,
    ),
    "swallowed": (
        OPEN
        + "def end(self, key):\n    try:\n        self._things[key].close()\n    except RuntimeError:\n        pass\n",
        USE,
    ),
    "suppressed": (
        OPEN + "def end(self, key):\n    with contextlib.suppress(RuntimeError):\n        self._things[key].close()\n",
        USE,
    ),
    "inserted and ended": (
        """
def end(self, key):
    thing = self._things[key] = self._connect(key)
    thing.flush()
    return thing.close()
""",
        USE[2:],
    ),
    "with the lock": (
        LOCKED_OPEN + "def end(self, key):\n    with self._lock:\n        self._things[key].close()\n",
        USE,
    ),
    "the lock free again": (
        LOCKED_OPEN
        + "def end(self, key):\n    with self._lock:\n        thing = self._things[key]\n    return thing.close()\n",
        USE,
    ),
    "an asynchronous lock": (
        """
async def open(self, key):
    async with self._waiting_lock:
        self._things[key] = self._connect(key)

async def end(self, key):
    async with self._waiting_lock:
        thing = self._things[key]
    await thing.aclose()
""",
        USE,
    ),
    "a built key": (
        (
            "def open(self, key):\n    self._things[str(key)] = self._connect(key)\n\n"
            "def end(self, key):\n    self._things[str(key)].close()\n"
        ),
        USE,
    ),
    "a key of two": (
        (
            "def open(self, a, b):\n    self._things[a, b] = self._connect(a)\n\n"
            "def end(self, a, b):\n    self._things[a, b].close()\n"
        ),
        ("open(1, 2)", "end(1, 2)"),
    ),
    "a key that changes": (
        """
def open(self, key):
    self._current = key
    self._things[key] = self._connect(key)

def _finish(self, thing):
    thing.close()
    self._current = None

def end(self):
    self._finish(self._things[self._current])
""",
        ("open(1)", "end()"),
    ),
    "two ends": (
        OPEN
        + """
def end(self, key):
    thing = self._things.get(key)
    if thing is not None:
        thing.close()

def fail(self, key):
    if key in self._things:
        self._things.get(key).stop()
""",
        (*USE, "open(3)", "fail(3)"),
    ),
    "all that are left": (
        OPEN
        + """
def end(self, key):
    self._things[key].close()

def shutdown(self):
    for thing in self._things.values():
        thing.close()
    self._things.clear()
""",
        USE,
    ),
    "None": (
        OPEN
        + "def end(self, key):\n    text = self._things[key].flush()\n    self._things[key] = None\n    return text\n",
        USE,
    ),
    "looked up by a helper": (
        OPEN
        + """
def _thing(self, key):
    '''What is open under the key.'''
    return self._things[key]

def end(self, name):
    thing = self._thing(name)
    thing.flush()
    thing.close()
""",
        USE,
    ),
    "a helper that reads it": (
        OPEN
        + """
def _end_thing(self, thing, key):
    self._things[key].flush()
    thing.close()

def end(self, key):
    thing = self._things[key]
    self._end_thing(thing, key)
""",
        USE,
    ),
    "two items": (
        """
def open(self, a, b):
    self._things[a] = self._connect(a)
    self._things[b] = self._connect(b)

def end(self, a, b):
    self._things[a].close()
    self._things[b].close()
""",
        ("open(1, 2)", "end(1, 2)", "open(3, 3)", "end(3, 3)"),
    ),
    "perhaps nothing": (
        OPEN
        + """
async def _close(self, thing):
    if thing is not None:
        thing.close()

async def end(self, key):
    thing = self._things.get(key)
    await self._close(thing)
""",
        (*USE, "end(3)"),
    ),
}
END = "def end(self, key):\n    self._things[key].close()\n"
UNSAFE = {
    "used": OPEN + END + "def use(self, key):\n    self._things[key].flush()\n",
    "used if there": OPEN
    + END
    + "def use(self, key):\n    if thing := self._things.get(key):\n        thing.flush()\n",
    "counted over": OPEN + END + "def names(self):\n    return [thing.key for thing in self._things.values()]\n",
    "known": OPEN + END + "def knows(self, key):\n    return key in self._things\n",
    "made if missing": END
    + "def open(self, key):\n    if key not in self._things:\n        self._things[key] = self._connect(key)\n"
    "    return self._things[key].key\n",
    "ended twice": OPEN + END + "def fail(self, key):\n    self._things[key].stop()\n",
    "flushed at the end": OPEN
    + END
    + "def shutdown(self):\n    for thing in self._things.values():\n        thing.flush()\n    self._things.clear()\n",
    "looked up by a helper of many": OPEN
    + "def _thing(self, key):\n    return self._things[key]\n\ndef end(self, key):\n    self._thing(key).close()\n\n"
    "def use(self, key):\n    self._thing(key).flush()\n",
    "found by a sweep": (
        """
def end(self, key):
    thing = self._things[key] = self._connect(key)
    thing.flush()
    thing.close()

def shutdown(self):
    for thing in self._things.values():
        thing.close()
"""
    ),
    "items that may come twice": OPEN
    + "def end(self, keys):\n    for key in keys:\n        self._things[key].close()\n",
    "no lock here": LOCKED_OPEN + END,
    "another lock": LOCKED_OPEN + "def end(self, key):\n    with self._lock:\n        thing = self._things[key]\n"
    "    with self._writing:\n        thing.close()\n",
    "read by a closure": OPEN + "def end(self, key):\n    read = lambda: self._things[key].key\n"
    "    self._things[key].close()\n    return read()\n",
    "None that marks": "def open(self, key):\n    if key in self._things:\n        return\n"
    "    self._things[key] = self._connect(key)\n\ndef end(self, key):\n    self._things[key] = None\n",
}
RISKS = {
    "found by a sweep": LOST,
    "items that may come twice": ENDED_AGAIN,
    "no lock here": LOCKED,
    "another lock": LOCKED,
}
"""Why a repair is unsafe, where not because the entry is asked for."""
REFUSED = {
    "put in again": (
        (
            "def open(self, key):\n    old = self._things.get(key)\n    self._things[key] = self._connect(key)\n"
            "    if old is not None:\n        old.close()\n"
        ),
        "puts an entry in between",
    ),
    "another key": (
        OPEN + "def end(self, key):\n    thing = self._things[key]\n    key = key + 1\n    thing.close()\n",
        "`key` is bound anew",
    ),
    "the same key again": (
        OPEN + "def end(self, key):\n    for _ in range(2):\n        self._things[key].close()\n",
        "again and again",
    ),
    "later": (
        OPEN + "def end(self, key, loop):\n    loop.call_later(60, self._things[key].close)\n",
        "to be called later",
    ),
    "in the middle": (
        OPEN + "def end(self, key):\n    self.said.append(self._things[key].close())\n",
        "in the middle of a statement",
    ),
    "read on another way": (
        OPEN + "def end(self, key, hard):\n    if hard:\n        self._things[key].close()\n"
        "    return self._things[key].key\n",
        "asked for again",
    ),
    "not the first that raises": (
        OPEN + "def end(self, key):\n    try:\n        thing = self._things[key]\n        thing.flush()\n"
        "        thing.close()\n    except RuntimeError:\n        pass\n",
        "leaves it as it was",
    ),
    "a helper does more": (
        OPEN
        + """
def _thing(self, key):
    self.said.append(key)
    return self._things[key]

def end(self, key):
    self._thing(key).close()
""",
        "not looked up in the function",
    ),
}


def _source(methods: str) -> str:
    return PRELUDE + "\n" + indent(dedent(methods), "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("pool.py", source.encode())).findings
    return [(f.fix and f.fix.safety, f.fix_refused) for f in found if f.code == "LKL106"]


def _repaired(source: str, unsafe: bool = False) -> str:
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: finding.code == "LKL106", unsafe)
    return outcome.data.decode()


def _run(source: str, calls: tuple[str, ...], failing: str | None) -> tuple[list[str], list[Any], int]:
    """What each call gives or raises, what the values were told, and how many entries are left."""
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    pool = names["Pool"](failing)
    outcomes = [_outcome(f"pool.{call}", {**names, "pool": pool}) for call in calls]
    return outcomes, pool.said, len(pool._things)


def _outcome(call: str, names: dict[str, Any]) -> str:
    try:
        result = eval(call, names)
        return repr(asyncio.run(result) if inspect.iscoroutine(result) else result)
    except (RuntimeError, KeyError) as error:
        return repr(error)


@pytest.mark.parametrize("name", SAFE)
def test_a_repaired_program_does_the_same_and_keeps_no_entry(name: str) -> None:
    methods, calls = SAFE[name]
    source = _source(methods)
    found = _findings(source)
    assert found
    assert all(safety == "safe" for safety, _ in found), found
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _repaired(repaired) == repaired
    for failing in (None, "close", "stop", "flush", "aclose"):
        before, after = _run(source, calls, failing), _run(repaired, calls, failing)
        assert before[:2] == after[:2], failing
        if failing is None:
            assert before[2] > 0
            assert after[2] == 0


@pytest.mark.parametrize("name", UNSAFE)
def test_where_somebody_may_miss_the_entry_the_repair_is_unsafe(name: str) -> None:
    source = _source(UNSAFE[name])
    found = [one for one in analyze.check(decode("pool.py", source.encode())).findings if one.code == "LKL106"]
    assert {one.fix and one.fix.safety for one in found} == {"unsafe"}, found
    assert {one.fix and one.fix.risk for one in found} == {RISKS.get(name, MISSED)}
    assert _repaired(source) == source
    repaired = _repaired(source, unsafe=True)
    assert not _findings(repaired)
    assert "_things.pop(" in repaired or "del self._things[" in repaired


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_evicted_there_is_refused_with_a_reason(name: str) -> None:
    methods, reason = REFUSED[name]
    found = _findings(_source(methods))
    assert found
    assert all(refused is not None and reason in refused for _, refused in found), found


def test_the_files_of_a_project_are_asked_too(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    pool, user = tmp_path / "pool.py", tmp_path / "user.py"
    pool.write_text(_source(OPEN + END))
    user.write_text("class User:\n    def look(self, key):\n        return self._things[key]\n")
    assert _safeties(pool) == ["safe"]
    user.write_text("def look(pool, key):\n    return pool._things[key]\n")
    assert _safeties(pool) == ["unsafe"]
    user.write_text(
        "from pool import Pool\nclass User(Pool):\n    def look(self, key):\n        return self._things[key]\n"
    )
    assert _safeties(pool) == ["unsafe"]


def _safeties(path: Path) -> list[str | None]:
    findings = analyze.check(decode(str(path), path.read_bytes()), project=Project()).findings
    return [finding.fix and finding.fix.safety for finding in findings if finding.code == "LKL106"]


def test_an_attribute_of_the_same_name_is_another_class_s_own() -> None:
    other = "\n\nclass Other:\n    def look(self, key):\n        return self._things[key].key\n"
    assert _findings(_source(OPEN + END) + other) == [("safe", None)]
    other = other.replace("self._things", "self._pool._things")
    assert _findings(_source(OPEN + END) + other) == [("unsafe", None)]


def test_what_another_has_opened_meanwhile_stays() -> None:
    source = _repaired(_source(OPEN + "async def end(self, key):\n    await self._things[key].aclose()\n"))
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)

    async def race() -> None:
        pool = names["Pool"]()
        pool.open(1)
        ending = asyncio.create_task(pool.end(1))
        await asyncio.sleep(0)
        pool.open(1)
        newer = pool._things[1]
        await ending
        assert pool._things == {1: newer}

    asyncio.run(race())


def test_a_value_whose_end_raises_keeps_its_entry() -> None:
    source = _repaired(_source(OPEN + END))
    assert _run(source, USE, "close")[2] == 2
