"""The end of an entry's value: it is closed, ended or cancelled, given to what does so, or replaced by None.

The entry itself may be in or out at that point; each path knows which of the entries that are in have such a value.
"""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.containers import Kind
from leaklint.endings import ENDING_METHODS, is_ending, names_what_it_ends
from leaklint.flow.caches import container, is_cache, kind_of, membership
from leaklint.flow.events import Release
from leaklint.flow.machine import Arguments, Context
from leaklint.flow.state import Slot, State
from leaklint.model import Span
from leaklint.routine import Routine
from leaklint.values import (
    NONE,
    Allocated,
    Closure,
    Element,
    Entry,
    Field,
    Free,
    Global,
    Group,
    Item,
    Parameter,
    Result,
    Value,
    as_entry,
    bare,
    word,
)

WITH = "with"
REPLACED = "= None"


def note_call(callee: Value, arguments: Arguments, node: ir.Node, state: State, context: Context) -> None:
    """A call may be of an entry's `close`, get the entry's value to close it, or get the method to call it later."""
    method, receiver = _bound(callee)
    if method is not None and is_ending(method):
        if receiver is not None and not _is_of_its_argument(method, arguments):
            _release(receiver, method, node.at, state, context)
        for value in arguments.everything():
            _release(value, method, node.at, state, context, is_given=True)
    elif isinstance(callee, Closure):
        for value, inner in _ended_parameters(callee, arguments, context):
            _release(value, inner, node.at, state, context)
    for value in arguments.everything():
        later, owner = _bound(value)
        if later is not None and owner is not None and is_ending(later):
            _release(owner, later, node.at, state, context)


def _is_of_its_argument(method: str, arguments: Arguments) -> bool:
    """Whether a call ends what it is given: `agent.stop_job(job)`, `topic.unsubscribe(subscription)`."""
    if method in ENDING_METHODS or not arguments.positional:
        return False
    return names_what_it_ends(method) or any(isinstance(one, Allocated | Result) for one in arguments.positional)


def note_with(manager: Value, at: Span, state: State, context: Context) -> None:
    """A `with` ends what it is given."""
    _release(manager, WITH, at, state, context)


def note_store(cache: Value, key: Value, value: Value, at: Span, state: State, context: Context) -> None:
    """`cache[key] = None` in place of what was there."""
    if value == NONE:
        _record((cache, key), Entry(cache, key), REPLACED, at, state, context)


def _bound(callee: Value) -> tuple[str | None, Value | None]:
    """The name of what is called, and the object whose method it is."""
    match callee:
        case Field(base=base, name=name):
            return name, base
        case Global(name=name):
            return word(name).rpartition(".")[2], None
        case Closure(function=function, receiver=receiver):
            return word(function.partition("@")[0]).rpartition(".")[2], receiver
        case _:
            return None, None


def _ended_parameters(callee: Closure, arguments: Arguments, context: Context) -> Iterator[tuple[Value, str]]:
    """The arguments that a routine closes, whatever it is called: with the method that it calls on them."""
    routine = context.machine.outline.routines[callee.function]
    if context.machine.summaries[routine.name].is_worth_reading or not arguments.positional:
        return
    ended = _ends(routine)
    names = [p.name for p in routine.function.parameters if p.kind == "positional"]
    is_bound = callee.receiver is not None and routine.takes_receiver
    for name, value in (*zip(names[is_bound:], arguments.positional, strict=False), *arguments.keywords):
        if name in ended:
            yield value, ended[name]


def _ends(routine: Routine) -> dict[str, str]:
    """Variables on which the routine calls an ending method."""
    return {
        node.function.value.id: node.function.name
        for node in routine.nodes
        if isinstance(node, ir.Call)
        and isinstance(node.function, ir.Attribute)
        and isinstance(node.function.value, ir.Name)
        and is_ending(node.function.name)
    }


def _release(value: Value, method: str, at: Span, state: State, context: Context, *, is_given: bool = False) -> None:
    for slot in entries_of(value, state, context):
        _record(slot, value, method, at, state, context, is_given=is_given)


def _record(
    slot: Slot, value: Value, method: str, at: Span, state: State, context: Context, *, is_given: bool = False
) -> None:
    cache, key = slot
    release = Release(
        cache=cache,
        key=key,
        value=value,
        method=method,
        place=context.place(at),
        stack=context.stack,
        turns=context.turns,
        locks=context.locks,
        around=context.guards,
        is_evicted=_is_taken_out(key) or state.facts.get(membership(cache, key)) is False,
        is_given=is_given,
    )
    context.machine.releases[release] = None
    if not release.is_evicted and method != WITH:
        # What a `with` enters may be entered again: a lock.
        state.released.setdefault(slot, release)


def entries_of(value: Value, state: State, context: Context) -> list[Slot]:
    """The entries whose value it is, or is a part of: `cache[key]`, `cache.pop(key).writer`, what was just inserted."""
    outline = context.machine.outline
    while True:
        value = as_entry(value)
        inserted = _inserted_under(value, context)
        if inserted:
            return inserted
        match value:
            case Entry(cache=cache, key=key) if is_cache(cache, outline):
                return [(cache, key)]
            case Element(iterable=iterable, part=part, loop=loop, turns=turns) if part in ("", "value"):
                cache = container(iterable, state, outline)
                is_whole = part == "value" or kind_of(cache, outline) is Kind.SET
                return [(cache, Element(iterable, "", loop, turns))] if is_whole and is_cache(cache, outline) else []
            case Result(inputs=(cache,)) if _is_taken_out(value):
                return [(cache, bare(value))]
            case Field(base=inner) | Item(base=inner):
                value = inner
            case _:
                return []


def _is_taken_out(value: Value) -> bool:
    """Whether the value is what `popitem()` gave."""
    return isinstance(value, Result) and value.callee in ("pop", "popitem")


def _inserted_under(value: Value, context: Context) -> list[Slot]:
    """Where the walk has put this very object."""
    if isinstance(value, Entry | Element):
        return []
    wanted = bare(value)
    found = {
        (insertion.cache, insertion.key): None
        for insertion in context.machine.insertions
        if any(bare(part) == wanted and _is_object(part) for part in _parts(insertion.value))
    }
    return list(found)


def _parts(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Group) else (value,)


def _is_object(value: Value) -> bool:
    """Whether equal values are one object: not so for constants and texts."""
    return isinstance(value, Result | Allocated | Field | Parameter | Free | Global)
