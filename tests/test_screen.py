"""The screen never turns away a file that the full analysis finds something in, and turns away what cannot leak."""

from __future__ import annotations

import ast
import sysconfig
import time
from pathlib import Path

import pytest
from oracle.programs import programs

from leaklint.analyze import reports
from leaklint.extract import extract
from leaklint.screen import bytes_may_leak, tree_may_leak

FIXTURES = sorted((Path(__file__).parent / "fixtures").rglob("*.py"))
STANDARD_LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::4]


def is_candidate(text: str) -> bool:
    return bytes_may_leak(text.encode()) and tree_may_leak(ast.parse(text))


def has_findings(text: str) -> bool:
    return bool(reports(extract(ast.parse(text), "module.py"), text))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_no_fixture_with_a_finding_is_turned_away(path: Path) -> None:
    data = path.read_bytes()
    if not (bytes_may_leak(data) and tree_may_leak(ast.parse(data))):
        assert not has_findings(data.decode())


def test_no_leaking_program_is_turned_away() -> None:
    chosen = list(programs())[::7]
    turned_away = [
        program
        for program in chosen
        if program.expected
        and not (bytes_may_leak(program.source.encode()) and tree_may_leak(ast.parse(program.source)))
    ]
    assert turned_away == []


def test_the_standard_library_agrees_with_the_full_analysis() -> None:
    deadline = time.monotonic() + 20
    for path in STANDARD_LIBRARY:
        data = path.read_bytes()
        if not bytes_may_leak(data) or not tree_may_leak(ast.parse(data)):
            assert not has_findings(data.decode("utf-8", errors="replace")), path
        if time.monotonic() > deadline:
            break


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        "def f(rows):\n    return [row.name for row in rows]\n",
        "class A:\n    def __init__(self):\n        self.c = []\n    def put(self, k, v):\n        self.c[k] = v\n",
        "class A:\n    def put(self, k, v):\n        self.c[k] = v\n    def drop(self, k):\n        self.d.pop(k)\n",
    ],
)
def test_what_cannot_leak_is_turned_away(text: str) -> None:
    assert not (bytes_may_leak(text.encode()) and tree_may_leak(ast.parse(text)))


@pytest.mark.parametrize(
    "eviction",
    ["self.c.pop(k)", "del self.c[k]", "self.c.clear()", "self.c = {}", "later(self.c.pop, k)", "d.pop(k)"],
)
def test_what_may_leak_passes(eviction: str) -> None:
    text = f"class A:\n    def put(self, k, v, d):\n        self.c[k] = v\n        work()\n        {eviction}\n"
    assert bytes_may_leak(text.encode())
    assert tree_may_leak(ast.parse(text))
