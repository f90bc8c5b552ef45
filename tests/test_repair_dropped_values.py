"""LKL204: what is evicted is closed; each repaired program is executed before and after."""

from __future__ import annotations

import asyncio
import inspect
from textwrap import dedent, indent
from typing import Any

import pytest

from leaklint import analyze
from leaklint.repairs.close_the_evicted import IN_USE, NO_FORM, NO_METHOD, PART, WAITS, WAITS_IN_A_LOOP
from leaklint.source import decode

PRELUDE = """
import asyncio
import contextlib
import threading


class Thing:
    def __init__(self, pool, key):
        self.pool, self.key, self.writer = pool, key, self

    def close(self, how="at once"):
        self.pool.closed.append((self.key, how, self.pool._lock.locked()))

    async def aclose(self):
        await asyncio.sleep(0)
        self.close("after a while")


class Pool:
    def __init__(self):
        self._lock = threading.Lock()
        self._things = {}
        self._others = {}
        self.closed = []

    def _connect(self, key):
        return Thing(self, key)
"""
OPEN = """
def open(self, key):
    self._things[key] = self._connect(key)
"""
CLOSE = OPEN + "def close(self, key):\n    self._things.pop(key).close()\n\n"
LOCKED = """
def open(self, key):
    with self._lock:
        self._things[key] = self._connect(key)

def close(self, key):
    with self._lock:
        thing = self._things.pop(key)
    thing.close()

"""
TWO = (
    CLOSE
    + """
def open_other(self, key):
    self._others[key] = self._connect(key)

def close_other(self, key):
    self._others.pop(key).close()

"""
)
WAITING = (
    OPEN
    + """
async def close(self, key):
    thing = self._things.pop(key, None)
    await thing.aclose()

"""
)
USE = ("open(1)", "open(2)", "drop(1)", "drop(1)", "drop(2)")
BOTH = ("open(1)", "open(2)", "drop()", "drop()")

REPAIRED = {
    "pop": (CLOSE + "def drop(self, key):\n    self._things.pop(key, None)  # its end\n", USE),
    "pop that raises": (CLOSE + "def drop(self, key):\n    self._things.pop(key)\n", USE),
    "del": (CLOSE + "def drop(self, key):\n    del self._things[key]  # its end\n", USE),
    "del in one line": (
        CLOSE + "def drop(self, key):\n    if key in self._things: del self._things[key]\n",
        USE,
    ),
    "del that is caught": (
        CLOSE + "def drop(self, key):\n    with contextlib.suppress(KeyError):\n        del self._things[key]\n",
        USE,
    ),
    "in a loop": (
        CLOSE + "def drop(self, *keys):\n    for key in keys:\n        self._things.pop(key, None)\n",
        ("open(1)", "open(2)", "drop(1, 2, 3)"),
    ),
    "in a finally": (
        CLOSE + "def drop(self, key):\n    try:\n        key += 0\n    finally:\n        self._things.pop(key, None)\n",
        USE,
    ),
    "two in one function": (
        TWO + "def drop(self, one, two):\n    self._things.pop(one, None)\n    del self._others[two]\n",
        ("open(1)", "open_other(2)", "drop(1, 2)"),
    ),
    "one in what the other calls": (
        TWO
        + "def drop(self, one, two):\n    self._things.pop(one, None)\n    self._drop(two)\n\n"
        + "def _drop(self, key):\n    del self._others[key]\n",
        ("open(1)", "open_other(2)", "drop(1, 2)"),
    ),
    "one that is taken out": (
        CLOSE + "def drop(self, thing):\n    self._things.pop(thing, None)\n    return thing\n",
        USE,
    ),
    "the last": (CLOSE + "def drop(self):\n    self._things.popitem()\n", ("open(1)", "drop()", "drop()")),
    "all": (CLOSE + "def drop(self):\n    # All of them.\n    self._things.clear()\n", BOTH),
    "all by a new one": (CLOSE + "def drop(self):\n    self._things = {}\n", BOTH),
    "behind the lock": (
        LOCKED + "def drop(self, key):\n    with self._lock:\n        self._things.pop(key, None)\n    return key\n",
        USE,
    ),
    "more under the lock": (
        LOCKED
        + "def drop(self, key):\n    with self._lock:\n        self._things.pop(key, None)\n        self._last = key\n",
        USE,
    ),
    "all under the lock": (LOCKED + "def drop(self):\n    with self._lock:\n        self._things.clear()\n", BOTH),
    "awaited": (WAITING + "async def drop(self, key):\n    self._things.pop(key, None)\n", USE),
    "with arguments": (
        OPEN
        + 'def close(self, key):\n    self._things.pop(key).close(how="slowly")\n\n'
        + "def drop(self, key):\n    del self._things[key]\n",
        USE,
    ),
    "a part": (
        OPEN
        + "def close(self, key):\n    self._things.pop(key).writer.close()\n\n"
        + "def drop(self, key):\n    self._things.pop(key, None)\n",
        USE,
    ),
    "one of two": (
        """
def open(self, key):
    self._things[key] = (self._connect(key), key)

def close(self, key):
    thing, number = self._things.pop(key)
    thing.close()
    return number

def drop(self, key):
    del self._things[key]
""",
        USE,
    ),
    "a key of two": (
        """
def open(self, a, b):
    self._things[b, a] = self._connect(a)

def close(self, a, b):
    self._things.pop((b, a)).close()

def drop(self, a, b):
    del self._things[b, a]
""",
        ("open(2, 2)", "drop(2, 2)", "drop(2, 2)"),
    ),
    "None in between": (
        CLOSE
        + "def plan(self, key):\n    self._things[key] = None\n\ndef drop(self, key):\n    del self._things[key]\n",
        ("open(1)", "plan(2)", "drop(1)", "drop(2)"),
    ),
    "closed in another form first": (
        OPEN
        + "def close_all(self):\n    done = [thing.close() for thing in self._things.values()]\n"
        + "    self._things.clear()\n    return done\n\n"
        + "def close(self, key):\n    self._things.pop(key).close()\n\n"
        + "def drop(self, key):\n    self._things.pop(key, None)\n",
        USE,
    ),
}
REFUSED = {
    "awaited elsewhere": (WAITING + "def drop(self, key):\n    self._things.pop(key, None)\n", WAITS),
    "awaited in a loop": (WAITING + "async def drop(self):\n    self._things.clear()\n", WAITS_IN_A_LOOP),
    "together": (
        OPEN
        + "async def close(self):\n    await asyncio.gather(*[one.aclose() for one in self._things.values()])\n"
        + "    self._things.clear()\n\n"
        + "async def drop(self, key):\n    self._things.pop(key, None)\n",
        NO_METHOD,
    ),
    "with what only it knows": (
        OPEN
        + "def close(self, key, how):\n    self._things.pop(key).close(how)\n\n"
        + "def drop(self, key):\n    self._things.pop(key, None)\n",
        NO_METHOD,
    ),
    "two at once": (
        CLOSE + "def drop(self, key, other):\n    del self._things[key], self._others[other]\n",
        NO_FORM,
    ),
    "another default": (CLOSE + "def drop(self, key):\n    self._things.pop(key, 0)\n", NO_FORM),
    "over lines": (CLOSE + "def drop(self, key):\n    self._things.pop(\n        key, None\n    )\n", NO_FORM),
    "a part by a key": (
        OPEN
        + 'def close(self, key):\n    self._things.pop(key)["writer"].close()\n\n'
        + "def drop(self, key):\n    self._things.pop(key, None)\n",
        PART,
    ),
    "one cannot, so that none is": (
        TWO + "def drop(self, one, two):\n    del self._things[one]\n    self._others.pop(two, 0)\n",
        NO_FORM,
    ),
}


def _source(methods: str) -> str:
    return PRELUDE + "\n" + indent(dedent(methods), "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("pool.py", source.encode())).findings
    return [(f.fix and f.fix.risk, f.fix_refused) for f in found if f.code == "LKL204"]


def _codes(source: str) -> set[str]:
    return {finding.code for finding in analyze.check(decode("pool.py", source.encode()), repairs=False).findings}


def _repaired(source: str, unsafe: bool = True) -> str:
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: finding.code == "LKL204", unsafe)
    return outcome.data.decode()


def _run(source: str, calls: tuple[str, ...]) -> tuple[list[str], list[Any], int]:
    """What each call gives or raises, what was closed and how, and how many entries are left."""
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    pool = names["Pool"]()
    outcomes = [_outcome(f"pool.{call}", {**names, "pool": pool}) for call in calls]
    return outcomes, pool.closed, len(pool._things)


def _outcome(call: str, names: dict[str, Any]) -> str:
    try:
        result = eval(call, names)
        return repr(asyncio.run(result) if inspect.iscoroutine(result) else result)
    except KeyError as error:
        return type(error).__name__


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_program_does_the_same_and_closes_what_it_evicts(name: str) -> None:
    methods, calls = REPAIRED[name]
    source = _source(methods)
    found = _findings(source)
    assert found
    assert set(found) == {(IN_USE, None)}
    before, after = _run(source, calls), _run(_repaired(source), calls)
    assert before[0] == after[0]
    assert before[2] == after[2] == 0
    assert not before[1]
    opened = sorted(int(call[-2]) for call in calls if call.startswith("open"))
    assert sorted(key for key, _, _ in after[1]) == opened


@pytest.mark.parametrize("name", REPAIRED)
def test_the_finding_is_gone_no_other_has_come_and_a_second_repair_changes_nothing(name: str) -> None:
    source = _source(REPAIRED[name][0])
    assert _repaired(source, unsafe=False) == source
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _codes(repaired) <= _codes(source)
    assert _repaired(repaired) == repaired
    assert all(comment in repaired for comment in ("# its end", "# All of them.") if comment in source)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_closed_there_is_refused_with_a_reason(name: str) -> None:
    methods, reason = REFUSED[name]
    source = _source(methods)
    assert {refused for risk, refused in _findings(source) if risk is None} == {reason}
    assert _repaired(source) == source


@pytest.mark.parametrize(("name", "is_held"), [("behind the lock", False), ("more under the lock", True)])
def test_the_lock_is_free_again_where_nothing_follows_under_it(name: str, is_held: bool) -> None:
    methods, calls = REPAIRED[name]
    assert {held for _, _, held in _run(_repaired(_source(methods)), calls)[1]} == {is_held}


def test_it_is_closed_the_way_the_other_eviction_does() -> None:
    methods, calls = REPAIRED["with arguments"]
    assert {how for _, how, _ in _run(_repaired(_source(methods)), calls)[1]} == {"slowly"}


def test_names_that_are_taken_stay_as_they_are() -> None:
    methods, _ = REPAIRED["one that is taken out"]
    assert "thing_2 = self._things.pop(thing, None)\n" in _repaired(_source(methods))


def test_what_is_dropped_on_purpose_stays_so() -> None:
    methods, _ = REPAIRED["two in one function"]
    source = _source(methods).replace("pop(one, None)", "pop(one, None)  # noqa: LKL204")
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: "_others" in finding.cache, True)
    repaired = outcome.data.decode()
    assert "pop(one, None)  # noqa: LKL204\n        other = self._others.pop(two)\n" in repaired
