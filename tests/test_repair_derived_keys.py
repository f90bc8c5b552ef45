"""LKL101: what tracking derived keys looks like, shape by shape."""

from __future__ import annotations

import pytest
from repairing import reasons, require_repair

from leaklint import analyze
from leaklint.repairs.birth import READ_EARLIER
from leaklint.source import decode

CASES = {
    "collection of entries": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return self._run(job, rows)
        finally:
            self._clients.pop(job, None)

    def _run(self, job, rows):
        clients = []
        for index, row in enumerate(rows):
            key = f"{job}_{index}"
            client = row.open()
            self._clients[key] = client
            clients.append(client)
        total = 0
        for client in clients:
            total += client.ask()
        return total
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return self._run(job, rows)
        finally:
            self._clients.pop(job, None)

    def _run(self, job, rows):
        clients = []
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                client = row.open()
                self._clients[key] = client
                clients.append(client)
            total = 0
            for client in clients:
                total += client.ask()
        finally:
            for key in tracked_keys:
                self._clients.pop(key, None)
        return total
""",
    ),
    "existing list": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                keys.append(key)
                self._clients[key] = row.open()
        finally:
            self._clients.pop(job, None)
        return len(keys)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                keys.append(key)
                self._clients[key] = row.open()
        finally:
            for key in keys:
                self._clients.pop(key, None)
            self._clients.pop(job, None)
        return len(keys)
""",
    ),
    "key in a comprehension": (
        """\
class Pool:
    def __init__(self, executor):
        self._clients = {}
        self._executor = executor

    def run(self, job, rows):
        jobs = [(f"{job}_{index}", row) for index, row in enumerate(rows)]
        try:
            return [self._one(key, row) for key, row in jobs]
        finally:
            self._clients.pop(job, None)

    def _one(self, key, row):
        self._clients[key] = row.open()
        return self._clients[key].ask()
""",
        """\
class Pool:
    def __init__(self, executor):
        self._clients = {}
        self._executor = executor

    def run(self, job, rows):
        derived_keys = []
        jobs = []
        for index, row in enumerate(rows):
            derived_key = f"{job}_{index}"
            derived_keys.append(derived_key)
            jobs.append((derived_key, row))
        try:
            return [self._one(key, row) for key, row in jobs]
        finally:
            for derived_key in derived_keys:
                self._clients.pop(derived_key, None)
            self._clients.pop(job, None)

    def _one(self, key, row):
        self._clients[key] = row.open()
        return self._clients[key].ask()
""",
    ),
    "list of keys": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        names = [f"{job}_{index}" for index, row in enumerate(rows)]
        try:
            for name, row in zip(names, rows):
                self._clients[name] = row.open()
        finally:
            self._clients.pop(job, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        names = [f"{job}_{index}" for index, row in enumerate(rows)]
        try:
            for name, row in zip(names, rows):
                self._clients[name] = row.open()
        finally:
            for name in names:
                self._clients.pop(name, None)
            self._clients.pop(job, None)
""",
    ),
    "one key per call": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return [self._one(job, index, row) for index, row in enumerate(rows)]
        finally:
            self._clients.pop(job, None)

    def _one(self, job, index, row):
        key = f"{job}_{index}"
        self._clients[key] = row.open()
        return self._clients[key].ask()
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return [self._one(job, index, row) for index, row in enumerate(rows)]
        finally:
            self._clients.pop(job, None)

    def _one(self, job, index, row):
        key = f"{job}_{index}"
        try:
            self._clients[key] = row.open()
            return self._clients[key].ask()
        finally:
            self._clients.pop(key, None)
""",
    ),
    "pool that waits at its end": (
        """\
from concurrent.futures import ThreadPoolExecutor

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return self._run(job, rows)
        finally:
            self._clients.pop(job, None)

    def _run(self, job, rows):
        with ThreadPoolExecutor() as pool:
            futures = []
            for index, row in enumerate(rows):
                futures.append(pool.submit(self._one, f"{job}_{index}", row))
            return [future.result() for future in futures]

    def _one(self, key, row):
        self._clients[key] = row.open()
        return self._clients[key].ask()
""",
        """\
from concurrent.futures import ThreadPoolExecutor

class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        try:
            return self._run(job, rows)
        finally:
            self._clients.pop(job, None)

    def _run(self, job, rows):
        tracked_keys = []
        try:
            with ThreadPoolExecutor() as pool:
                futures = []
                for index, row in enumerate(rows):
                    key = f"{job}_{index}"
                    tracked_keys.append(key)
                    futures.append(pool.submit(self._one, key, row))
                return [future.result() for future in futures]
        finally:
            for key in tracked_keys:
                self._clients.pop(key, None)

    def _one(self, key, row):
        self._clients[key] = row.open()
        return self._clients[key].ask()
""",
    ),
    "generator": (
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        for index, row in enumerate(rows):
            self._clients[f"{job}_{index}"] = row.open()
            yield row.ask()
        self._clients.pop(job, None)
""",
        """\
class Pool:
    def __init__(self):
        self._clients = {}

    def run(self, job, rows):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{job}_{index}"
                tracked_keys.append(key)
                self._clients[key] = row.open()
                yield row.ask()
        finally:
            for key in tracked_keys:
                self._clients.pop(key, None)
        self._clients.pop(job, None)
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_repair_reads_as_a_person_would_write_it(name: str) -> None:
    require_repair(*CASES[name])


def test_an_entry_that_is_returned_stays() -> None:
    assert reasons(
        """
        class Pool:
            def __init__(self):
                self._clients = {}

            def run(self, job, rows):
                try:
                    for index, row in enumerate(rows):
                        self._get(job, index).ask(row)
                finally:
                    self._clients.pop(job, None)

            def _get(self, job, index):
                key = f"{job}_{index}"
                if key not in self._clients:
                    self._clients[key] = object()
                return self._clients[key]
        """
    ) == ["the function returns the entry's value, so the entry must stay in"]


def test_a_removal_method_is_not_the_end_of_the_operation() -> None:
    assert reasons(
        """
        class Pool:
            def __init__(self):
                self._clients = {}

            def start(self, job, rows):
                for index, row in enumerate(rows):
                    key = f"{job}_{index}"
                    self._clients[key] = row.open()

            def finish(self, job):
                self._clients.pop(job, None)
        """
    ) == ["the operation that builds the keys does not end where they are evicted"]


def test_a_key_that_is_built_earlier_is_unsafe_and_says_so() -> None:
    (finding,) = analyze.check(decode("pool.py", BUILT_EARLIER.encode())).findings
    assert finding.fix is not None
    assert (finding.fix.safety, finding.fix.risk) == ("unsafe", READ_EARLIER)


BUILT_EARLIER = """\
class Transform:
    def __init__(self, factory):
        self._clients = {}
        self._factory = factory

    def _get_client(self, made, key):
        if key not in self._clients:
            self._clients[key] = self._factory(made)
        return self._clients[key]

    def process(self, rows, state_id):
        try:
            for row in rows:
                self._get_client(self.kind, (state_id, make_key(row))).send(row)
        finally:
            self._clients.pop(state_id, None)
"""
