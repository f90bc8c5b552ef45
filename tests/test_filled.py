"""Only what something was seen to come into is walked for, and that changes no finding."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from laws.fixtures import every_fixture

from leaklint.analyze import reports
from leaklint.extract import extract
from leaklint.flow import walks
from leaklint.flow.filled import seen_to_fill
from leaklint.flow.walk import ground_of
from leaklint.groundwork import Groundwork
from leaklint.outline import outline
from leaklint.shared import containers_of_interest
from leaklint.summaries import concern_of, survey

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
import bounded


class Pool:
    def __init__(self):
        self.held = {{}}
        self.memo = bounded.Cache(10)

    def put(self, key, value, other, table: dict):
        {statement}

    def work(self, key):
        self.put(key, 1, self, self.held)
        self.held.pop(key, None)
        self.memo.pop(key, None)

    def _held(self):
        return self.held
"""


def seen(statement: str, text: str = TEXT) -> dict[str, set[str]]:
    found = outline(extract(ast.parse(text.format(statement=statement)), "pool.py"))
    surveyed = survey(Groundwork(found))
    containers = containers_of_interest(Groundwork(found)) | {"memo"}
    concerned = concern_of(surveyed, containers)
    filled = seen_to_fill(surveyed, ground_of(surveyed, containers, concerned), concerned, [])
    return {name: set(words) for name, words in filled.items()}


@pytest.mark.parametrize(
    "statement",
    [
        "self.held[key] = value",
        "held = self.held; held[key] = value",
        "self._held()[key] = value",
        "self.held.setdefault(key, []).append(value)",
        "other.held[key] = value",
        "table[key] = value",
        "alias = table; alias.update({key: value})",
        "self.held |= {key: value}",
    ],
)
def test_what_puts_something_into_a_container_is_seen(statement: str) -> None:
    assert seen(statement) == {"Pool.put": {"held"}}


@pytest.mark.parametrize(
    "statement",
    [
        "self.memo[key] = value",
        "local = {}; local[key] = self.held",
        "value.held = 1",
        "print(self.held[key])",
    ],
)
def test_what_does_not_is_not_walked_for(statement: str) -> None:
    assert seen(statement) == {}


@every_fixture
def test_to_walk_for_less_changes_no_finding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text("utf-8")
    module = extract(ast.parse(text), str(path))
    few = [(report.code, report.place.at, report.message) for _, report in reports(module, text)]
    monkeypatch.setattr(walks, "seen_to_fill", lambda seen, ground, concerned, looks: concerned.filling)
    assert [(report.code, report.place.at, report.message) for _, report in reports(module, text)] == few
