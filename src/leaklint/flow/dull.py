"""Compound statements that no rule can learn anything from: they are passed over instead of walked through.

A program slice (Weiser, "Program slicing", 1981), as coarse as it can be: an `if`, a loop or a `with` is dull if it
leaves by no jump, touches no container of interest, calls nothing that does, and changes nothing that a key or an
entry's value is made from. Each one that is passed over saves two paths in every walk that comes by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS
from leaklint.endings import is_ending
from leaklint.flow.loops import is_endless
from leaklint.flow.machine import Context, Ways, may_raise
from leaklint.flow.state import State
from leaklint.ir_walk import below, children, flattened, in_scope, last_part
from leaklint.may_raise import call_may_raise, is_only_cancelled
from leaklint.model import Span
from leaklint.outline import Outline, renamed
from leaklint.routine import Routine
from leaklint.summaries import Summary
from leaklint.values import Result, word

COMPOUND = ir.If | ir.For | ir.While | ir.With | ir.Match
CHANGING_METHODS = INSERTING_METHODS | EVICTING_METHODS | {"append", "appendleft", "extend", "insert", "popleft"}
_LEAVES = (ir.Return, ir.Raise, ir.Yield, ir.Try, ir.Define, ir.DefineClass, ir.Lambda, ir.Delete, ir.Import)
_BOTH = ("error", "cancel")


Dull: TypeAlias = Callable[[ir.Statement, str], bool]
"""Whether a statement of a routine may be passed over."""


class Interest(msgspec.Struct, frozen=True):
    """What a routine's statements are judged by."""

    words: frozenset[str]
    """Containers, and routines that touch one."""
    kept: frozenset[str]
    """Variables that must not be mentioned: they hold what came out of a container, or stand for one."""
    needed: frozenset[str]
    """Variables that must not be changed: keys are made from them."""


def dull_statements(outline: Outline, containers: frozenset[str], summaries: dict[str, Summary]) -> Dull:
    """The test for the statements of the outline's routines; what it finds it remembers."""
    common = words_of_interest(outline, containers, summaries)
    interests: dict[str, Interest] = {}
    known: dict[Span, bool] = {}

    def ask(statement: ir.Statement, routine: str) -> bool:
        if not isinstance(statement, COMPOUND):
            return False
        if statement.at not in known:
            if routine not in interests:
                interests[routine] = interest_of(outline.routines[routine], common, outline, summaries)
            known[statement.at] = is_dull(statement, interests[routine])
        return known[statement.at]

    return ask


def words_of_interest(outline: Outline, containers: frozenset[str], summaries: dict[str, Summary]) -> frozenset[str]:
    """Containers, what touches one or calls what it is given, and classes."""
    read = [name for name, found in summaries.items() if found.touches or found.calls_parameters]
    classes = {word(name).rpartition(".")[2] for name in outline.classes}
    return containers.union(classes, (outline.routines[name].function.name for name in read))


def interest_of(routine: Routine, common: frozenset[str], outline: Outline, summaries: dict[str, Summary]) -> Interest:
    """What the routine's statements are judged by; `common` are the words of interest of all routines."""
    called = routine.function.parameters if summaries[routine.name].calls_parameters else ()
    own = frozenset(parameter.name for parameter in called)
    others = renamed(outline, routine.name)
    own |= {name for name, meant in others.items() if meant in common or meant in own}
    words = common | own if own else common
    nodes = routine.nodes
    heads = [head for node in nodes for head in _heads(node) if _mentions(head, words)]
    nested = {name for node in nodes if isinstance(node, ir.Define | ir.Lambda) for name in _names(node.function)}
    used = {name for node in nodes if isinstance(node, ir.Attribute | ir.Subscript) for name in _base(node)}
    kept = {name for head in heads for name in _kept_by(head)} & used
    needed = kept | nested | {name for head in heads for name in _names(head)}
    return Interest(words, frozenset(kept), frozenset(_sources(needed, nodes)))


def is_dull(statement: ir.Statement, interest: Interest) -> bool:
    """Whether the statement may be passed over."""
    nodes = list(in_scope(statement))
    if any(isinstance(node, _LEAVES) for node in nodes) or _jumps_out(statement):
        return False
    if _mentions(statement, interest.words) or not interest.kept.isdisjoint(_names(statement)):
        return False
    return interest.needed.isdisjoint(_changed(nodes))


def pass_over(statement: ir.Statement, state: State, context: Context, ways: Ways) -> list[State]:
    """The path after a dull statement: what it may have set is unknown, and what it calls may have raised.

    There is none if only an exception ends it.
    """
    nodes = list(in_scope(statement))
    # One error and one cancellation stand for all: those of a wait, if there is one that can bring both.
    failing = sorted(_failing(nodes), key=lambda found: -len(found.kinds))
    error, cancel = (next((found for found in failing if kind in found.kinds), None) for kind in ("error", "cancel"))
    for found in dict.fromkeys((error, cancel)):
        if found is not None:
            may_raise(state, found.at, found.name, context, ways, found.kinds)
    frame = state.frames.get(context.frame, {})
    for name in _changed(nodes):
        if name in frame:
            frame[name] = Result(statement.at, name, context.turns)
    attributes = {target.name for node in nodes for target in _targets(node) if isinstance(target, ir.Attribute)}
    for field in [field for field in state.fields if field[1] in attributes]:
        del state.fields[field]
    return [] if _never_ends(statement) else [state]


def _never_ends(statement: ir.Statement) -> bool:
    """Whether nothing but an exception ends the statement, which leaves by no `return`."""
    return (
        isinstance(statement, ir.While)
        and is_endless(statement.test)
        and not any(isinstance(node, ir.Break) for node in in_scope(statement))
    )


class Failing(msgspec.Struct, frozen=True):
    """What can raise, what it is called, and whether by an error, by a cancellation, or by both."""

    at: Span
    name: str
    kinds: tuple[str, ...]


def _failing(nodes: list[msgspec.Struct]) -> Iterator[Failing]:
    awaited = {node.value.at for node in nodes if isinstance(node, ir.Await)}
    for node in nodes:
        match node:
            case ir.Await():
                yield Failing(node.at, "await", ("cancel",) if is_only_cancelled(node.value) else _BOTH)
            case ir.With(is_async=True):
                yield Failing(node.at, "async with", _BOTH)
            case ir.For(is_async=True):
                yield Failing(node.at, "async for", _BOTH)
            case ir.Comprehension(clauses=clauses) if any(clause.is_async for clause in clauses):
                yield Failing(node.at, "async for", _BOTH)
            case ir.Assert():
                yield Failing(node.at, "assert", ("error",))
            case ir.Call() if node.at not in awaited and call_may_raise(node):
                yield Failing(node.at, last_part(node.function) or "call", ("error",))


def _heads(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """The parts of a statement that stand for themselves: a simple one whole, of a compound one what it asks."""
    match node:
        case ir.If(test=test) | ir.While(test=test):
            yield test
        case ir.For(target=target, iterable=iterable):
            yield ir.Assign(target.at, (target,), iterable)
        case ir.With(items=items):
            yield from items
        case ir.Match(subject=subject):
            yield subject
        case ir.Assign() | ir.Augment() | ir.Delete() | ir.Evaluate() | ir.Return() | ir.Raise() | ir.Assert():
            yield node


def _mentions(node: msgspec.Struct, words: frozenset[str]) -> bool:
    return any(
        (isinstance(inner, ir.Attribute) and inner.name in words) or (isinstance(inner, ir.Name) and inner.id in words)
        for inner in below(node)
    )


def _names(node: msgspec.Struct) -> set[str]:
    return {inner.id for inner in below(node) if isinstance(inner, ir.Name)}


def _kept_by(head: msgspec.Struct) -> Iterator[str]:
    """Variables that get something out of a container, or stand for one."""
    for node in in_scope(head):
        for target in _targets(node):
            if isinstance(target, ir.Name):
                yield target.id


def _sources(needed: set[str], nodes: tuple[msgspec.Struct, ...]) -> set[str]:
    """The variables, and those that they are made from."""
    made_from: dict[str, set[str]] = {}
    for node in nodes:
        for head in _heads(node):
            if isinstance(head, ir.Assign | ir.Augment):
                names = _names(head)
                for name in _changed([head]):
                    made_from.setdefault(name, set()).update(names)
            else:
                for name in _changed(list(in_scope(head))):
                    made_from.setdefault(name, set()).update(_names(head))
    found: set[str] = set()
    pending = list(needed)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(made_from.get(name, ()))
    return found


def _targets(node: msgspec.Struct) -> tuple[ir.Expression, ...]:
    match node:
        case ir.Assign(targets=targets):
            return tuple(inner for target in targets for inner in flattened(target))
        case ir.Augment(target=target) | ir.For(target=target) | ir.Clause(target=target) | ir.Walrus(target=target):
            return tuple(flattened(target))
        case ir.WithItem(target=target) if target is not None:
            return tuple(flattened(target))
        case _:
            return ()


def _changed(nodes: list[msgspec.Struct]) -> set[str]:
    """Variables that are set, or whose object is changed by a store or a method, as far as names tell."""
    changed: set[str] = set()
    for node in nodes:
        for target in _targets(node):
            changed |= {target.id} if isinstance(target, ir.Name) else _base(target)
        if isinstance(node, ir.Call) and isinstance(node.function, ir.Attribute) and _changes(node.function.name):
            changed |= _base(node.function)
        elif isinstance(node, ir.Case):
            changed.update(node.bound)
    return changed - {"self", "cls"}


def _changes(method: str) -> bool:
    """Whether a method of this name changes what the walk knows of its object."""
    return method in CHANGING_METHODS or is_ending(method)


def _base(expression: ir.Expression) -> set[str]:
    while isinstance(expression, ir.Attribute | ir.Subscript | ir.Call):
        expression = expression.function if isinstance(expression, ir.Call) else expression.value
    return {expression.id} if isinstance(expression, ir.Name) else set()


def _jumps_out(statement: ir.Statement) -> bool:
    """Whether a `break` or `continue` in it belongs to a loop around it."""
    pending: list[tuple[msgspec.Struct, bool]] = [(statement, False)]
    while pending:
        node, in_loop = pending.pop()
        if isinstance(node, ir.Break | ir.Continue) and not in_loop:
            return True
        inside = in_loop or isinstance(node, ir.For | ir.While)
        pending.extend((child, inside) for child in children(node))
    return False
