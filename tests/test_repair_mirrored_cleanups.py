"""LKL101: derived keys are evicted as the code evicts their base key: locks, helpers, closing."""

from __future__ import annotations

import pytest
from repairing import reasons, require_repair

CASES = {
    "lock held": (
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, job, rows):
        with self._lock:
            try:
                self._fill(job, rows)
            finally:
                self._clients.pop(job, None)

    def _fill(self, job, rows):
        for index, row in enumerate(rows):
            key = f"{job}_{index}"
            self._clients[key] = row.open()
""",
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, job, rows):
        with self._lock:
            try:
                self._fill(job, rows)
            finally:
                self._clients.pop(job, None)

    def _fill(self, job, rows):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                self._clients[key] = row.open()
        finally:
            for key in tracked_keys:
                self._clients.pop(key, None)
""",
    ),
    "lock of insertion": (
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, job, rows):
        for index, row in enumerate(rows):
            key = f"{job}_{index}"
            with self._lock:
                self._clients[key] = row.open()
            row.ask()
        self._clients.pop(job, None)
""",
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, job, rows):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                with self._lock:
                    self._clients[key] = row.open()
                row.ask()
        finally:
            with self._lock:
                for key in tracked_keys:
                    self._clients.pop(key, None)
        self._clients.pop(job, None)
""",
    ),
    "async closing": (
        """\
import asyncio

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = asyncio.Lock()

    async def run(self, job, rows):
        try:
            return await self._run(job, rows)
        finally:
            async with self._lock:
                client = self._clients.pop(job, None)
            if client is not None:
                await client.close()

    async def _run(self, job, rows):
        # One client per row.
        for index, row in enumerate(rows):
            await self._one(f"{job}_{index}", row)  # asks

    async def _one(self, key, row):
        async with self._lock:
            self._clients[key] = row.open()
        await self._clients[key].ask()
""",
        """\
import asyncio

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = asyncio.Lock()

    async def run(self, job, rows):
        try:
            return await self._run(job, rows)
        finally:
            async with self._lock:
                client = self._clients.pop(job, None)
            if client is not None:
                await client.close()

    async def _run(self, job, rows):
        tracked_keys = []
        # One client per row.
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                await self._one(key, row)  # asks
        finally:
            for key in tracked_keys:
                async with self._lock:
                    client = self._clients.pop(key, None)
                if client is not None:
                    await client.close()

    async def _one(self, key, row):
        async with self._lock:
            self._clients[key] = row.open()
        await self._clients[key].ask()
""",
    ),
    "closing strict": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        self._clients[job] = rows.open()
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                self._clients[key] = row.open()
        finally:
            client = self._clients.pop(job)
            client.close()
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        self._clients[job] = rows.open()
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                self._clients[key] = row.open()
        finally:
            for key in tracked_keys:
                client = self._clients.pop(key, None)
                if client is not None:
                    client.close()
            client = self._clients.pop(job)
            client.close()
""",
    ),
    "helper": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            self._all(job, rows)
        finally:
            self._evict(job)

    def _all(self, job, rows):
        for index, row in enumerate(rows):
            self._clients[f"{job}_{index}"] = row.open()

    def _evict(self, key):
        client = self._clients.pop(key, None)
        if client is not None:
            client.close()
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            self._all(job, rows)
        finally:
            self._evict(job)

    def _all(self, job, rows):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                self._clients[key] = row.open()
        finally:
            for key in tracked_keys:
                self._evict(key)

    def _evict(self, key):
        client = self._clients.pop(key, None)
        if client is not None:
            client.close()
""",
    ),
    "module level": (
        """\
_CLIENTS = {}

def run(job, rows):
    try:
        _all(job, rows)
    finally:
        _CLIENTS.pop(job, None)

def _all(job, rows):
    number = 0
    while rows:
        row = rows.pop()
        key = f"{job}_{number}"
        _CLIENTS[key] = row.open()
        number += 1
""",
        """\
_CLIENTS = {}

def run(job, rows):
    try:
        _all(job, rows)
    finally:
        _CLIENTS.pop(job, None)

def _all(job, rows):
    number = 0
    tracked_keys = []
    try:
        while rows:
            row = rows.pop()
            key = f"{job}_{number}"
            tracked_keys.append(key)
            _CLIENTS[key] = row.open()
            number += 1
    finally:
        for key in tracked_keys:
            _CLIENTS.pop(key, None)
""",
    ),
    "exit stack": (
        """\
from contextlib import ExitStack

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        with ExitStack() as stack:
            stack.callback(self._clients.pop, job, None)
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                self._clients[key] = row.open()
                row.ask()
""",
        """\
from contextlib import ExitStack

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        with ExitStack() as stack:
            stack.callback(self._clients.pop, job, None)
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                stack.callback(self._clients.pop, key, None)
                self._clients[key] = row.open()
                row.ask()
""",
    ),
    "class level set": (
        """\
class Pool:
    running = set()

    @classmethod
    def run(cls, job, parts):
        try:
            for group in parts:
                for part in group:
                    cls.running.add((job, part.number))
                    part.build()
        finally:
            cls.running.remove(job)
""",
        """\
class Pool:
    running = set()

    @classmethod
    def run(cls, job, parts):
        tracked_keys = []
        try:
            for group in parts:
                for part in group:
                    key = (job, part.number)
                    tracked_keys.append(key)
                    cls.running.add(key)
                    part.build()
        finally:
            for key in tracked_keys:
                cls.running.discard(key)
            cls.running.remove(job)
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_repair_reads_as_a_person_would_write_it(name: str) -> None:
    require_repair(*CASES[name])


def test_a_lock_is_not_taken_again() -> None:
    assert reasons(
        """
        import threading

        class Pool:
            def __init__(self):
                self._clients = {}
                self._lock = threading.Lock()

            def run(self, job, rows):
                with self._lock:
                    self._fill(job, rows)
                with self._lock:
                    client = self._clients.pop(job, None)
                if client is not None:
                    client.close()

            def _fill(self, job, rows):
                for index, row in enumerate(rows):
                    key = f"{job}_{index}"
                    self._clients[key] = row.open()
        """
    ) == ["the cleanup takes a lock that is held already where the keys are built"]


def test_a_function_that_is_not_async_takes_no_async_lock() -> None:
    assert reasons(
        """
        import asyncio

        class Pool:
            def __init__(self):
                self._clients = {}
                self._lock = asyncio.Lock()

            async def run(self, job, rows):
                try:
                    self._fill(job, rows)
                finally:
                    async with self._lock:
                        self._clients.pop(job, None)

            def _fill(self, job, rows):
                for index, row in enumerate(rows):
                    key = f"{job}_{index}"
                    self._clients[key] = row.open()
        """
    ) == ["the lock is taken with `async with`, which the function that builds the keys cannot do"]
