"""What a loop sees: the elements of a known container one by one, or of an unknown one as two symbolic passes.

Two passes, since what is wrong between two items shows only on the second; a third would show nothing new.
"""

from __future__ import annotations

from leaklint.flow.state import State
from leaklint.model import Span
from leaklint.values import Allocated, Applied, Constant, Element, Field, Group, Text, Turns, Value

KNOWN_ELEMENTS_SEEN = 8
_SAME_ELEMENTS = frozenset("copy deque frozenset iter keys list popped reversed set sorted tuple".split())


def source(iterable: Value, state: State) -> Value:
    """The container whose elements the iterable gives: `sorted(list(keys))` gives those of `keys`."""
    while True:
        match iterable:
            case Applied(function=function, arguments=(inner, *_)) if function in _SAME_ELEMENTS:
                iterable = inner
            case Allocated() if iterable in state.published and not state.contents.get(iterable):
                return state.published[iterable]
            case _:
                return iterable


def known_elements(iterable: Value, state: State) -> list[Value] | None:
    """The elements where the walk has seen them all come in; None where it has not."""
    iterable = source(iterable, state)
    match iterable:
        case Group(items=items):
            return list(items)
        case Allocated(kind="list" | "set") if iterable in state.contents:
            return _spread([value for _, value in state.contents[iterable]])
        case Allocated(kind="dict") if iterable in state.contents:
            return [key for key, _ in state.contents[iterable] if key is not None]
        case Applied(function="items", arguments=(Allocated() as inner,)) if inner in state.contents:
            return [Group((key, value)) for key, value in state.contents[inner] if key is not None]
        case Applied(function="keys", arguments=(Allocated() as inner,)) if inner in state.contents:
            return known_elements(inner, state)
        case Applied(function="values", arguments=(Allocated() as inner,)) if inner in state.contents:
            return [value for _, value in state.contents[inner]]
        case Applied(function="zip", arguments=arguments):
            return _zipped([known_elements(argument, state) for argument in arguments], arguments)
        case Applied(function="enumerate", arguments=(inner, *_)):
            inner_elements = known_elements(inner, state)
            if inner_elements is None:
                return None
            return [Group((Applied("position", (value,)), value)) for value in inner_elements]
        case _:
            return None


def _zipped(columns: list[list[Value] | None], arguments: tuple[Value, ...]) -> list[Value] | None:
    """Rows of a `zip` of which at least one column is known."""
    lengths = [len(column) for column in columns if column is not None]
    if not lengths:
        return None
    return [
        Group(
            tuple(
                column[number] if column is not None else Applied("nth", (argument, Constant(str(number))))
                for column, argument in zip(columns, arguments, strict=True)
            )
        )
        for number in range(min(lengths))
    ]


def _spread(values: list[Value]) -> list[Value] | None:
    """The values, unless one of them stands for many that are not known."""
    if any(isinstance(value, Applied) and value.function == "*" for value in values):
        return None
    return values[:KNOWN_ELEMENTS_SEEN]


def element(iterable: Value, loop: Span, turns: Turns, state: State) -> Value:
    """What an unknown iterable gives on one pass, taken apart for `enumerate`, `zip`, `items` and `range(len(x))`."""
    iterable = source(iterable, state)
    match iterable:
        case Applied(function="enumerate", arguments=(inner, *_)):
            origin = source(inner, state)
            return Group((Element(origin, "#", loop, turns), element(inner, loop, turns, state)))
        case Applied(function="zip", arguments=arguments):
            return Group(tuple(element(argument, loop, turns, state) for argument in arguments))
        case Applied(function="items", arguments=(inner,)):
            key = Element(source(inner, state), "", loop, turns)
            return Group((key, Element(source(inner, state), "value", loop, turns)))
        case Applied(function="values", arguments=(inner,)):
            return Element(source(inner, state), "value", loop, turns)
        case Applied(function="range", arguments=(Applied(function="len", arguments=(inner,)),)):
            return Element(source(inner, state), "#", loop, turns)
        case Applied(function="picked", arguments=(inner,)):
            return Applied("picked", (element(inner, loop, turns, state),))
        case _:
            return Element(iterable, "", loop, turns)


def is_filled(iterable: Value, state: State) -> Value:
    """The fact that the iterable has elements; two loops over the same one agree on it."""
    iterable = source(iterable, state)
    if isinstance(iterable, Applied) and iterable.function == "picked":
        return Applied("filled", (iterable,))
    match iterable:
        case Applied(function="enumerate" | "items" | "values" | "len" | "range", arguments=(inner, *_)):
            return is_filled(inner, state)
        case Applied(function="zip", arguments=(inner, *_)):
            return is_filled(inner, state)
        case _:
            return Applied("filled", (iterable,))


def part_of(value: Value, index: int, state: State) -> Value | None:
    """One position of a tuple or list whose items are known."""
    items = value.items if isinstance(value, Group) else None
    if items is None and isinstance(value, Allocated) and value.kind in ("list", "record"):
        items = tuple(item for _, item in state.contents.get(value, ()))
    if items is None or not -len(items) <= index < len(items):
        return None
    return items[index]


def content_at(value: Allocated, key: Value, state: State) -> Value | None:
    """What a known dict holds under the key, or a known object under the field."""
    for known, held in reversed(state.contents.get(value, ())):
        if known == key:
            return held
    return None


def as_index(value: Value) -> int | None:
    """The integer that a constant index is."""
    if isinstance(value, Constant) and value.value.lstrip("-").isdigit():
        return int(value.value)
    return None


def named_content(value: Value, state: State) -> list[tuple[str, Value]]:
    """Fields of known objects and keys of known dicts, for matching by name."""
    if isinstance(value, Allocated):
        return [(key.value, held) for key, held in state.contents.get(value, ()) if isinstance(key, Text)]
    return [(value.name, value)] if isinstance(value, Field) else []
