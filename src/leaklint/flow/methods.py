"""Calls of a container's own methods: `setdefault` and `add` insert, `pop` and `discard` evict, `get` looks up."""

from __future__ import annotations

from leaklint import ir
from leaklint.containers import COUNT
from leaklint.flow.caches import (
    container,
    default_factory,
    evict,
    insert,
    is_cache,
    is_picked_from,
    sweep,
    takes_elements,
)
from leaklint.flow.conditions import decide
from leaklint.flow.events import Written
from leaklint.flow.fields import written_key
from leaklint.flow.iteration import known_elements
from leaklint.flow.machine import Arguments, Context
from leaklint.flow.state import State
from leaklint.ir_walk import last_part
from leaklint.keys import Match, compare
from leaklint.values import NONE, POPPED, Allocated, Applied, Constant, Entry, Group, Result, Value

MAPPING_METHODS = frozenset(
    """
    add append appendleft clear copy discard difference_update extend get items keys pop popitem popleft remove
    setdefault update values __setitem__ __delitem__ move_to_end
    """.split()
)


def is_container(value: Value, state: State, context: Context) -> bool:
    """Whether the walk follows what the value holds: a local container, or a cache."""
    if isinstance(value, Allocated):
        return value.kind != "record"
    return is_cache(container(value, state, context.machine.outline), context.machine.outline)


def call_method(base: Value, name: str, arguments: Arguments, node: ir.Node, state: State, context: Context) -> Value:
    """Do what the method does, and give its result."""
    if isinstance(base, Allocated):
        result = _change_contents(base, name, arguments, node, state, context)
        if base not in state.published:
            return result
    cache = container(base, state, context.machine.outline)
    key = arguments.positional[0] if arguments.positional else None
    match name:
        case "setdefault" | "__setitem__" if key is not None:
            value = arguments.positional[1] if len(arguments.positional) > 1 else NONE
            insert(cache, key, _written(node, key, state, context), value, node.at, state, context)
            return Entry(cache, key)
        case "add" if key is not None and takes_elements(cache, context.machine.outline):
            insert(cache, key, _written(node, key, state, context), key, node.at, state, context)
            return NONE
        case "update":
            _update(cache, arguments, node, state, context)
            return NONE
        case "pop" if key is not None:
            return _pop(cache, key, arguments, node, state, context)
        case "discard" | "remove" | "__delitem__" if key is not None:
            evict(cache, key, node.at, state, context, _written(node, key, state, context))
            return NONE
        case "pop" | "popitem" | "clear":
            evict(cache, None, node.at, state, context)
            return Result(node.at, name, context.turns, inputs=(cache,))
        case "difference_update":
            _evict_many(cache, key, node, state, context)
            return NONE
        case "get" if key is not None:
            return Entry(cache, key)
        case "items" | "keys" | "values" | "copy":
            return Applied(name, (cache,))
    return Result(node.at, name, context.turns)


def _pop(cache: Value, key: Value, arguments: Arguments, node: ir.Node, state: State, context: Context) -> Value:
    """What was under the key until now: whether that was anything is known if it is known whether the key was in."""
    was_in = decide(Entry(cache, key), state)
    evict(cache, key, node.at, state, context, _written(node, key, state, context))
    taken = Applied(POPPED, (Entry(cache, key),))
    state.facts.pop(taken, None)
    if was_in or (was_in is False and set(arguments.positional[1:]) <= {NONE}):
        state.facts[taken] = was_in
    return taken


def _evict_many(cache: Value, keys: Value | None, node: ir.Node, state: State, context: Context) -> None:
    if keys is not None and is_picked_from(keys, cache):
        sweep(cache, node.at, state, context)
    else:
        evict(cache, None, node.at, state, context)


def _written(node: ir.Node, key: Value, state: State, context: Context) -> Written:
    """The key as the call has it; a call that only hands the method on (`call_later(5, cache.pop, key)`) has others."""
    if isinstance(node, ir.Call) and node.arguments and last_part(node.function) in MAPPING_METHODS:
        return written_key(node.arguments[0].value, key, state, context)
    if isinstance(node, ir.Subscript):
        return written_key(node.index, key, state, context)
    return Written()


def _update(cache: Value, arguments: Arguments, node: ir.Node, state: State, context: Context) -> None:
    """`update` with a dict whose pairs are known; a set's `update` with elements that are known."""
    written = _written_keys(node)
    for given in arguments.positional:
        pairs = _pairs(cache, given, state, context)
        for number, (key, value) in enumerate(pairs):
            given_as = Written()
            if len(written) == len(pairs):
                given_as = written_key(written[number], key, state, context)
            insert(cache, key, given_as, value, node.at, state, context)


def _pairs(cache: Value, given: Value, state: State, context: Context) -> list[tuple[Value, Value]]:
    """Keys and values of what is given: a mapping's, a list's pairs, a set's elements, which are both."""
    if isinstance(given, Allocated) and given.kind == "dict":
        return [(key, value) for key, value in state.contents.get(given, ()) if key is not None]
    elements = known_elements(given, state) or []
    outline = context.machine.outline
    if takes_elements(cache, outline) or default_factory(cache, outline) == COUNT:
        return [(element, element) for element in elements]
    pairs = [element.items for element in elements if isinstance(element, Group) and len(element.items) == 2]
    return [(pair[0], pair[1]) for pair in pairs]


def _written_keys(node: ir.Node) -> tuple[ir.Expression, ...]:
    """The keys of `cache.update({key: value})` or `cache |= {key: value}` as they stand there."""
    given: ir.Expression | None = None
    if isinstance(node, ir.Augment):
        given = node.value
    elif isinstance(node, ir.Call) and node.arguments:
        given = node.arguments[0].value
    if not isinstance(given, ir.Mapping):
        return ()
    return tuple(pair.key for pair in given.pairs if pair.key is not None)


def _change_contents(
    base: Allocated, name: str, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> Value:
    """The same on a container that was made during the walk."""
    contents = state.contents.get(base, ())
    given = arguments.positional
    match name:
        case "append" | "add" | "appendleft" if given:
            if (None, given[0]) not in contents:
                state.contents[base] = (*contents, (None, given[0]))
        case "extend" | "update" if given and isinstance(given[0], Allocated):
            state.contents[base] = (*contents, *state.contents.get(given[0], ()))
        case "extend" | "update" if given:
            state.contents[base] = (*contents, (None, Applied("*", (given[0],))))
        case "setdefault" | "__setitem__" if given:
            if not any(key == given[0] for key, _ in contents):
                state.contents[base] = (*contents, (given[0], given[1] if len(given) > 1 else NONE))
            return next(held for key, held in state.contents[base] if key == given[0])
        case "clear":
            state.contents[base] = ()
        case _:
            return _read_or_take(base, name, arguments, node, state, context)
    return NONE


def _read_or_take(
    base: Allocated, name: str, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> Value:
    """What a container that was made during the walk gives back."""
    contents = state.contents.get(base, ())
    given = arguments.positional
    match name:
        case "pop" | "popleft" if base.kind == "list" and contents:
            index = 0 if name == "popleft" or given == (Constant("0"),) else -1
            state.contents[base] = contents[1:] if index == 0 else contents[:-1]
            return contents[index][1]
        case "pop" | "popitem" if base.kind == "set" and contents and not given:
            state.contents[base] = contents[:-1]
            return contents[-1][1]
        case "pop" | "discard" | "remove" | "__delitem__" if given:
            return _take_out(base, given[0], state, node, context)
        case "get" if given:
            return next((held for key, held in contents if key == given[0]), Result(node.at, "get", context.turns))
        case "copy":
            made = Allocated(node.at, context.turns, base.kind)
            state.contents[made] = contents
            return made
        case "items" | "keys" | "values":
            return Applied(name, (base,))
    return NONE


def _take_out(base: Allocated, wanted: Value, state: State, node: ir.Node, context: Context) -> Value:
    kept, result = [], None
    for key, held in state.contents.get(base, ()):
        if compare(held if key is None else key, wanted) is Match.SAME:
            result = held
        else:
            kept.append((key, held))
    state.contents[base] = tuple(kept)
    return result if result is not None else Result(node.at, "pop", context.turns)
