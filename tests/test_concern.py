"""What a routine may call and what it may do to a container: so much is read, and nothing else."""

from __future__ import annotations

import ast

import pytest

from leaklint.callees import called_with_arguments, index
from leaklint.concern import Concern, concern
from leaklint.extract import extract
from leaklint.groundwork import Groundwork
from leaklint.outline import Outline, outline
from leaklint.relevance import changes
from leaklint.shared import containers_of_interest
from leaklint.summaries import concern_of as concern_in
from leaklint.summaries import summarise, survey

POOL = """\
import shelf


class Base:
    def drop(self, key):
        self.held.pop(key, None)


class Pool(Base):
    def __init__(self):
        self.held = {}

    def get(self, key):
        self.held[key] = object()
        return self.find(key)

    def find(self, key):
        return self.held[key]

    def size(self):
        return len(self.held)

    def report(self):
        print(self.size())


class Other:
    def get(self, key):
        return None

    def use(self):
        return self.get("x")
"""


def outlined(text: str) -> Outline:
    return outline(extract(ast.parse(text), "pool.py"))


def concern_of(text: str, name: str) -> Concern:
    found = outlined(text)
    return concern(found, frozenset({name}), changes(found), Groundwork(found).reached)


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("pool.get(1)", {"Pool.get", "Other.get"}),
        ("shelf.get(1)", set()),
        ("'x'.get(1)", set()),
        ("Pool.drop(pool, 1)", {"Base.drop", "Pool.__init__"}),
        ("Pool()", {"Pool.__init__"}),
        ("inner()", {"use.<locals>.inner"}),
        ("lambda: pool.find(1)", {"use.<locals>.<lambda>"}),
    ],
)
def test_a_name_stands_for_what_it_means_and_an_attribute_for_what_it_may_be(line: str, called: set[str]) -> None:
    text = f"{POOL}\n\ndef use(pool):\n    def inner():\n        pass\n    {line}\n"
    assert Groundwork(outlined(text)).reached["use"] - {"use.<locals>.inner"} == called - {"use.<locals>.inner"}


def test_an_attribute_of_self_is_a_method_of_a_relative() -> None:
    found = Groundwork(
        outlined(POOL.replace("return None", "return super().get(1)").replace("Other", "Other(Pool)"))
    ).reached
    assert found["Other.get"] == {"Pool.get", "Other.get"}
    found = Groundwork(outlined(POOL)).reached
    assert found["Other.use"] == {"Other.get"}
    assert found["Pool.get"] == {"Pool.find"}


def test_only_calls_with_arguments_may_pass_a_key_on() -> None:
    found = index(outlined(f"{POOL}\n\ndef use(pool):\n    pool.size()\n    pool.find(1)\n"))
    assert called_with_arguments(found, found.outline.routines["use"]) == {"Pool.find"}


def test_what_a_routine_does_it_does_for_its_callers_too() -> None:
    found = concern_of(f"{POOL}\n\ndef use(pool):\n    pool.drop(1)\n", "held")
    assert found.fills["Pool.get"] == {"held"}
    assert found.empties["use"] == {"held"}
    assert not found.empties["Pool.get"]


def test_what_is_only_read_says_nothing_to_a_caller_but_by_its_result() -> None:
    found = concern_of(POOL, "held")
    assert found.touches("Pool.find")
    assert not found.acts("Pool.report")
    assert not found.touches("Pool.report")


def test_a_container_passed_on_is_filled_where_it_arrives() -> None:
    text = f"{POOL}\n\ndef put(into, key):\n    into[key] = 1\n\n\ndef use(pool):\n    put(pool.held, 1)\n"
    assert concern_of(text, "held").fills["use"] == {"held"}


@pytest.mark.parametrize(
    ("method", "is_telling"),
    [
        ("self.get(key)", True),
        ("self.size()", False),
        ("self.report()", False),
        ("self.everything()", False),
        ("self.everything(); self.nothing()", True),
        ("self._hidden()", True),
        ("print(key)", False),
        ("print(self.held[key])", False),
        ("self.held[key].close()", True),
        ("self.later(60, self.held[key].close)", True),
        ("end(self.held[key])", True),
        ("with self.held[key]: pass", True),
    ],
)
def test_a_walk_begins_where_it_may_tell_something(method: str, is_telling: bool) -> None:
    text = POOL.replace(
        "    def report(self)",
        "    def everything(self):\n        self.held[self.name] = 1\n\n"
        "    def nothing(self):\n        self.held.clear()\n\n"
        "    def _hidden(self):\n        self.held.popitem()\n\n"
        f"    def run(self, key):\n        {method}\n\n"
        "    def report(self)",
    )
    found = outlined(text)
    seen = survey(Groundwork(found))
    assert summarise(seen, concern_in(seen, frozenset({"held"})))["Pool.run"].is_telling is is_telling


@pytest.mark.parametrize(
    ("statement", "is_of_interest"),
    [
        ("self.name = make()", False),
        ("self.held = {}", True),
        ("table = self.table; table[key] = 1; self.table.pop(key)", True),
        ("self.put(self.table, key); self.table.pop(key)", True),
        ("self.table.pop(key); given[key] = 1", False),
    ],
)
def test_what_nobody_fills_under_any_name_is_no_container_of_interest(statement: str, is_of_interest: bool) -> None:
    lines = "".join(f"        {one}\n" for one in statement.split("; "))
    text = (
        "class Owner:\n    def fill(self, key, value):\n        self.held[key] = value\n\n"
        "    def put(self, into, key):\n        into[key] = 1\n\n"
        f"    def run(self, key, given):\n{lines}"
    )
    names = {"name", "table"} if "held" not in statement else {"held"}
    assert bool(containers_of_interest(Groundwork(outlined(text))) & names) is is_of_interest
