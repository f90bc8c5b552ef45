"""LKL102: evictions that stay where they are, with an `except` before them: its shape, its limits, what it does."""

from __future__ import annotations

import asyncio
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import pytest
from repairing import fixed, require_repair

from leaklint import analyze
from leaklint.source import decode

if TYPE_CHECKING:
    from leaklint.model import Finding

POOL = """\
import asyncio
import threading

class Pool:
    def __init__(self):
        self._open = {}
        self._uses = {}
        self._lock = asyncio.Lock()

"""
EVICTED = """\
    with self._guard:
        client = self._open.pop(key)
        client.send(row)
"""
AMID = POOL.replace("asyncio.Lock", "threading.Lock").replace("_lock", "_guard")


def _pool(body: str, start: str = AMID) -> str:
    return start + indent(dedent(body), "    ")


CASES = {
    "with a handler of the same kind": (
        f"""\
def run(self, key, row):
    self._open[key] = row.open()
    try:
        row.ask()
    except BaseException:
        row.undo()
        raise
{EVICTED}""",
        f"""\
def run(self, key, row):
    self._open[key] = row.open()
    try:
        row.ask()
    except BaseException:
        self._open.pop(key, None)
        row.undo()
        raise
{EVICTED}""".replace(
            "        self._open.pop(key, None)", "        with self._guard:\n            self._open.pop(key, None)"
        ),
    ),
    "what cannot raise stays outside": (
        f"""\
def run(self, key, row):
    self._open[key] = row.open()
    count = 0
    # Ask it.
    row.ask()  # now
    row.ask(
        "again",
    )
    done = True
{EVICTED}    return count, done
""",
        f"""\
def run(self, key, row):
    self._open[key] = row.open()
    count = 0
    # Ask it.
    try:
        row.ask()  # now
        row.ask(
            "again",
        )
    except BaseException:
        with self._guard:
            self._open.pop(key, None)
        raise
    done = True
{EVICTED}    return count, done
""",
    ),
    "what ends the value goes along": (
        """\
def run(self, key, row):
    client = row.open()
    self._open[key] = client
    row.ask()
    with self._guard:
        taken = self._open.pop(key)
        client.close()
        row.note(taken)
""",
        """\
def run(self, key, row):
    client = row.open()
    self._open[key] = client
    try:
        row.ask()
    except BaseException:
        with self._guard:
            self._open.pop(key, None)
            client.close()
        raise
    with self._guard:
        taken = self._open.pop(key)
        client.close()
        row.note(taken)
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_shape(name: str) -> None:
    before, after = CASES[name]
    require_repair(_pool(before), _pool(after))


RISKS = {
    "what handles the exception, below line 11, may look for the entry": f"""\
def run(self, key, row):
    try:
        self._open[key] = row.open()
        row.ask()
{indent(EVICTED, "    ")}    except ValueError:
        return self._open[key]
""",
    "the code goes on after an exception, below line 18, and may look for the entry": f"""\
def run(self, key, row):
    try:
        self._open[key] = row.open()
        row.ask()
{indent(EVICTED, "    ")}    except ValueError:
        row.undo()
    return self._open.get(key)
""",
    "the caller on line 19 may look for the entry when it handles the exception": f"""\
def run(self, key, row):
    self._open[key] = row.open()
    row.ask()
{EVICTED}
def call(self, key, row):
    try:
        return self.run(key, row)
    except ValueError:
        self._open.pop(key)
        raise
""",
    "line 13 evicts, and another operation may have put in its own entry by then": f"""\
def run(self, key, row):
    self._open[key] = row.open()
    if row.ask():
        row.note(self._open.pop(key, None))
        row.settle()
        return
{EVICTED}""",
    "the function on line 12 needs the entry, and may be called later": f"""\
def run(self, key, row):
    self._open[key] = row.open()
    def late():
        del self._open[key]
    row.ask()
{EVICTED}    row.then(late)
""",
}


@pytest.mark.parametrize("risk", RISKS)
def test_where_somebody_may_miss_the_entry_the_repair_is_unsafe(risk: str) -> None:
    (found,) = _findings(_pool(RISKS[risk]))
    assert found.fix is not None, found.fix_refused
    assert (found.fix.safety, found.fix.risk) == ("unsafe", risk)


REFUSED = {
    "`key` is bound anew between insertion and eviction": f"""\
def run(self, key, row):
    self._open[key] = row.open()
    row.ask()
    key = row.name
    self._open[key] = row
{EVICTED}""",
    "`BaseException` means something else here": f"""\
def run(self, key, row, BaseException=None):
    self._open[key] = row.open()
    row.ask()
{EVICTED}""",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_nothing_is_said_that_would_mean_something_else(reason: str) -> None:
    source = _pool(REFUSED[reason])
    assert fixed(source) == source


COUNTED = """\
async def share(self, key, row):
    async with self._lock:
        if key in self._open:
            self._uses[key] += 1
        else:
            self._open[key] = row.open()
            self._uses[key] = 1
            await row.start()
    try:
        await row.ask()
    finally:
        async with self._lock:
            self._uses[key] -= 1
            if self._uses[key] == 0:
                self._uses.pop(key)
                self._open.pop(key)
"""


def test_entries_that_are_shared_under_a_lock_go_together() -> None:
    repaired = fixed(_pool(COUNTED, POOL))
    assert "except BaseException:\n" in repaired
    assert repaired.index("self._uses.pop(key, None)") < repaired.index("self._open.pop(key, None)")
    assert repaired.count("except") == 1


@pytest.mark.parametrize(
    "other",
    [
        "def peek(self, key):\n    return self._open.get(key)\n",
        "async def wait(self, key):\n    async with self._other:\n        return self._uses[key]\n",
    ],
)
def test_entries_that_others_may_have_without_the_lock_are_left(other: str) -> None:
    source = _pool(COUNTED + "\n" + other, POOL)
    assert fixed(source) == source
    assert {found.fix and found.fix.safety for found in _findings(source)} <= {None, "unsafe"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if key in self._open:", "if key in self._other:"),
        ("if key in self._open:", "if row.counts():"),
        ("self._uses[key] = 1\n", "self._uses[key] += 1\n"),
    ],
)
def test_entries_that_others_may_have_had_before_are_left(before: str, after: str) -> None:
    shared = COUNTED.replace("            self._open[key] = row.open()\n", "") if "+=" in after else COUNTED
    shared = shared.replace("                self._open.pop(key)\n", "") if "+=" in after else shared
    source = _pool(shared.replace(before, after), POOL)
    assert {found.fix and found.fix.safety for found in _findings(source)} <= {None, "unsafe"}


def test_a_lock_that_is_given_back_in_a_wait_holds_nobody_off() -> None:
    source = _pool(COUNTED.replace("await row.start()", "await self._lock.wait_for(row.start)"), POOL)
    assert fixed(source) == source


HELPED = """\
def _finish(self, key, row):
    row.settle()
    self._open.pop(key, None)

async def run(self, key, row):
    client = row.open()
    self._open[key] = client
    await row.ask()
    self._finish(key, row)
"""


class Row:
    """What an operation works on; `ask` does as it is told."""

    def __init__(self, ask: Any) -> None:
        self.opened = object()
        self._ask = ask

    def open(self) -> object:
        return self.opened

    def settle(self) -> None:
        pass

    async def ask(self) -> None:
        self._ask()


def _repaired_pool() -> Any:
    names: dict[str, Any] = {}
    repaired = fixed(_pool(HELPED, POOL))
    assert "if self._open.get(key) is client:" in repaired
    exec(repaired, names)
    return names["Pool"]()


def test_the_entry_of_another_operation_stays() -> None:
    pool = _repaired_pool()
    other = object()

    def replace_and_fail() -> None:
        pool._open["key"] = other
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(pool.run("key", Row(replace_and_fail)))
    assert pool._open == {"key": other}


@pytest.mark.parametrize("error", [ConnectionError, KeyboardInterrupt, asyncio.CancelledError])
def test_the_own_entry_goes_and_the_exception_goes_on(error: type[BaseException]) -> None:
    pool = _repaired_pool()
    raised = error("once")

    def fail() -> None:
        raise raised

    async def run() -> BaseException:
        try:
            await pool.run("key", Row(fail))
        except BaseException as caught:
            return caught
        raise AssertionError

    caught = asyncio.run(run())
    assert caught is raised
    assert caught.__context__ is None
    assert pool._open == {}


@pytest.mark.parametrize("value", ["row", "self.default()", "client = row.open() if row else None"])
def test_a_value_that_others_may_have_tells_nothing(value: str) -> None:
    told = HELPED.replace("client = row.open()", value if "client" in value else "client = row")
    assert fixed(_pool(told, POOL)) == _pool(told, POOL)


def _findings(source: str) -> list[Finding]:
    return list(analyze.check(decode("pool.py", source.encode())).findings)
