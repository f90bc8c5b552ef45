"""What became of each test of a run, read from pytest's report, and how two runs differ."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

Results: TypeAlias = dict[str, str]
"""What became of each test, by its name: passed, failed, error or skipped."""


class Ran(msgspec.Struct, frozen=True):
    """One run of the tests in numbers; `failed` are those that fail or cannot begin."""

    passed: int
    failed: tuple[str, ...]
    skipped: int


def summed(results: Results) -> Ran:
    """Count what became of the tests."""
    failed = sorted(name for name, outcome in results.items() if outcome in ("failed", "error"))
    outcomes = list(results.values())
    return Ran(outcomes.count("passed"), tuple(failed), outcomes.count("skipped"))


def moved(before: Results, after: Results) -> tuple[str, ...]:
    """Each test that ended in another way than before, or was there only once."""
    return tuple(
        f"{name}: {before.get(name, 'absent')} became {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def read_results(report: Path) -> Results:
    """Read what pytest wrote in the form of JUnit; of tests with one name the worst counts."""
    results: Results = {}
    order = ("skipped", "passed", "failed", "error")
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        outcome = "error" if "error" in kinds else "failed" if "failure" in kinds else "passed"
        outcome = "skipped" if "skipped" in kinds and outcome == "passed" else outcome
        results[name] = max(results.get(name, outcome), outcome, key=order.index)
    return results
