"""What may be passed over changes no finding, and is no more than what is said."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from laws.fixtures import every_fixture

from leaklint.analyze import reports
from leaklint.extract import extract
from leaklint.flow import walk
from leaklint.flow.dull import dull_statements
from leaklint.groundwork import Groundwork
from leaklint.outline import outline
from leaklint.shared import containers_of_interest
from leaklint.summaries import concern_of, summarise, survey

if TYPE_CHECKING:
    from pathlib import Path

METHOD = """\
class Pool:
    def __init__(self):
        self.cache = {{}}

    def run(self, key, rows, flag):
        name = key
        if flag:
            {body}
        self.cache[name] = rows
        rows.work()
        del self.cache[name]
"""


def is_passed_over(body: str) -> bool:
    found = outline(extract(ast.parse(METHOD.format(body=body)), "pool.py"))
    containers = containers_of_interest(Groundwork(found))
    seen = survey(Groundwork(found))
    dull = dull_statements(found, containers, summarise(seen, concern_of(seen, containers)))
    routine = found.routines["Pool.run"]
    return dull(routine.function.body[1], routine.name)


@pytest.mark.parametrize("body", ["print(flag)", "unused = 1", "for row in [1]: print(row)", "self.count = 1"])
def test_what_has_nothing_to_do_with_a_container_is_passed_over(body: str) -> None:
    assert is_passed_over(body)


@pytest.mark.parametrize(
    "body",
    [
        "return",
        "raise ValueError",
        "self.cache[key] = 1",
        "self.cache.pop(key)",
        "self.run(key, rows, flag)",
        "name = rows",
        "key = rows",
        "del rows",
        "print(self.cache)",
    ],
)
def test_what_a_rule_may_learn_from_is_not(body: str) -> None:
    # `key` is set after it was read: that it is not passed over is caution.
    assert not is_passed_over(body)


@every_fixture
def test_passing_over_changes_no_finding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text("utf-8")
    module = extract(ast.parse(text), str(path))
    sliced = [(report.code, report.place.at, report.message) for _, report in reports(module, text)]
    monkeypatch.setattr(walk, "dull_statements", lambda *given: lambda statement, routine: False)
    assert [(report.code, report.place.at, report.message) for _, report in reports(module, text)] == sliced
