"""LKL202: tracked keys in place of a scan; repaired programs are executed, and leave the entries of others alone."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import pytest

from leaklint import analyze
from leaklint.repairs.track_scanned import OTHERS_STAY
from leaklint.source import decode

PRELUDE = """
import threading


class Transform:
    def __init__(self):
        self._lock = threading.Lock()
        self._clients = {}
        self.sent = []

    def _client(self, key):
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self.sent
            return self._clients[key]
"""
FORMS = {
    "a loop and an if": """
def process(self, rows, name):
    try:
        for number, row in enumerate(rows):
            key = f"{name}_r{number}"
            with self._lock:
                self._clients[key] = self.sent
            self._clients[key].append(row)
    finally:
        with self._lock:
            # All of this operation.
            for key in list(self._clients):
                if key.startswith(f"{name}_r"):
                    del self._clients[key]  # gone
""",
    "a variable": """
def process(self, rows, name):
    try:
        for number, row in enumerate(rows):
            self._client(f"{name}_{number}").append(row)
    finally:
        for one in tuple(self._clients.keys()):
            if one.startswith(name):
                self._clients.pop(one, None)
""",
    "behind the loop": """
def process(self, rows, name):
    for number, row in enumerate(rows):
        key = f"{name}_{number}"
        self._clients[key] = self.sent
        self.sent.append(row)
    for key in list(self._clients):
        if key.startswith(f"{name}_"):
            self._clients.pop(key)
""",
}
BUILT = "    for number, row in enumerate(rows):\n        self._clients[{key}] = row\n"
SCAN = "    for key in list(self._clients):\n        if {test}:\n            {evict}\n"


MORE = "self.sent.append(key)\n            del self._clients[key]"


def _process(key: str, test: str, evict: str = "del self._clients[key]", before: str = "") -> str:
    return "def process(self, rows, name):\n" + BUILT.format(key=key) + before + SCAN.format(test=test, evict=evict)


REFUSED = {
    "another test": (_process('f"{name}_{number}"', "name in key"), "cannot be told from its test"),
    "another beginning": (
        _process('f"{number}_{name}"', 'key.startswith(f"{name}_")'),
        "whether the scan picks the keys",
    ),
    "a beginning that is put together": (
        _process('f"{name}_{number}"', 'key.startswith(name + "_")'),
        "whether the scan picks",
    ),
    "bound anew": (
        _process('f"{name}_{number}"', "key.startswith(name)", before="    name = name.upper()\n"),
        "may have changed",
    ),
    "more than evicted": (
        _process('f"{name}_{number}"', "key.startswith(name)", MORE),
        "does more than evict",
    ),
    "in two places": (
        _process('f"{name}_{number}"', "key.startswith(name)", before='    self._clients[f"{name}_all"] = 1\n'),
        "in several places",
    ),
    "elsewhere": (
        "def open(self, name, number):\n    self._clients[f'{name}_{number}'] = 1\n\n"
        "def drop(self, name):\n" + SCAN.format(test="key.startswith(name)", evict="del self._clients[key]"),
        "in another function",
    ),
    "before": (
        "def process(self, rows, name):\n"
        + SCAN.format(test="key.startswith(name)", evict="del self._clients[key]")
        + BUILT.format(key='f"{name}_{number}"'),
        "the scan comes before",
    ),
}


def _source(methods: str) -> str:
    return PRELUDE + "\n" + indent(dedent(methods).strip("\n") + "\n", "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("transform.py", source.encode())).findings
    return [(f.fix.risk if f.fix else None, f.fix_refused) for f in found if f.code == "LKL202"]


def _repaired(source: str, *, unsafe: bool = True) -> str:
    outcome = analyze.repair(decode("transform.py", source.encode()), lambda finding: finding.code == "LKL202", unsafe)
    return outcome.data.decode()


def _left(source: str) -> tuple[list[str], list[int]]:
    """The entries that are left beside one of another operation and one that begins with the same letters."""
    names: dict[str, Any] = {}
    exec(compile(source, "transform.py", "exec"), names)
    transform = names["Transform"]()
    transform._clients |= {"b_r1": [], "a_r9": []}
    transform.process([10, 20], "a")
    return list(transform._clients), transform.sent


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_the_operation_put_in_goes_and_nothing_else(name: str, newline: str) -> None:
    source = _source(FORMS[name]).replace("\n", newline)
    assert _findings(source) == [(OTHERS_STAY, None)]
    assert _repaired(source, unsafe=False) == source
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _repaired(repaired) == repaired
    assert repaired.count(newline) == repaired.count("\n")
    assert _left(source) == (["b_r1"], [10, 20])
    assert _left(repaired) == (["b_r1", "a_r9"], [10, 20])
    assert all(comment in repaired for comment in ("# All of", "# gone") if comment in source)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    methods, reason = REFUSED[name]
    found = _findings(_source(methods))
    assert found
    assert all(refused is not None and reason in refused for _, refused in found), found
