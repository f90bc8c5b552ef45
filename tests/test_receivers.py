"""What may stand before a dot: an object of a class that is in sight, or nothing that a walk finds a method of."""

from __future__ import annotations

import ast

import pytest

from leaklint.extract import extract
from leaklint.groundwork import Groundwork
from leaklint.outline import outline

TEXT = """\
import shelf


class Queue:
    def get(self, key):
        return key


class Other:
    def get(self, key):
        return None


SHARED = Queue()


class Owner:
    def __init__(self, given):
        self.queue = Queue()
        self.table = {{}}
        self.opened = shelf.open("keys")
        self.given = given

    def made(self):
        return self.queue

    def run(self, any_thing, typed: Queue, plain: dict[str, int], *rest):
        {statement}
"""


@pytest.mark.parametrize(
    ("statement", "called"),
    [
        ("self.queue.get(1)", {"Queue.get"}),
        ("typed.get(1)", {"Queue.get"}),
        ("SHARED.get(1)", {"Queue.get"}),
        ("Queue().get(1)", {"Queue.get"}),
        ("local = Queue(); local.get(1)", {"Queue.get"}),
        ("local = Queue() if rest else Other(); local.get(1)", {"Queue.get", "Other.get"}),
        ("self.late = Other(); self.late.get(1)", {"Other.get"}),
        ("self.table.get(1)", set()),
        ("self.opened.get(1)", set()),
        ("plain.get(1)", set()),
        ("rest.get(1)", set()),
        ("{}.get(1)", set()),
        ("local = {}; local.get(1)", set()),
        ("local = shelf.open(); local.get(1)", set()),
        ("local = await shelf.open(); local.get(1)", set()),
        ("any_thing.get(1)", {"Queue.get", "Other.get"}),
        ("self.given.get(1)", {"Queue.get", "Other.get"}),
        ("self.made().get(1)", {"Queue.get", "Other.get"}),
        ("self.table[1].get(1)", {"Queue.get", "Other.get"}),
        ("local = self.table.pop(1); local.get(1)", {"Queue.get", "Other.get"}),
        ("for local in rest: local.get(1)", {"Queue.get", "Other.get"}),
        ("local = typed; local = local; local.get(1)", {"Queue.get"}),
        ("shelf.get(1)", set()),
    ],
)
def test_a_method_is_looked_for_where_its_object_may_come_from(statement: str, called: set[str]) -> None:
    text = TEXT.replace("def run", "async def run") if "await" in statement else TEXT
    found = outline(extract(ast.parse(text.format(statement=statement)), "owner.py"))
    assert {name for name in Groundwork(found).reached["Owner.run"] if name.endswith(".get")} == called
