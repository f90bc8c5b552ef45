"""Work grows no worse than n log n: counted in calls, so that a busy machine changes nothing."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from benchmarks.speed.programs import DIMENSIONS, Dimension
from leaklint.analyze import analyze, check
from leaklint.evidence import gather
from leaklint.extract import extract, parse
from leaklint.outline import attribute_kind, family, heirs, method, outline
from leaklint.repair import TOO_MUCH
from leaklint.source import decode

SIZES = {"classes": 16, "functions": 16, "nesting": 12, "keys": 16, "calls": 32, "hierarchy": 16}
"""Large enough that what grows outweighs what does not."""

BUDGET = 3_000
"""Expressions of one walk: of many keys and of blocks in blocks every path is walked, as far as the budget goes."""

MOST = 2.6
"""Doubling a size at n log n makes 2.4 times the work where the size is 32 at the end; a square makes four."""


def calls_of(dimension: Dimension, size: int) -> int:
    """How many functions of leaklint are called for the program, its repairs left out."""
    source = decode("program.py", dimension.program(size, False).encode())
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            counted[frame.f_code.co_filename] += 1

    sys.setprofile(count)
    try:
        analyze(source)
    finally:
        sys.setprofile(None)
    return sum(number for name, number in counted.items() if "leaklint" in name)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda one: one.program.__name__)
def test_twice_the_size_is_little_more_than_twice_the_work(
    dimension: Dimension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaklint.flow.machine.EVALUATIONS_ALLOWED", BUDGET)
    size = SIZES[dimension.program.__name__]
    assert calls_of(dimension, 2 * size) / calls_of(dimension, size) < MOST


def evaluations_of(entries: int) -> tuple[int, bool]:
    """The cost of one function that inserts so many keys, and whether its walk came to an end."""
    lines = [f"        self._clients[f'{{batch}}_{number}'] = number\n" for number in range(entries)]
    head = "class Pool:\n    def __init__(self):\n        self._clients = {}\n\n    def fill(self, batch):\n"
    evicting = "\n    def drop(self, batch):\n        self._clients.pop(batch, None)\n"
    evidence = gather(extract(parse(decode("pool.py", (head + "".join(lines) + evicting).encode())), "pool.py"))
    return evidence.evaluations, not evidence.given_up


def test_an_expression_counts_more_where_many_entries_are_in() -> None:
    few, is_complete = evaluations_of(20)
    assert is_complete
    assert few < 400
    assert evaluations_of(4000)[0] < 40_000
    assert not evaluations_of(4000)[1]


def test_a_deep_hierarchy_is_asked_once_for_each_class() -> None:
    depth = 2000
    text = "class C0:\n    def __init__(self):\n        self.cache = {}\n" + "".join(
        f"class C{number}(C{number - 1}):\n    limit = {number}\n" for number in range(1, depth)
    )
    found = outline(extract(parse(decode("c.py", text.encode())), "c.py"))
    counted = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        for name in found.classes:
            assert family(found, name, "cache") == "C0"
            assert method(found, name, "__init__") is found.routines["C0.__init__"]
            attribute_kind(found, name, "cache")
    finally:
        sys.setprofile(None)
    assert counted < 40 * depth
    assert heirs(found, "C1998") == ("C1999",)


def test_bases_in_a_circle_and_several_bases_are_no_line() -> None:
    text = (
        "class A(B):\n    x = {}\nclass B(A): pass\nclass C(A, D): pass\nclass D:\n    y = {}\n    def f(self): pass\n"
    )
    found = outline(extract(parse(decode("c.py", text.encode())), "c.py"))
    assert method(found, "A", "f") is None
    assert method(found, "C", "f") is found.routines["D.f"]
    assert method(found, "C", "f", above="D") is None
    assert (family(found, "B", "x"), family(found, "C", "y")) == ("A", "D")
    assert set(heirs(found, "A")) == {"B", "C"}


def test_where_repairs_would_take_too_long_the_findings_come_without(monkeypatch: pytest.MonkeyPatch) -> None:
    source = decode("program.py", DIMENSIONS[0].program(2, True).encode())
    assert all(finding.fix is not None for finding in check(source).findings)
    monkeypatch.setattr("leaklint.repair.WORK_ALLOWED", 100)
    findings = check(source).findings
    assert findings
    assert {finding.fix_refused for finding in findings} == {TOO_MUCH}
