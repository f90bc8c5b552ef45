"""LKL102: what an eviction that is moved into a `finally` looks like, shape by shape."""

from __future__ import annotations

import pytest
from repairing import reasons, require_repair

CASES = {
    "closed behind the lock": (
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, key, row):
        with self._lock:
            self._clients[key] = row.open()
        reply = self._clients[key].ask(row)
        with self._lock:
            client = self._clients.pop(key)
        client.close()
        return reply
""",
        """\
import threading

class Pool:
    def __init__(self):
        self._clients = {}
        self._lock = threading.Lock()

    def run(self, key, row):
        with self._lock:
            self._clients[key] = row.open()
        try:
            reply = self._clients[key].ask(row)
        finally:
            with self._lock:
                client = self._clients.pop(key)
            client.close()
        return reply
""",
    ),
    "tabs and comments": (
        """\
class Pool:
	def __init__(self):
		self._clients = {}

	def run(self, rows):
		for row in rows:
			self._clients[row.id] = row.open()  # opened
			# Ask it.
			row.ask(
				"now",
			)
			# Forget it.
			del self._clients[row.id]  # done
			# Next.
""",
        """\
class Pool:
	def __init__(self):
		self._clients = {}

	def run(self, rows):
		for row in rows:
			self._clients[row.id] = row.open()  # opened
			# Ask it.
			try:
				row.ask(
					"now",
				)
			finally:
				# Forget it.
				del self._clients[row.id]  # done
			# Next.
""",
    ),
    "generator": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def pages(self, key, rows):
        self._clients[key] = rows.open()
        for row in rows:
            yield self._clients[key].ask(row)
        self._clients.pop(key).close()
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def pages(self, key, rows):
        self._clients[key] = rows.open()
        try:
            for row in rows:
                yield self._clients[key].ask(row)
        finally:
            self._clients.pop(key).close()
""",
    ),
    "batch": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, rows):
        for row in rows:
            self._clients[row.id] = row.open()
        for row in rows:
            row.ask()
        for row in rows:
            del self._clients[row.id]
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, rows):
        try:
            for row in rows:
                self._clients[row.id] = row.open()
            for row in rows:
                row.ask()
        finally:
            for row in rows:
                self._clients.pop(row.id, None)
""",
    ),
    "one line": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row; row.ask(); del self._clients[key]
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        try:
            row.ask()
        finally:
            del self._clients[key]
""",
    ),
    "late list": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    async def run(self, job, rows):
        keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                self._clients[key] = row.open()
                await row.ask()
                keys.append(key)
        finally:
            for key in keys:
                self._clients.pop(key, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    async def run(self, job, rows):
        keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                self._clients[key] = row.open()
                keys.append(key)
                await row.ask()
        finally:
            for key in keys:
                self._clients.pop(key, None)
""",
    ),
    "context manager": (
        """\
from contextlib import contextmanager

class Pool:
    def __init__(self):
        self._clients = {}

    @contextmanager
    def client(self, key):
        self._clients[key] = object()
        yield self._clients[key]
        del self._clients[key]
""",
        """\
from contextlib import contextmanager

class Pool:
    def __init__(self):
        self._clients = {}

    @contextmanager
    def client(self, key):
        self._clients[key] = object()
        try:
            yield self._clients[key]
        finally:
            del self._clients[key]
""",
    ),
    "manager of all keys": (
        """\
from contextlib import contextmanager

class Pool:
    def __init__(self):
        self._clients = {}

    @contextmanager
    def _all(self):
        keys = []
        yield keys
        for key in keys:
            self._clients.pop(key, None)

    def run(self, rows):
        with self._all() as keys:
            for row in rows:
                keys.append(row.id)
                self._clients[row.id] = row.open()
                row.ask()
""",
        """\
from contextlib import contextmanager

class Pool:
    def __init__(self):
        self._clients = {}

    @contextmanager
    def _all(self):
        keys = []
        try:
            yield keys
        finally:
            for key in keys:
                self._clients.pop(key, None)

    def run(self, rows):
        with self._all() as keys:
            for row in rows:
                keys.append(row.id)
                self._clients[row.id] = row.open()
                row.ask()
""",
    ),
    "value returned": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        row.ask()
        return self._clients.pop(key)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row.open()
        try:
            row.ask()
        finally:
            entry = self._clients.pop(key)
        return entry
""",
    ),
    "worker that evicts": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        self._ask(key)

    def _ask(self, key):
        self._clients[key].ask()
        self._forget(key)

    def _forget(self, key):
        self._clients.pop(key, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        self._clients[key] = row
        self._ask(key)

    def _ask(self, key):
        try:
            self._clients[key].ask()
        finally:
            self._forget(key)

    def _forget(self, key):
        self._clients.pop(key, None)
""",
    ),
    "late callback": (
        """\
from contextlib import ExitStack

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        with ExitStack() as stack:
            self._clients[key] = row
            row.ask()
            stack.callback(self._clients.pop, key, None)
            return row.reply()
""",
        """\
from contextlib import ExitStack

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, key, row):
        with ExitStack() as stack:
            self._clients[key] = row
            stack.callback(self._clients.pop, key, None)
            row.ask()
            return row.reply()
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_repair_reads_as_a_person_would_write_it(name: str) -> None:
    require_repair(*CASES[name])


def test_a_key_that_is_bound_anew_is_left_alone() -> None:
    assert reasons(
        """
        class Pool:
            def __init__(self):
                self._clients = {}

            def run(self, key, row):
                self._clients[key] = row.open()
                for key in row.keys():
                    row.ask(key)
                self._clients.pop(key, None)
        """
    ) == ["`key` is bound anew between insertion and eviction"]
