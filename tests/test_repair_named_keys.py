"""LKL102: a key that moves on during the wait is named; repaired programs are executed, and evict their own entries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from leaklint import analyze
from leaklint.source import decode

CLIENT = '''
import asyncio


class Client:
    """Counts its requests, and waits for each one's reply."""

    def __init__(self):
        self._seq = 0
        self._awaiting = {{}}

    async def ask(self, wants_reply=True):
        future = asyncio.get_running_loop().create_future()
{body}
        return await asyncio.wait_for(future, 0.01)

    def answered(self, number, reply):
        self._awaiting.pop(number).set_result(reply)
'''
BODIES = {
    "behind": "        self._awaiting[self._seq] = future\n        self._seq = (self._seq + 1) % 256",
    "before": "        self._seq += 1\n        self._awaiting[self._seq] = future",
    "in a condition": (
        "        if wants_reply:\n            self._awaiting[self._seq] = future\n"
        "        self._seq = (self._seq + 1) % 256"
    ),
    "in a tuple": '        self._awaiting["ask", self._seq] = future\n        self._seq += 1',
    "a variable": (
        "        number = self._seq\n        self._awaiting[number] = future\n"
        "        number += 1\n        self._seq = number"
    ),
}


def repaired(code: str) -> str:
    """Repair all of it, safely."""
    source = decode("client.py", code.encode())
    return analyze.repair(
        source, lambda finding: finding.fix is not None and finding.fix.safety == "safe"
    ).data.decode()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_requests_that_time_out_beside_each_other_leave_nothing(body: str) -> None:
    code = CLIENT.format(body=body)
    assert _left_after_timeouts(code) == 3
    assert _left_after_timeouts(repaired(code)) == 0


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_entry_that_is_still_waited_for_stays(body: str) -> None:
    namespace = _run(repaired(CLIENT.format(body=body)))

    async def overlapping() -> None:
        client = namespace["Client"]()
        first = asyncio.ensure_future(client.ask())
        await asyncio.sleep(0.005)
        second = asyncio.ensure_future(client.ask())
        with pytest.raises(asyncio.TimeoutError):
            await first
        key, future = next(iter(client._awaiting.items()))
        client.answered(key, "reply")
        assert future.result() == await second == "reply"
        assert not client._awaiting

    asyncio.run(overlapping())


def test_a_key_that_its_own_value_moves_on_is_not_named() -> None:
    body = "        self._awaiting[self._seq] = future = self._numbered(future)"
    method = "\n    def _numbered(self, future):\n        self._seq += 1\n        return future\n"
    (finding,) = analyze.check(decode("client.py", (CLIENT.format(body=body) + method).encode())).findings
    assert finding.fix is None
    assert finding.fix_refused == "what is called before the insertion may change the key"


def _left_after_timeouts(code: str) -> int:
    namespace = _run(code)

    async def three() -> int:
        client = namespace["Client"]()
        await asyncio.gather(*(client.ask() for _ in range(3)), return_exceptions=True)
        return len(client._awaiting)

    return asyncio.run(three())


def _run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(code, "client.py", "exec"), namespace)
    return namespace
