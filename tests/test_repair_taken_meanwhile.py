"""LKL102: an entry that others take out meanwhile; repaired programs are executed, and what is raised is what was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leaklint import analyze
from leaklint.source import decode

CLIENT = '''
import asyncio


class Client:
    """Waits for replies, until the connection is lost."""

    def __init__(self):
        self._waiters = {{}}

    async def ask(self, number, send):
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[number] = waiter
        await send(number)
        reply = await waiter
        {eviction}
        return reply

    def answered(self, number, reply):
        self._waiters[number].set_result(reply)

    def lost(self):
        {taken}
        for waiter in waiters.values():
            waiter.set_exception(ConnectionError("lost"))
'''
EVICTIONS = {"pop": "self._waiters.pop(number)", "del": "del self._waiters[number]"}
TAKEN = {
    "swapped": "waiters, self._waiters = self._waiters, {}",
    "cleared": "waiters = dict(self._waiters); self._waiters.clear()",
    "one by one": "waiters = {number: self._waiters.pop(number) for number in list(self._waiters)}",
}


def repaired(code: str) -> str:
    """Repair all of it, safely."""
    source = decode("client.py", code.encode())
    return analyze.repair(
        source, lambda finding: finding.fix is not None and finding.fix.safety == "safe"
    ).data.decode()


@pytest.fixture(params=EVICTIONS.values(), ids=EVICTIONS)
def eviction(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_who_waits_learns_that_the_connection_is_lost(eviction: str, taken: str) -> None:
    code = CLIENT.format(eviction=eviction, taken=taken)
    for version in (code, repaired(code)):
        client = _client(version)

        async def lose(client: Any = client) -> None:
            asking = asyncio.ensure_future(client.ask(1, _sent))
            await asyncio.sleep(0.001)
            client.lost()
            with pytest.raises(ConnectionError, match="lost"):
                await asking

        asyncio.run(lose())


@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_a_request_that_is_not_sent_leaves_nothing_and_those_of_others_alone(eviction: str, taken: str) -> None:
    code = CLIENT.format(eviction=eviction, taken=taken)
    assert _left_by_what_is_not_sent(code) == [1]
    assert _left_by_what_is_not_sent(repaired(code)) == []


def test_an_entry_that_is_gone_is_still_an_error_at_the_end() -> None:
    client = _client(repaired(CLIENT.format(eviction=EVICTIONS["del"], taken=TAKEN["swapped"])))

    async def forget() -> None:
        asking = asyncio.ensure_future(client.ask(1, _sent))
        await asyncio.sleep(0.001)
        waiter = client._waiters.pop(1)
        waiter.set_result("reply")
        with pytest.raises(KeyError):
            await asking

    asyncio.run(forget())


def test_a_container_that_can_go_is_not_looked_up_in_a_finally() -> None:
    code = """
class Rooms:
    def __init__(self):
        self._rooms = {}

    async def visit(self, room, guest):
        self._rooms[room].add(guest)
        await guest.look_around()
        self._rooms[room].discard(guest)

    def open(self, room):
        self._rooms[room] = set()

    def close(self, room):
        del self._rooms[room]
"""
    assert repaired(code) == code


async def _sent(number: int) -> None:
    await asyncio.sleep(0)


async def _not_sent(number: int) -> None:
    await asyncio.sleep(0)
    raise OSError(number)


def _left_by_what_is_not_sent(code: str) -> list[int]:
    client = _client(code)

    async def both() -> list[int]:
        other = asyncio.ensure_future(client.ask(2, _sent))
        with pytest.raises(OSError, match="1"):
            await client.ask(1, _not_sent)
        client.answered(2, "reply")
        assert await other == "reply"
        return sorted(client._waiters)

    return asyncio.run(both())


def _client(code: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(compile(code, "client.py", "exec"), namespace)
    return namespace["Client"]()
