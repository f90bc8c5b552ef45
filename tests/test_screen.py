"""The screen never turns away a file that the full analysis finds something in, and turns away what cannot leak."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest
from front_ends import leaking_file
from oracle.programs import programs

from benchmarks.screened import sample, screened
from leaklint.analyze import reports
from leaklint.extract import extract
from leaklint.screen import bytes_may_leak, tree_may_leak

FIXTURES = sorted((Path(__file__).parent / "fixtures").rglob("*.py"))
SAMPLE = sample([Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")], 200)


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


@pytest.mark.parametrize("part", range(4))
def test_the_standard_library_and_what_is_installed_agree_with_the_full_analysis(part: int) -> None:
    done = screened(SAMPLE[part::4])
    assert done.turned_away > 10
    assert done.wrong == []


def test_a_disagreement_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking = leaking_file(tmp_path)
    assert screened([leaking]).turned_away == 0
    monkeypatch.setattr("leaklint.screen.bytes_may_leak", lambda _: False)
    (one,) = screened([leaking]).wrong
    assert one.path == leaking
    assert "LKL101" in one.codes


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
