"""The key algebra: whether evicting one key takes out what was inserted under another.

The answer has three values, since a wrong yes hides a leak and a wrong no raises a false alarm: SAME, DIFFERENT
and UNKNOWN. Whoever asks decides what doubt means; the rules are silent in doubt.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable

from leaklint.values import (
    REMEMBERED,
    Applied,
    Constant,
    Element,
    Entry,
    Field,
    Group,
    Item,
    Result,
    Template,
    Text,
    Value,
    as_entry,
    children,
    holes,
    is_derived,
    is_number,
    last_name,
    mentions,
    settled,
)


class Match(enum.Enum):
    """Whether two keys are equal at run time."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@functools.lru_cache(maxsize=REMEMBERED)
def compare(left: Value, right: Value) -> Match:
    """Whether the two values are equal at run time, as far as can be told."""
    if left == right:
        return Match.SAME
    if left != (entry := as_entry(left)) or right != as_entry(right):
        return compare(entry, as_entry(right))
    if settled(left) != left or settled(right) != right:
        # A late-binding closure reads what the loop's variable has become.
        is_unknown = compare(settled(left), settled(right)) is Match.UNKNOWN
        return Match.UNKNOWN if is_unknown else Match.DIFFERENT
    found = _compare_built(left, right)
    return _compare_whole(left, right) if found is None else found


def _compare_built(left: Value, right: Value) -> Match | None:
    """Compare two values of kinds that have parts, part by part; None for all others."""
    match left, right:
        case (Text() | Constant(), Text() | Constant()):
            return Match.DIFFERENT
        case (Element(), Element()):
            return _compare_elements(left, right)
        case (Template(), Template()):
            return _compare_templates(left.parts, right.parts)
        case (Template(parts=parts), Text() as text) | (Text() as text, Template(parts=parts)):
            return _compare_templates(parts, (text,))
        case (Group(), Group()):
            return _compare_groups(left, right)
        case (Group(), Template() | Text() | Constant()) | (Template() | Text() | Constant(), Group()):
            return Match.DIFFERENT
        case (Applied(), Applied()) | (Field(), Field()) | (Item(), Item()) | (Entry(), Entry()):
            return _compare_alike(left, right)
    return None


def _compare_whole(left: Value, right: Value) -> Match:
    """Compare two values of different kinds, or that have no parts."""
    if _is_built_from(left, right) or _is_built_from(right, left):
        return Match.DIFFERENT
    if (_is_text(left) and _is_no_text(right)) or (_is_no_text(left) and _is_text(right)):
        return Match.DIFFERENT
    if any(isinstance(value, Result) and value.fresh for value in (left, right)):
        return Match.DIFFERENT
    return Match.UNKNOWN


def _is_text(value: Value) -> bool:
    return isinstance(value, Text | Template) or (isinstance(value, Applied) and value.function in ("str", "repr"))


def _is_no_text(value: Value) -> bool:
    """Whether the value is a number or another object that no string equals: a position, a `UUID`."""
    match value:
        case Constant():
            return True
        case Element():
            return is_number(value)
        case Result(callee=callee):
            return callee.rpartition(".")[2] in ("uuid1", "uuid4", "uuid7")
        case _:
            return False


def _compare_elements(left: Element, right: Element) -> Match:
    """Two passes of one loop see different elements; two loops over the same iterable see the same ones."""
    if left.loop == right.loop and left.turns != right.turns:
        return Match.DIFFERENT if left.part == right.part else Match.UNKNOWN
    if left.part == right.part:
        return compare(left.iterable, right.iterable) if _is_same_source(left, right) else Match.UNKNOWN
    return Match.DIFFERENT if {left.part, right.part} == {"#", ""} and _is_same_source(left, right) else Match.UNKNOWN


def _is_same_source(left: Element, right: Element) -> bool:
    return compare(left.iterable, right.iterable) is Match.SAME


def _compare_groups(left: Group, right: Group) -> Match:
    if len(left.items) != len(right.items):
        return Match.DIFFERENT
    found = _all_of([compare(a, b) for a, b in zip(left.items, right.items, strict=True)])
    return Match.DIFFERENT if found is not Match.SAME and _is_swapped(left.items, right.items) else found


def _is_swapped(left: tuple[Value, ...], right: tuple[Value, ...]) -> bool:
    """Whether the same parts stand in another order: `(row, query)` is not `(query, row)`."""
    remaining = list(right)
    for part in left:
        twin = next((other for other in remaining if _is_twin(part, other)), None)
        if twin is None:
            return False
        remaining.remove(twin)
    return not remaining and not all(_is_twin(a, b) for a, b in zip(left, right, strict=True))


def _is_twin(left: Value, right: Value) -> bool:
    """Whether two parts are the same, or the same but for the pass of the loop."""
    if isinstance(left, Element) and isinstance(right, Element):
        return left.part == right.part and _is_same_source(left, right)
    return compare(left, right) is Match.SAME


def _all_of(matches: list[Match]) -> Match:
    if Match.DIFFERENT in matches:
        return Match.DIFFERENT
    return Match.UNKNOWN if Match.UNKNOWN in matches else Match.SAME


def _compare_alike(left: Value, right: Value) -> Match:
    """Two values of one kind: the same if all their parts are; else a pure function's results alone can differ."""
    names = [getattr(value, "function", None) or getattr(value, "name", None) for value in (left, right)]
    parts = [children(left), children(right)]
    if names[0] != names[1] or len(parts[0]) != len(parts[1]):
        return Match.DIFFERENT if _is_built_from(left, right) or _is_built_from(right, left) else Match.UNKNOWN
    matches = [compare(a, b) for a, b in zip(*parts, strict=True)]
    found = _all_of(matches)
    if found is Match.DIFFERENT and not (isinstance(left, Applied) and _tells_apart(left.function, matches)):
        return Match.UNKNOWN
    return found


_BRINGS_TOGETHER = frozenset(
    """
    % & * ** // << >> | ^ abs ascii bool casefold endswith frozenset getattr in int isinstance items keys len lower
    lstrip max min removeprefix removesuffix replace resolve reversed rstrip set sorted split startswith strip sum title
    type upper values
    """.split()
)
"""Functions and operators that may give the same for different arguments."""


def _tells_apart(function: str, matches: list[Match]) -> bool:
    """Whether a function gives different results for arguments that compare like this; a format may be another's."""
    if function == "format":
        return Match.DIFFERENT in matches[:1]
    return function not in _BRINGS_TOGETHER


_KEEPS_EQUAL = _BRINGS_TOGETHER | {"Path", "PurePath", "bytes", "copy", "float", "format", "repr", "str", "tuple"}
"""Functions and operators that may give what they got."""


def _is_built_from(whole: Value, part: Value) -> bool:
    """Whether `whole` is made of `part` so that the two are never equal: its attribute, a longer text, a hash."""
    match whole:
        case Template(parts=parts):
            return len(parts) > 1 and any(isinstance(piece, Text) for piece in parts) and part in parts
        case Group(items=items):
            return any(item == part or _is_built_from(item, part) for item in items)
        case Field(base=base):
            return base == part or _is_built_from(base, part)
        case Applied(function="format" | "%" | "join", arguments=(_, first, *rest)) if rest or is_derived(first):
            return any(mentions(argument, part) for argument in (first, *rest))
        case Applied(function=function, arguments=arguments):
            return function not in _KEEPS_EQUAL and any(mentions(argument, part) for argument in arguments)
        case _:
            return False


def _compare_templates(left: tuple[Value, ...], right: tuple[Value, ...]) -> Match:
    """Compare part by part, first from the left and then, if that leaves doubt, from the right."""
    if len(left) == len(right):
        found = _all_of([_compare_parts(a, b) for a, b in zip(left, right, strict=True)])
        if found is Match.SAME or (found is Match.UNKNOWN and not _is_swapped(left, right)):
            return found
        if _is_swapped(left, right):
            return Match.DIFFERENT
    forwards = _first_difference(left, right, reverse=False)
    if forwards is not Match.UNKNOWN:
        return forwards
    return _first_difference(left[::-1], right[::-1], reverse=True)


def _compare_parts(left: Value, right: Value) -> Match:
    if isinstance(left, Text) != isinstance(right, Text):
        return Match.UNKNOWN
    return compare(_as_part(left), _as_part(right))


def _as_part(value: Value) -> Value:
    """The value as it enters a string: a number reads the same in either notation."""
    match value:
        case Applied(function="repr" | "ascii" | "str", arguments=(number,)) if is_number(number):
            return number
        case _:
            return value


def _first_difference(left: tuple[Value, ...], right: tuple[Value, ...], *, reverse: bool) -> Match:
    """Whether the parts differ at the first place where they are not the same; UNKNOWN if they may still agree."""
    for number, (a, b) in enumerate(zip(left, right, strict=False), 1):
        if isinstance(a, Text) and isinstance(b, Text):
            if a.value == b.value:
                continue
            (shorter, parts), (longer, _) = sorted(((a.value, left), (b.value, right)), key=lambda pair: len(pair[0]))
            if not (longer.endswith(shorter) if reverse else longer.startswith(shorter)):
                return Match.DIFFERENT
            rest = longer[: len(longer) - len(shorter)] if reverse else longer[len(shorter) :]
            return Match.DIFFERENT if _cannot_begin(parts[number:], rest) else Match.UNKNOWN
        found = _compare_parts(a, b)
        if found is not Match.SAME:
            return found if len(left) == len(right) else Match.UNKNOWN
    return Match.SAME if len(left) == len(right) else Match.DIFFERENT


def _cannot_begin(parts: tuple[Value, ...], text: str) -> bool:
    """Whether the parts are known not to go on with the text: a number does not go on with letters."""
    return not parts or (is_number(parts[0]) and not any(letter.isdigit() for letter in text))


_NAMES_OF_CODE = frozenset(["__class__", "__file__", "__module__", "__name__", "__qualname__"])
"""What Python gives every module, class and function to be known by."""


def is_of_code(key: Value, is_constant: Callable[[Value], bool]) -> bool:
    """Whether the key is made of nothing but names of the program's own code and constants: there are so many."""
    match key:
        case Text() | Constant() | Applied(function="type", arguments=(_,)):
            return True
        case Field(name=name):
            return name in _NAMES_OF_CODE
        case Template() | Group() | Applied():
            return all(is_of_code(part, is_constant) for part in children(key))
        case _:
            return is_constant(key)


def is_base_of(base: Value, key: Value) -> bool:
    """Whether `key` is derived from `base` and something more."""
    if isinstance(base, Template) and isinstance(key, Template):
        return _contains_parts(key.parts, base.parts)
    return key != base and any(_names_base(base, hole) for hole in _bases(key))


def _contains_parts(whole: tuple[Value, ...], part: tuple[Value, ...]) -> bool:
    """Whether a longer template has a shorter one in it; where they meet, a text may go on."""
    return len(whole) > len(part) and any(
        all(
            piece == inner
            or (isinstance(piece, Text) and isinstance(inner, Text) and _joins(piece, inner, n, len(part)))
            for n, (piece, inner) in enumerate(zip(whole[start:], part, strict=False))
        )
        for start in range(len(whole) - len(part) + 1)
    )


def _joins(piece: Text, inner: Text, position: int, count: int) -> bool:
    is_first, is_last = position == 0, position == count - 1
    return (is_first and piece.value.endswith(inner.value)) or (is_last and piece.value.startswith(inner.value))


def _bases(key: Value) -> tuple[Value, ...]:
    match key:
        case Template() | Group() | Applied():
            return tuple(inner for part in children(key) for inner in (part, *_bases(part)))
        case _:
            return ()


def _names_base(base: Value, hole: Value) -> bool:
    if hole == base:
        return True
    if isinstance(base, Applied) and base.function == "str" and base.arguments == (hole,):
        return True
    if isinstance(hole, Applied) and hole.function == "str" and hole.arguments == (base,):
        return True
    return isinstance(base, Element) and isinstance(hole, Element) and compare(base, hole) is Match.SAME


def shares_a_part(left: Value, right: Value) -> bool:
    """Whether two keys were built with something in common."""
    left, right = settled(left), settled(right)
    return bool(set(holes(left)) & set(holes(right))) or mentions(left, right) or mentions(right, left)


def agrees_by_name(base: Value, hole: Value) -> bool:
    """Whether a key of one function goes by the name of a part of another's: `state_id` and `ctx.state_id`."""
    name, other = last_name(base), last_name(hole)
    if name is None or other is None or name.lstrip("_") != other.lstrip("_"):
        return False
    if isinstance(base, Field) and isinstance(hole, Field) and "_" not in name.strip("_"):
        # One word says what it is of its owner: `queue.name`, `exchange.name`.
        return agrees_by_name(base.base, hole.base)
    return True
