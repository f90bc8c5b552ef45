"""Repairs of many findings of one file: found in about linear time, each works alone, and odd ones cost no other."""

from __future__ import annotations

import time
from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from repairing import laid_out, statement

from leaklint.analyze import check, repair
from leaklint.repair import UNCHANGED, UNKNOWN
from leaklint.repairs.evict_in_finally import _around
from leaklint.repairs.find import function_of
from leaklint.repairs.intent import Plan
from leaklint.repairs.layout import place_of
from leaklint.repairs.plan import plans as all_plans
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.stretch import Stretch
from leaklint.source import apply_edits, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.model import Finding
    from leaklint.repairs.intent import Intent

METHOD = """
    def use_{0}(self, key, opener):
        self._clients[key] = opener.open()
        opener.use()
        self._clients.pop(key, None)
"""


def _pool(count: int) -> str:
    head = "class Pool:\n    def __init__(self):\n        self._clients = {}\n"
    return head + "".join(METHOD.format(number) for number in range(count))


def _findings(code: str) -> tuple[Finding, ...]:
    report = check(decode("module.py", dedent(code).encode()))
    assert not report.errors
    return report.findings


def _seconds(count: int) -> float:
    source = decode("module.py", _pool(count).encode())
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        assert sum(finding.fix is not None for finding in check(source).findings) == count
        best = min(best, time.process_time() - started)
    return best


def test_twice_as_many_findings_take_about_twice_as_long() -> None:
    _seconds(10)  # imports and caches
    assert _seconds(160) < 3 * _seconds(80)


def test_each_of_many_repairs_works_alone() -> None:
    source = decode("module.py", _pool(4).encode())
    findings = check(source).findings
    assert [finding.fix is not None for finding in findings] == [True] * 4
    for finding in findings:
        assert finding.fix is not None
        alone = check(decode("module.py", apply_edits(source, finding.fix.edits)))
        assert {one.symbol for one in alone.findings} == {one.symbol for one in findings} - {finding.symbol}
    assert not repair(source, lambda finding: True).left


def test_an_eviction_by_the_statement_that_inserts_is_refused_in_words() -> None:
    """Nothing stands behind the `if` that both makes the entry of the defaultdict and evicts it."""
    layout = laid_out("""
    def release(counts, name, scheduler):
        if counts[name] == 0:
            scheduler.release(name)
            del counts[name]
    """)
    asking, evicting = statement(layout, "if counts"), statement(layout, "del counts")
    block = place_of(layout, asking).block
    function = function_of(layout, asking)
    stretch = Stretch(function, asking, evicting, evicting.targets[0].at, block, 0, 0, False, True)  # type: ignore[union-attr]  # a `del`
    intent = SimpleNamespace(layout=layout)
    with pytest.raises(RefusedError, match="nothing stands between insertion and eviction"):
        _around(intent, stretch, 1)  # type: ignore[arg-type]  # all it asks for


def test_a_repair_that_would_change_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaklint.repair.plans", lambda intent: iter([Plan(())]))
    monkeypatch.setattr("leaklint.repair.combine", lambda layout, changes: ())
    assert [(finding.fix, finding.fix_refused) for finding in _findings(_pool(2))] == [(None, UNCHANGED)] * 2


def test_a_shape_that_a_planner_stumbles_over_costs_its_own_repair_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def plans(intent: Intent) -> Iterator[Plan]:
        if intent.report.place.function.endswith("use_1"):
            raise IndexError("tuple index out of range")
        return all_plans(intent)  # type: ignore[return-value]  # no refusals here

    monkeypatch.setattr("leaklint.repair.plans", plans)
    assert [finding.fix_refused for finding in _findings(_pool(3))] == [None, UNKNOWN, None]


@pytest.mark.parametrize("code", ["LKL201", "LKL999"])
def test_a_rule_without_a_repair_says_why(code: str) -> None:
    (refusal,) = all_plans(SimpleNamespace(report=SimpleNamespace(code=code)))  # type: ignore[arg-type]  # all it asks for
    assert isinstance(refusal, Refusal)
    assert "is for you to say" in refusal.reason or "cannot be seen from here" in refusal.reason
