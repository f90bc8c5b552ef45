"""LKL105: the forgotten entry goes behind its sibling; each repaired program is executed before and after."""

from __future__ import annotations

import asyncio
import inspect
from textwrap import dedent, indent
from typing import Any

import pytest

from leaklint import analyze
from leaklint.repairs.evict_the_forgotten import ASKED_BEHIND, AT_ONCE, ELSEWHERE, MISSED, UNLOCKED, USED_UP
from leaklint.source import decode

PRELUDE = """
import asyncio
import threading


class Pool:
    def __init__(self):
        self._lock = threading.Lock()
        self._things = {}
        self._owners = {}
        self._seen = set()
        self.said = []

    def _say(self, what):
        self.said.append(what)
        return what
"""
OPEN = """
def open(self, key_id):
    self._things[key_id] = [key_id]
    self._owners[key_id] = 1
"""
LOCKED_OPEN = """
def open(self, key_id):
    with self._lock:
        self._things[key_id] = [key_id]
        self._owners[key_id] = 1
"""
BUILT_OPEN = """
def open(self, key_id):
    self._things[str(key_id)] = [key_id]
    self._owners[str(key_id)] = 1
"""
USE = ("open(1)", "open(2)", "end(1)", "end(1)", "end(2)")

REPAIRED = {
    "del": (OPEN + "def end(self, key_id):\n    del self._things[key_id]  # its end\n", USE),
    "del of two": (
        OPEN + "def end(self, key_id):\n    other = {1: 1}\n    del self._things[key_id], other[1]\n",
        USE,
    ),
    "pop": (OPEN + "def end(self, key_id):\n    self._things.pop(key_id, None)\n", USE),
    "pop that raises": (OPEN + "def end(self, key_id):\n    self._things.pop(key_id)\n", USE),
    "returned": (OPEN + "def end(self, key_id):\n    # What it was.\n    return self._things.pop(key_id)\n", USE),
    "assigned": (OPEN + "def end(self, key_id):\n    thing = self._things.pop(key_id)\n    return thing[0]\n", USE),
    "used at once": (OPEN + "def end(self, key_id):\n    self._say(self._things.pop(key_id)[0])\n", USE),
    "asked about": (
        OPEN + "def end(self, key_id):\n    if self._things.pop(key_id, None): return self._say(key_id)\n",
        USE,
    ),
    "if it is there": (
        OPEN + "def end(self, key_id):\n    if key_id in self._things: del self._things[key_id]\n",
        USE,
    ),
    "in a finally": (
        OPEN
        + "def end(self, key_id):\n    try:\n        self._say(key_id)\n"
        + "    finally:\n        del self._things[key_id]\n",
        USE,
    ),
    "caught": (
        OPEN
        + """
def end(self, key_id):
    try:
        del self._things[key_id]
    except KeyError:
        self._say("no such thing")
""",
        USE,
    ),
    "in a loop": (
        OPEN + "def end(self, *keys):\n    for key_id in keys:\n        self._things.pop(key_id, None)\n",
        ("open(1)", "open(2)", "end(1, 2)"),
    ),
    "under the lock": (
        LOCKED_OPEN + "def end(self, key_id):\n    with self._lock:\n        return self._things.pop(key_id, None)\n",
        USE,
    ),
    "through a variable": (
        OPEN + "def end(self, key_id):\n    things = self._things\n    things.pop(key_id, None)\n",
        USE,
    ),
    "two ends": (
        OPEN
        + "def end(self, key_id):\n    del self._things[key_id]\n\n"
        + "def give_up(self, key_id):\n    return self._things.pop(key_id, None)\n",
        ("open(1)", "open(2)", "end(1)", "give_up(2)"),
    ),
    "a helper": (
        OPEN + "def end(self, key_id):\n    self._drop(key_id)\n\ndef _drop(self, one):\n    del self._things[one]\n",
        USE,
    ),
    "room is made before": (
        """
def open(self, key_id):
    self._things.pop(key_id, None)
    self._things[key_id] = [key_id]
    self._owners[key_id] = 1

def end(self, key_id):
    del self._things[key_id]
""",
        USE,
    ),
    "a set": (
        """
def open(self, key_id):
    self._things[key_id] = [key_id]
    self._seen.add(key_id)

def end(self, key_id):
    self._things.pop(key_id)
""",
        USE,
    ),
    "the sibling is a set": (
        """
def open(self, key_id):
    self._seen.add(key_id)
    self._owners[key_id] = 1

def end(self, key_id):
    self._seen.remove(key_id)
""",
        USE,
    ),
    "a built key": (BUILT_OPEN + "def end(self, key_id):\n    del self._things[str(key_id)]\n", USE),
    "a key that calls": (
        "def _name(self, key_id):\n    return str(self._say(key_id))\n"
        + BUILT_OPEN.replace("str(key_id)", "self._name(key_id)")
        + "def end(self, key_id):\n    self._things.pop(self._name(key_id), None)\n",
        USE,
    ),
    "a key that calls, and a value that is used": (
        "def _name(self, key_id):\n    return str(self._say(key_id))\n"
        + BUILT_OPEN.replace("str(key_id)", "self._name(key_id)")
        + "def end(self, key_id):\n    return self._things.pop(self._name(key_id), None)\n",
        USE,
    ),
    "a key of two": (
        """
def open(self, a_id, b_id):
    self._things[a_id, b_id] = [a_id]
    self._owners[a_id, b_id] = 1

def end(self, a_id, b_id):
    del self._things[a_id, b_id]
""",
        ("open(1, 2)", "end(1, 2)"),
    ),
    "asked for behind": (
        OPEN
        + "def end(self, key_id):\n    del self._things[key_id]\n"
        + "    owner = self._owners[key_id]\n    return owner + 1\n",
        USE,
    ),
    "asked for when the key has gone on": (
        OPEN
        + """
def end(self, key_id):
    del self._things[key_id]
    old, key_id = key_id, None
    self._say(self._owners[old])
""",
        USE,
    ),
    "asynchronous": (
        """
async def open(self, key_id):
    self._things[key_id] = [key_id]
    self._owners[key_id] = 1
    try:
        await asyncio.sleep(0)
    finally:
        self._things.pop(key_id, None)
""",
        ("open(1)",),
    ),
}
REFUSED = {
    "a key that is used up": (
        OPEN + "def end(self, queue):\n    self._things.pop(queue.pop(), None)\n",
        USED_UP,
    ),
    "a key that waits": (
        OPEN + "async def end(self, key_of):\n    self._things.pop(await key_of(), None)\n",
        USED_UP,
    ),
    "what moves": (
        """
def open(self, key_id):
    self._things[key_id] = [key_id]

def end(self, key_id):
    self._owners[key_id] = self._things.pop(key_id)
""",
        AT_ONCE,
    ),
    "what comes in as the other goes": (
        """
def open(self, key_id):
    self._things[key_id] = [key_id]

def end(self, key_id):
    self._owners[key_id] = 1
    self._things.pop(key_id)
""",
        AT_ONCE,
    ),
    "what comes in when the other has gone": (
        """
async def run(self, key_id):
    self._things[key_id] = [key_id]
    try:
        await asyncio.sleep(0)
    finally:
        self._things.pop(key_id, None)
    self._owners[key_id] = 1
""",
        AT_ONCE,
    ),
    "no lock there": (LOCKED_OPEN + "def end(self, key_id):\n    self._things.pop(key_id, None)\n", UNLOCKED),
    "asked for on another level": (
        OPEN
        + """
def end(self, key_id, hard):
    if hard:
        del self._things[key_id]
    return self._owners[key_id]
""",
        ASKED_BEHIND,
    ),
    "asked for when returning": (
        OPEN + "def end(self, key_id):\n    del self._things[key_id]\n    return self._owners[key_id]\n",
        ASKED_BEHIND,
    ),
    "asked for at once": (
        OPEN + "def end(self, key_id):\n    return self._things.pop(key_id), self._owners[key_id]\n",
        ASKED_BEHIND,
    ),
    "asked for after a wait": (
        OPEN
        + "async def end(self, key_id):\n    del self._things[key_id]\n    await asyncio.sleep(0)\n"
        + "    self._say(self._owners[key_id])\n",
        ASKED_BEHIND,
    ),
    "one name for several": (
        OPEN + "def end(self, key_id, hard):\n    things = self._things\n    if hard:\n        things = self._things\n"
        "    things.pop(key_id, None)\n",
        ELSEWHERE,
    ),
    "a lambda": (
        OPEN + "def end(self, key_id, loop):\n    loop.call_later(1, lambda: self._things.pop(key_id, None))\n",
        "in a lambda",
    ),
    "the key becomes the value": (
        OPEN + "def end(self, key_id):\n    key_id = self._things.pop(key_id)\n    return key_id\n",
        "another value",
    ),
    "one of two": (
        OPEN
        + "def end(self, key_id):\n    del self._things[key_id]\n\n"
        + "def give_up(self, queue):\n    return self._things.pop(queue.pop(), None)\n",
        USED_UP,
    ),
}


def _source(methods: str) -> str:
    return PRELUDE + "\n" + indent(dedent(methods), "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("pool.py", source.encode())).findings
    return [(f.fix and f.fix.risk, f.fix_refused) for f in found if f.code == "LKL105"]


def _codes(source: str) -> set[str]:
    return {finding.code for finding in analyze.check(decode("pool.py", source.encode()), repairs=False).findings}


def _repaired(source: str, unsafe: bool = True) -> str:
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: finding.code == "LKL105", unsafe)
    return outcome.data.decode()


def _run(source: str, calls: tuple[str, ...]) -> tuple[list[str], list[Any], int, int]:
    """What each call gives or raises, what was said, and how many siblings and how many others are left."""
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    pool = names["Pool"]()
    outcomes = [_outcome(f"pool.{call}", {**names, "pool": pool}) for call in calls]
    containers = pool._things, pool._owners, pool._seen
    return outcomes, pool.said, min(map(len, containers)), max(map(len, containers))


def _outcome(call: str, names: dict[str, Any]) -> str:
    try:
        result = eval(call, names)
        return repr(asyncio.run(result) if inspect.iscoroutine(result) else result)
    except KeyError as error:
        return repr(error)


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_program_does_the_same_and_forgets_nothing(name: str) -> None:
    methods, calls = REPAIRED[name]
    source = _source(methods)
    assert _findings(source) == [(MISSED, None)]
    repaired = _repaired(source)
    before, after = _run(source, calls), _run(repaired, calls)
    assert before[:2] == after[:2]
    assert before[3] > 0
    assert after[3] == 0


@pytest.mark.parametrize("name", REPAIRED)
def test_the_finding_is_gone_no_other_has_come_and_a_second_repair_changes_nothing(name: str) -> None:
    source = _source(REPAIRED[name][0])
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _codes(repaired) <= _codes(source)
    assert _repaired(repaired) == repaired
    assert all(comment in repaired for comment in source.split() if comment.startswith("#"))


@pytest.mark.parametrize("name", REPAIRED)
def test_it_is_not_made_unasked(name: str) -> None:
    source = _source(REPAIRED[name][0])
    assert _repaired(source, unsafe=False) == source


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_evicted_there_is_refused_with_a_reason(name: str) -> None:
    methods, reason = REFUSED[name]
    source = _source(methods)
    ((risk, refused),) = _findings(source)
    assert risk is None
    assert refused is not None
    assert reason in refused
    assert _repaired(source) == source


def test_an_eviction_that_raises_leaves_everything_as_it_was() -> None:
    source = _repaired(_source(OPEN + "def end(self, key_id):\n    return self._things.pop(key_id)[0]\n"))
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    pool = names["Pool"]()
    pool._owners[1] = 1
    with pytest.raises(KeyError):
        pool.end(1)
    assert pool._owners == {1: 1}


def test_the_base_class_does_not_know_what_its_heir_forgets() -> None:
    source = """
class Base:
    def __init__(self):
        self._things = {}

    def end(self, key_id):
        self._things.pop(key_id, None)


class Heir(Base):
    def __init__(self):
        super().__init__()
        self._owners = {}

    def open(self, key_id):
        self._things[key_id] = 1
        self._owners[key_id] = 1
"""
    assert _findings(source) == [(None, ELSEWHERE)]
    here = source.replace(
        "    def open", "    def finish(self, key_id):\n        del self._things[key_id]\n\n    def open"
    )
    assert {refused for _, refused in _findings(here)} == {ELSEWHERE}


def test_a_private_name_is_written_as_the_class_writes_it() -> None:
    methods = (OPEN + "def end(self, key_id):\n    del self._things[key_id]\n").replace("_owners", "__owners")
    source = _source(methods).replace("self._owners = {}", "self.__owners = {}")
    assert "        self.__owners.pop(key_id, None)\n" in _repaired(source)
