"""LKL104: what takes the place of a wrong key."""

from __future__ import annotations

import pytest
from repairing import reasons, require_repair

CASES = {
    "other text": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            for index, row in enumerate(rows):
                self._clients[f"{job}_r{index}"] = row.open()
        finally:
            for index in range(len(rows)):
                self._clients.pop(f"{job}_row{index}", None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            for index, row in enumerate(rows):
                self._clients[f"{job}_r{index}"] = row.open()
        finally:
            for index in range(len(rows)):
                self._clients.pop(f"{job}_r{index}", None)
""",
    ),
    "variable at hand": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        for index, row in enumerate(rows):
            key = f"{job}_r{index}"
            self._clients[key] = row.open()
            try:
                row.ask()
            finally:
                if f"{job}_{index}" in self._clients:
                    del self._clients[f"{job}_{index}"]
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        for index, row in enumerate(rows):
            key = f"{job}_r{index}"
            self._clients[key] = row.open()
            try:
                row.ask()
            finally:
                if key in self._clients:
                    del self._clients[key]
""",
    ),
    "changed in between": (
        """\
class Pool:
    def __init__(self):
        self._sessions = {}

    def rename(self, session, new_id):
        self._sessions[session.id] = session
        try:
            session.id = new_id
            session.run()
        finally:
            self._sessions.pop(session.id, None)
""",
        """\
class Pool:
    def __init__(self):
        self._sessions = {}

    def rename(self, session, new_id):
        inserted_id = session.id
        self._sessions[session.id] = session
        try:
            session.id = new_id
            session.run()
        finally:
            self._sessions.pop(inserted_id, None)
""",
    ),
    "late binding": (
        """\
import asyncio

class Pool:
    def __init__(self):
        self._tasks = {}

    def start(self, names, work):
        for name in names:
            task = asyncio.create_task(work(name))
            self._tasks[name] = task
            task.add_done_callback(lambda _: self._tasks.pop(name, None))
""",
        """\
import asyncio

class Pool:
    def __init__(self):
        self._tasks = {}

    def start(self, names, work):
        for name in names:
            task = asyncio.create_task(work(name))
            self._tasks[name] = task
            task.add_done_callback(lambda _, name=name: self._tasks.pop(name, None))
""",
    ),
    "argument of a helper": (
        """\
class Pool:
    def __init__(self):
        self._sessions = {}

    def run(self, session):
        self._sessions[session.id] = session
        try:
            session.run()
        finally:
            self._forget(session)

    def _forget(self, session_id):
        self._sessions.pop(session_id, None)
""",
        """\
class Pool:
    def __init__(self):
        self._sessions = {}

    def run(self, session):
        self._sessions[session.id] = session
        try:
            session.run()
        finally:
            self._forget(session.id)

    def _forget(self, session_id):
        self._sessions.pop(session_id, None)
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_repair_reads_as_a_person_would_write_it(name: str) -> None:
    require_repair(*CASES[name])


def test_a_nested_function_that_reads_the_variable_later_is_left_alone() -> None:
    assert reasons(
        """
        import asyncio

        class Pool:
            def __init__(self):
                self._tasks = {}

            def start(self, names, work):
                for name in names:
                    task = asyncio.create_task(work(name))
                    self._tasks[name] = task

                    def done(_task):
                        self._tasks.pop(name, None)

                    task.add_done_callback(done)
        """
    ) == ["the function that evicts reads the key's variable later; give it the key as an argument"]
