"""LKL203: the lock around an eviction; repaired programs are executed with another thread that holds the lock."""

from __future__ import annotations

import asyncio
import threading
from textwrap import dedent, indent
from typing import Any

import pytest

from leaklint import analyze
from leaklint.repairs.hold_the_lock import HELD_BEFORE, HELD_BY_A_CALLER
from leaklint.source import decode

PRELUDE = """
import asyncio
import contextlib
import threading


class Thing:
    def __init__(self, key):
        self.key = key
        self.closed_under = None

    def close(self, pool=None):
        self.closed_under = pool and pool._lock.locked()
        return self.key


class Pool:
    def __init__(self, kind=threading.Lock):
        self._lock = threading.Lock()
        self._things = {}

    def open(self, key):
        with self._lock:
            if key not in self._things:
                self._things[key] = Thing(key)
            return self._things[key]

    def replace(self, key):
        with self._lock:
            self._things[key] = Thing(key)
"""
FORMS = {
    "pop": "def end(self, key):\n    self._things.pop(key, None)\n",
    "del": "def end(self, key):\n    del self._things[key]\n",
    "del of two": "def end(self, key):\n    del self._things[key], self._things['other']\n",
    "returned": "def end(self, key):\n    return self._things.pop(key)\n",
    "kept in a name": "def end(self, key):\n    thing = self._things.pop(key)\n    return thing.close(self)\n",
    "closed at once": "def end(self, key):\n    self._things.pop(key).close(self)\n",
    "closed and returned": "def end(self, key):\n    return self._things.pop(key).close(self)\n",
    "bound in passing": (
        "def end(self, key):\n    if thing := self._things.pop(key, None):\n        thing.close(self)\n"
    ),
    "asked for": "def end(self, key):\n    if key in self._things:\n        del self._things[key]\n",
    "asked for in an elif": (
        "def end(self, key):\n    if not key:\n        raise ValueError(key)\n"
        "    elif key in self._things:\n        del self._things[key]\n"
    ),
    "looked up": "def end(self, key):\n    one = self._things.get(key)\n    del self._things[key]\n    return one\n",
    "in one line": "def end(self, key):\n    if key in self._things: del self._things[key]\n",
    "in a loop": "def end(self, key):\n    for one in [key]:\n        self._things.pop(one, None)\n",
    "some of them": (
        "def end(self, key):\n    for one in list(self._things):\n        if one == key:\n"
        "            del self._things[one]\n"
    ),
    "suppressed": "def end(self, key):\n    with contextlib.suppress(KeyError):\n        del self._things[key]\n",
    "in a finally": (
        "def end(self, key):\n    try:\n        print(end='')\n    finally:\n        self._things.pop(key, None)\n"
    ),
    "by a helper": "def end(self, key):\n    self._go(key)\n\ndef _go(self, key):\n    self._things.pop(key, None)\n",
    "of a thread of its own": (
        "def end(self, key):\n    one = threading.Thread(target=self.drop, args=(key,))\n    one.start()\n"
        "    one.join()\n\ndef drop(self, key):\n    self._things.pop(key, None)\n"
    ),
}
"""Methods that evict without the lock."""
REFUSED = {
    "a caller that was not walked": (
        (
            "def end(self, key):\n    self._things.pop(key, None)\n\n"
            "def end_both(self, key, other):\n    with self._lock:\n        other.end(key)\n"
        ),
        "is held on line",
    ),
    "handed on": (
        (
            "def end(self, key):\n    self._things.pop(key, None)\n\n"
            "def watch(self, source):\n    source.on_end = self.end\n"
        ),
        "`end` is handed on in line",
    ),
    "asked by Python": (
        (
            "def __delitem__(self, key):\n    del self._things[key]\n\n"
            "def keep(self, keys):\n    with self._lock:\n        for key in keys:\n            del self[key]\n"
        ),
        "is held on line",
    ),
    "in a lambda": (
        (
            "def end(self, key):\n    return self._apply(lambda: self._things.pop(key, None))\n\n"
            "def _apply(self, do):\n    return do()\n"
        ),
        "in a lambda",
    ),
    "too much under the lock": (
        (
            "def end(self, key):\n    if key in self._things:\n        self._things[key].close(self)\n"
            "        del self._things[key]\n"
        ),
        "too much is done",
    ),
    "a key that is built": (
        (
            "def end(self, key):\n    self._things.pop(self._key(key), None)\n\n"
            "def _key(self, key):\n    with self._lock:\n        return key\n"
        ),
        "should not run under a lock",
    ),
    "deleted under a key that is built": (
        (
            "def end(self, key):\n    del self._things[self._key(key)]\n\n"
            "def _key(self, key):\n    with self._lock:\n        return key\n"
        ),
        "cannot be parted",
    ),
    "of another object": (
        "def end(self, pool: 'Pool', key):\n    pool._things.pop(key, None)\n",
        "another object",
    ),
    "under another name": (
        "def end(self, key):\n    things = self._things\n    things.pop(key, None)\n",
        "another object",
    ),
    "by parts": (
        "def end(self, key):\n    return print(self._things.pop(\n        key,\n        None,\n    ))\n",
        "on several lines",
    ),
}
ASYNC = """
import asyncio


class Thing:
    async def flush(self):
        await asyncio.sleep(0.01)


class Pool:
    def __init__(self):
        self._lock = asyncio.Lock()
        self._things = {}

    async def open(self, key):
        async with self._lock:
            if key not in self._things:
                self._things[key] = await self._made()
            return self._things[key]

    async def renew(self, key):
        async with self._lock:
            self._things[key] = await self._made()

    async def _made(self):
        return Thing()
"""
WAITS = """
async def end(self, key):
    # What is flushed goes.
    thing = self._things[key]
    await thing.flush()
    del self._things[key]  # at last
"""
ASYNC_REFUSED = {
    "the lock in between": (
        (
            "async def end(self, key):\n    thing = await self.open(key)\n    old = self._things[key]\n"
            "    await self.renew(key)\n    del self._things[key]\n"
        ),
        "would be waited for by its own holder",
    ),
    "not side by side": (
        (
            "async def end(self, key):\n    thing = self._things[key]\n    await thing.flush()\n"
            "    if thing:\n        del self._things[key]\n"
        ),
        "not side by side",
    ),
    "waited for at once": (
        (
            "async def end(self, key):\n    thing = self._things[key]\n    await thing.flush()\n"
            "    await self._things.pop(key).flush()\n"
        ),
        "is waited for in the statement",
    ),
}


def _source(methods: str, prelude: str = PRELUDE) -> str:
    return prelude + "\n" + indent(dedent(methods), "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("pool.py", source.encode())).findings
    return [(f.fix.risk if f.fix else None, f.fix_refused) for f in found if f.code == "LKL203"]


def _repaired(source: str, *, unsafe: bool = True) -> str:
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: finding.code == "LKL203", unsafe)
    return outcome.data.decode()


def _names(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    return names


def _evicts_under_a_held_lock(source: str) -> tuple[bool, Any]:
    """Whether the entry goes while another thread holds the lock, and what its value was told; it goes afterwards."""
    pool = _names(source)["Pool"]()
    thing = pool.open(1)
    pool.open("other")
    ending = threading.Thread(target=pool.end, args=(1,))
    with pool._lock:
        ending.start()
        ending.join(0.05)
        is_gone = 1 not in pool._things
    ending.join(5)
    assert not ending.is_alive()
    assert 1 not in pool._things
    return is_gone, thing.closed_under


@pytest.mark.parametrize("name", FORMS)
def test_a_repaired_eviction_waits_for_the_lock(name: str) -> None:
    source = _source(FORMS[name])
    assert _findings(source)
    assert {risk for risk, _ in _findings(source)} == {HELD_BY_A_CALLER}, _findings(source)
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _repaired(repaired) == repaired
    assert _evicts_under_a_held_lock(source)[0]
    is_gone, closed_under = _evicts_under_a_held_lock(repaired)
    assert not is_gone
    assert not closed_under, "the value is closed while the lock is held"


@pytest.mark.parametrize("name", ["asked for", "asked for in an elif", "in one line", "some of them"])
def test_nobody_comes_between_look_and_eviction(name: str) -> None:
    """The last one who held the lock has evicted the entry."""

    class Late:
        def __init__(self, things: dict[int, object]) -> None:
            self._things = things

        def __enter__(self) -> None:
            self._things.pop(1)

        def __exit__(self, *_: object) -> None:
            pass

    pool = _names(_repaired(_source(FORMS[name])))["Pool"]()
    pool.open(1)
    pool._lock = Late(pool._things)
    pool.end(1)


def test_nothing_is_repaired_without_being_asked_for() -> None:
    source = _source(FORMS["pop"])
    assert _repaired(source, unsafe=False) == source


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    methods, reason = REFUSED[name]
    found = _findings(_source(methods))
    assert found
    assert all(refused is not None and reason in refused for _, refused in found), found


def test_a_lock_that_may_be_taken_twice_is_taken_whoever_calls() -> None:
    methods, _ = REFUSED["handed on"]
    source = _source(methods, PRELUDE.replace("self._lock = threading.Lock()", "self._lock = threading.RLock()"))
    assert _findings(source) == [(HELD_BEFORE, None)]
    assert "with self._lock:\n            self._things.pop(key, None)" in _repaired(source)


def test_comments_and_all_other_lines_stay() -> None:
    before = "def end(self, key):\n    # It goes.\n    self._things.pop(key, None)  # or is gone\n    # Done.\n"
    after = (
        "def end(self, key):\n    # It goes.\n    with self._lock:\n"
        "        self._things.pop(key, None)  # or is gone\n"
        "    # Done.\n"
    )
    for newline, unit in (("\n", "    "), ("\r\n", "    "), ("\n", "\t")):
        source, expected = (_source(text).replace("    ", unit).replace("\n", newline) for text in (before, after))
        assert _repaired(source) == expected


def test_the_value_is_used_behind_the_lock() -> None:
    repaired = _repaired(_source(FORMS["closed and returned"]))
    assert repaired.endswith(
        "        with self._lock:\n            evicted = self._things.pop(key)\n        return evicted.close(self)\n"
    )


def test_an_asyncio_lock_is_held_from_the_look_on() -> None:
    source = _source(WAITS, ASYNC)
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert repaired == source.replace(
        """\
        thing = self._things[key]
        await thing.flush()
        del self._things[key]  # at last
""",
        """\
        async with self._lock:
            thing = self._things[key]
            await thing.flush()
            del self._things[key]  # at last
""",
    )
    assert _repaired(repaired) == repaired

    async def renewed_meanwhile(names: dict[str, Any]) -> bool:
        pool = names["Pool"]()
        await pool.open(1)
        await asyncio.gather(pool.end(1), pool.renew(1))
        return 1 in pool._things

    assert not asyncio.run(renewed_meanwhile(_names(source))), "the new value is evicted with the old one's flush"
    assert asyncio.run(renewed_meanwhile(_names(repaired)))


@pytest.mark.parametrize("name", ASYNC_REFUSED)
def test_an_asyncio_lock_is_left_where_it_does_not_fit(name: str) -> None:
    methods, reason = ASYNC_REFUSED[name]
    found = _findings(_source(methods, ASYNC))
    assert found
    assert all(refused is not None and reason in refused for _, refused in found), found


GLOBAL = """
import threading

_things = {}
_lock = threading.Lock()

def open_(key):
    with _lock:
        if key not in _things:
            _things[key] = object()
        return _things[key]

def renew(key):
    with _lock:
        _things[key] = object()

"""


def test_a_lock_of_the_module_is_taken_by_its_name() -> None:
    end = "def end(key):\n    _things.pop(key, None)\n"
    assert _repaired(GLOBAL + end) == GLOBAL + "def end(key):\n    with _lock:\n        _things.pop(key, None)\n"


def test_a_lock_whose_name_means_something_else_is_out_of_reach() -> None:
    end = "def end(key, _lock=None):\n    _things.pop(key, None)\n"
    assert _findings(GLOBAL + end) == [(None, "the lock cannot be reached as `_lock` where the eviction is")]


def test_a_lock_that_only_goes_by_other_names_is_out_of_reach() -> None:
    source = _source(FORMS["pop"], PRELUDE.replace("with self._lock:", "lock = self._lock\n        with lock:"))
    assert _findings(source) == [(None, "no `with` of this file takes the lock by its name")]
