"""The key algebra: which keys are the same at run time, which never are, and which may be."""

from __future__ import annotations

import pytest

from leaklint.keys import Match, agrees_by_name, compare, is_base_of, shares_a_part
from leaklint.model import Span
from leaklint.values import (
    Applied,
    Constant,
    Element,
    Entry,
    Field,
    Global,
    Group,
    Instance,
    Item,
    Parameter,
    Result,
    Template,
    Text,
    Turn,
    Value,
)


def at(line: int) -> Span:
    return Span(line, 0, line, 9)


def text(*parts: Value | str) -> Template:
    return Template(tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(function: str, *arguments: Value) -> Applied:
    return Applied(function, arguments)


A, B = Parameter("f", "a"), Parameter("f", "b")
ROWS, OTHERS = Parameter("f", "rows"), Parameter("f", "others")
FIRST, LATER = (Element(ROWS, "", at(1), (Turn(at(1), number),)) for number in (1, 2))
AGAIN, ELSEWHERE = Element(ROWS, "", at(5), ()), Element(OTHERS, "", at(5), ())
POSITION = Element(ROWS, "#", at(1), ())
ONE, TWO = Constant("1"), Constant("2")
CACHE = Field(Instance("Pool"), "cache")
FRESH = Result(at(3), "make_key", (), fresh=True)
UUID = Result(at(3), "uuid.uuid4", ())
UNKNOWN = Result(at(3), "make_key", ())

SAME = [
    (A, A),
    (text(A, "_r", B), text(A, "_r", B)),
    (Group((A, B)), Group((A, B))),
    (AGAIN, Element(ROWS, "", at(9), ())),
    (text("r", call("str", POSITION)), text("r", POSITION)),
    (call("hash", Group((A, ONE))), call("hash", Group((A, ONE)))),
    (Item(A, Text("id")), Item(A, Text("id"))),
    (call("popped", Entry(CACHE, A)), Entry(CACHE, A)),
    (call("popped", Entry(CACHE, A)), call("popped", Entry(CACHE, A))),
]
DIFFERENT = [
    (call("later", A), A),
    (text(call("later", A), "_r"), text(A, "_r")),
    (call("later", A), text(A, "_r")),
    (Text("a"), Text("b")),
    (ONE, TWO),
    (ONE, Text("1")),
    (FIRST, LATER),
    (POSITION, Element(ROWS, "", at(1), ())),
    (text(A, "_r", B), A),
    (text(A, "_r", B), text(A, "_s", B)),
    (text(A, "_r"), text(A, "_r", B, "_s")),
    (text("a", A), text("b", A)),
    (text(A, "a"), text(A, "b")),
    (text("row", A), Text("line")),
    (Group((A, B)), Group((A,))),
    (Group((A, B)), Group((B, A))),
    (Group((A, ONE)), Group((A, TWO))),
    (Group((A, B)), A),
    (Group((A, B)), text(A, "_", B)),
    (Group((A, B)), Text("a")),
    (ONE, Group((A,))),
    (call("hash", A), A),
    (Field(A, "id"), A),
    (text(A, "_", B), ONE),
    (UUID, text(A, "_", B)),
    (UUID, Text("a")),
    (call("str", A), ONE),
    (FRESH, A),
    (A, FRESH),
    (call("format", Text("a-{}"), A), call("format", Text("b-{}"), A)),
    (call("sha256", ONE), call("sha256", TWO)),
    (text("r", POSITION), text("rx")),
    (text("row", POSITION), Text("rows")),
]
UNKNOWNS = [
    (call("later", A), B),
    (text(A, "-", B), Text("fixed_text")),
    (A, B),
    (A, UNKNOWN),
    (A, Text("a")),
    (A, ONE),
    (AGAIN, ELSEWHERE),
    (FIRST, ELSEWHERE),
    (text(A, B), text(B, A, A)),
    (text(A, "_", B), text(B, "_", B)),
    (text(A, "_"), Text("a_")),
    (text("row", A), Text("rows")),
    (text("row", POSITION), Text("row7")),
    (Group((A, A)), Group((A, B))),
    (call("len", ONE), call("len", TWO)),
    (call("lower", Text("a")), call("lower", Text("A"))),
    (call("str", A), A),
    (call("hash", A), call("id", A)),
    (call("hash", A), call("hash", A, B)),
    (Field(A, "id"), Field(A, "name")),
    (Field(A, "id"), Field(B, "id")),
    (Item(A, Text("id")), Item(A, Text("name"))),
    (Item(ONE, Text("id")), Item(TWO, Text("id"))),
    (Entry(CACHE, A), Entry(CACHE, B)),
    (call("format", Text("{}"), A), A),
    (call("format", Text("{}"), ONE), call("format", Text("{}"), TWO)),
    (Global("NAME"), Text("a")),
]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        *((left, right, Match.SAME) for left, right in SAME),
        *((left, right, Match.DIFFERENT) for left, right in DIFFERENT),
        *((left, right, Match.UNKNOWN) for left, right in UNKNOWNS),
    ],
)
def test_two_keys_are_compared_alike_from_both_sides(left: Value, right: Value, expected: Match) -> None:
    assert compare(left, right) is expected
    assert compare(right, left) is expected


@pytest.mark.parametrize(
    ("base", "key", "expected"),
    [
        (A, text(A, "_r", B), True),
        (A, Group((A, B)), True),
        (A, call("hash", Group((A, B))), True),
        (A, A, False),
        (B, text(A, "_r"), False),
        (call("str", A), text(A, "_r"), True),
        (A, text(call("str", A), "_r"), True),
        (text(A, "_r"), text(A, "_r", B), True),
        (text(A, "_"), text(A, "_r", B), True),
        (text("x_", A), text("max_", A, "_", B), True),
        (text(A, "_s"), text(A, "_r", B), False),
        (text(A, "_r", B), text(A, "_r"), False),
        (text(B, "_r"), text("p", B, "_r", A), True),
        (text(A, "_r"), text(A, "_r"), False),
        (AGAIN, text(Element(ROWS, "", at(9), ()), "_r"), True),
        (AGAIN, text(ELSEWHERE, "_r"), False),
    ],
)
def test_a_base_is_what_a_key_is_derived_from(base: Value, key: Value, expected: bool) -> None:
    assert is_base_of(base, key) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (text(A, "_r"), text(A, "_s"), True),
        (text(A, "_r"), text(B, "_r"), False),
        (A, Field(A, "id"), True),
        (Field(A, "id"), A, True),
        (Text("a"), Text("b"), False),
    ],
)
def test_keys_share_a_part(left: Value, right: Value, expected: bool) -> None:
    assert shares_a_part(left, right) is expected


def test_names_agree_without_their_underscores() -> None:
    assert agrees_by_name(Parameter("f", "_state_id"), Field(A, "state_id"))
    assert not agrees_by_name(Parameter("f", "state"), Field(A, "state_id"))
    assert not agrees_by_name(Text("a"), Text("a"))
    assert not agrees_by_name(A, Text("a"))
    assert not agrees_by_name(Text("a"), A)
