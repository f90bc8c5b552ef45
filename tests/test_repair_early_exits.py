"""LKL102, LKL103: early exits, handlers and conditions between insertion and eviction."""

from __future__ import annotations

import pytest
from repairing import require_repair

CASES = {
    "guard": (
        """\
import asyncio

class Layer:
    def __init__(self):
        self._queues = {}

    async def receive(self, channel):
        queue = self._queues.setdefault(channel, asyncio.Queue())
        message = await queue.get()
        if queue.empty():
            del self._queues[channel]
        return message
""",
        """\
import asyncio

class Layer:
    def __init__(self):
        self._queues = {}

    async def receive(self, channel):
        queue = self._queues.setdefault(channel, asyncio.Queue())
        try:
            message = await queue.get()
        finally:
            if queue.empty():
                del self._queues[channel]
        return message
""",
    ),
    "handlers": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        try:
            reply = row.ask()
        except TimeoutError:
            del self._clients[key]
            return None
        except OSError:
            reply = row.ask_again()
        del self._clients[key]
        return reply
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        try:
            reply = row.ask()
        except TimeoutError:
            return None
        except OSError:
            reply = row.ask_again()
        finally:
            del self._clients[key]
        return reply
""",
    ),
    "handler first": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        try:
            reply = row.ask()
        except TimeoutError:
            self._clients.pop(key, None)
            raise
        row.note(reply)
        self._clients.pop(key, None)
        return reply
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        try:
            reply = row.ask()
            row.note(reply)
        finally:
            self._clients.pop(key, None)
        return reply
""",
    ),
    "reply lock": (
        """\
import asyncio

class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}
        self._lock = asyncio.Lock()

    async def request(self, number):
        future = asyncio.get_running_loop().create_future()
        async with self._lock:
            self._pending[number] = future
        await self._transport.send(number)
        try:
            return await asyncio.wait_for(future, 5)
        except asyncio.TimeoutError:
            return None

    async def on_reply(self, number, reply):
        async with self._lock:
            self._pending.pop(number).set_result(reply)
""",
        """\
import asyncio

class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}
        self._lock = asyncio.Lock()

    async def request(self, number):
        future = asyncio.get_running_loop().create_future()
        async with self._lock:
            self._pending[number] = future
        try:
            await self._transport.send(number)
            try:
                return await asyncio.wait_for(future, 5)
            except asyncio.TimeoutError:
                return None
        finally:
            async with self._lock:
                self._pending.pop(number, None)

    async def on_reply(self, number, reply):
        async with self._lock:
            self._pending.pop(number).set_result(reply)
""",
    ),
    "early return": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        # Nothing to ask.
        if row.empty:
            return None

        try:
            return row.ask()
        finally:
            self._clients.pop(key, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        # Nothing to ask.
        try:
            if row.empty:
                return None

            return row.ask()
        finally:
            self._clients.pop(key, None)
""",
    ),
    "early return before handlers": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        if row.empty:
            return None
        try:
            return row.ask()
        except OSError:
            return False
        finally:
            self._clients.pop(key, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        if row.empty:
            self._clients.pop(key, None)
            return None
        try:
            return row.ask()
        except OSError:
            return False
        finally:
            self._clients.pop(key, None)
""",
    ),
    "condition in the finally": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        reply = None
        self._clients[key] = row
        try:
            reply = row.ask()
        finally:
            if reply is not None:
                self._clients.pop(key, None)
        return reply
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        reply = None
        self._clients[key] = row
        try:
            reply = row.ask()
        finally:
            self._clients.pop(key, None)
        return reply
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_repair_reads_as_a_person_would_write_it(name: str) -> None:
    require_repair(*CASES[name])
