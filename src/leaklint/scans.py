"""Passes over all keys of a container: loops and comprehensions of a function, and the tests that pick keys in them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.flow.events import Eviction
from leaklint.ir_walk import in_scope
from leaklint.model import Span
from leaklint.routine import Routine

_ITERATED = frozenset("copy frozenset iter keys list reversed set sorted tuple".split())
_SPLITTERS = frozenset("partition removeprefix removesuffix rpartition rsplit split".split())


class Scan(msgspec.Struct, frozen=True):
    """A pass over all keys of a container."""

    loop: Span
    """The loop as the walk names it: the `for`, or a comprehension's iterable."""
    over: ir.Expression
    """The container."""
    spot: Span
    keys: frozenset[str]
    """The variables that hold a key."""
    parts: frozenset[str]
    """The variables that hold a part of a key."""
    tests: tuple[tuple[ir.Expression, bool], ...]
    """The conditions under which something is picked, and whether they must hold for that."""
    body: tuple[ir.Statement, ...] = ()
    values: frozenset[str] = frozenset()
    """The variables that hold a value."""


def assigned(name: str, routine: Routine) -> ir.Expression | None:
    """What the variable is set to, if that is one thing."""
    values = routine.values_of(name)
    return values[0] if len(values) == 1 else None


def scans_of(routine: Routine) -> Iterator[Scan]:
    """Loops and comprehensions of the routine over all keys of something."""
    function = routine.function
    for node in in_scope(function):
        match node:
            case ir.For(target=target, iterable=iterable, body=body, at=at):
                yield from _loop(target, iterable, body, at, routine)
            case ir.Comprehension(clauses=(clause,)):
                yield from _clause(clause, node.at, clause.iterable.at)
            case ir.Call(function=ir.Attribute(name="difference_update"), arguments=(given,), at=at):
                if isinstance(given.value, ir.Comprehension) and len(given.value.clauses) == 1:
                    yield from _clause(given.value.clauses[0], at, at)
            case ir.Augment(operator="-", value=ir.Comprehension(clauses=(clause,)), at=at):
                yield from _clause(clause, at, at)
            case ir.Assign(value=ir.Comprehension(kind="dict" | "set", clauses=(clause,)), at=at):
                # What the comprehension keeps stays in, so its conditions must fail for what goes.
                yield from (msgspec.structs.replace(s, tests=_negated(s.tests)) for s in _clause(clause, at, at))


def _loop(
    target: ir.Expression, iterable: ir.Expression, body: tuple[ir.Statement, ...], at: Span, routine: Routine
) -> Iterator[Scan]:
    """A `for` over the container or a copy that has a name, or over what a comprehension or `filter` picks from it."""
    source = assigned(iterable.id, routine) if isinstance(iterable, ir.Name) else None
    match _unwrapped(source or iterable)[0]:
        case ir.Comprehension(clauses=(clause,)) as picked:
            yield from _clause(clause, picked.at if source is not None else iterable.at, at)
        case ir.Call(function=ir.Name(id="filter"), arguments=(chosen, given)) as picked:
            yield from _filtered(chosen.value, given.value, picked.at, at)
        case _:
            yield _pass(target, source if isinstance(source, ir.Call) else iterable, body, at)
            for collecting in _collecting(iterable, routine.function):
                yield _pass(collecting.target, collecting.iterable, collecting.body, at)


def _pass(target: ir.Expression, iterable: ir.Expression, body: tuple[ir.Statement, ...], loop: Span) -> Scan:
    over, has_values = _unwrapped(iterable)
    keys, parts = _key_names(target, has_values=has_values)
    keys, parts = _with_derived(keys, parts, body)
    return Scan(loop, over, iterable.at, keys, parts, (), body, _value_names(target, has_values=has_values))


def _collecting(iterable: ir.Expression, function: ir.Function) -> Iterator[ir.For]:
    """The loops that put what they pick into the list that is gone through here."""
    name = _unwrapped(iterable)[0]
    if not isinstance(name, ir.Name):
        return
    for node in in_scope(function):
        if isinstance(node, ir.For) and any(
            _collects(inner, name.id) for part in node.body for inner in in_scope(part)
        ):
            yield node


def _collects(node: msgspec.Struct, name: str) -> bool:
    match node:
        case ir.Call(function=ir.Attribute(value=ir.Name(id=receiver), name="append" | "add")):
            return receiver == name
        case _:
            return False


def _clause(clause: ir.Clause, spot: Span, loop: Span) -> Iterator[Scan]:
    over, has_values = _unwrapped(clause.iterable)
    keys, parts = _key_names(clause.target, has_values=has_values)
    tests = tuple((condition, True) for condition in clause.conditions)
    yield Scan(loop, over, spot, keys, parts, tests, (), _value_names(clause.target, has_values=has_values))


def _filtered(chosen: ir.Expression, given: ir.Expression, spot: Span, loop: Span) -> Iterator[Scan]:
    """`filter(lambda key: …, cache)`."""
    if isinstance(chosen, ir.Lambda) and chosen.function.parameters:
        over, has_values = _unwrapped(given)
        name, (kept,) = chosen.function.parameters[0].name, chosen.function.body
        if isinstance(kept, ir.Return) and kept.value is not None and not has_values:
            yield Scan(loop, over, spot, frozenset({name}), frozenset(), ((kept.value, True),))


def _negated(tests: tuple[tuple[ir.Expression, bool], ...]) -> tuple[tuple[ir.Expression, bool], ...]:
    return tuple((test, not holds) for test, holds in tests)


def _unwrapped(iterable: ir.Expression) -> tuple[ir.Expression, bool]:
    """`cache` of `list(cache.items())`, and whether its values come with the keys."""
    has_values = False
    while isinstance(iterable, ir.Call):
        match iterable:
            case ir.Call(function=ir.Name(id=name), arguments=(given,)) if name in _ITERATED:
                iterable = given.value
            case ir.Call(function=ir.Attribute(value=value, name="keys" | "copy"), arguments=()):
                iterable = value
            case ir.Call(function=ir.Attribute(value=value, name="items"), arguments=()):
                iterable, has_values = value, True
            case _:
                break
    return iterable, has_values


def _key_names(target: ir.Expression, *, has_values: bool) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that the target gives a key to, and those that get a part of one."""
    if has_values:
        is_pair = isinstance(target, ir.Display) and len(target.items) == 2
        target = target.items[0] if isinstance(target, ir.Display) and is_pair else ir.Opaque(target.at, ())
    if isinstance(target, ir.Name):
        return frozenset({target.id}), frozenset()
    if isinstance(target, ir.Display):
        return frozenset(), frozenset(node.id for node in in_scope(target) if isinstance(node, ir.Name))
    return frozenset(), frozenset()


def _value_names(target: ir.Expression, *, has_values: bool) -> frozenset[str]:
    """The variables that the target gives a value to."""
    if not (has_values and isinstance(target, ir.Display) and len(target.items) == 2):
        return frozenset()
    return frozenset(node.id for node in in_scope(target.items[1]) if isinstance(node, ir.Name))


def _with_derived(
    keys: frozenset[str], parts: frozenset[str], body: tuple[ir.Statement, ...]
) -> tuple[frozenset[str], frozenset[str]]:
    """Variables of the loop that are read from the key: `session, _ = key`, `session = key.split(":")[0]`."""
    for statement in body:
        match statement:
            case ir.Assign(targets=(ir.Display() as target,), value=value) if reads_a_part(value, keys) or (
                isinstance(value, ir.Name) and value.id in keys
            ):
                parts |= {node.id for node in in_scope(target) if isinstance(node, ir.Name)}
            case ir.Assign(targets=(ir.Name(id=name),), value=value) if reads_a_part(value, keys):
                parts |= {name}
    return keys, parts


def tests_around(scan: Scan, eviction: Eviction, function: str) -> Iterator[tuple[ir.Expression, bool]]:
    """The `if` statements of the loop's body that decide whether the key is evicted, or collected for that."""
    site = next((place.at for place in (*eviction.stack, eviction.place) if place.function == function), None)
    for statement in scan.body:
        for node in in_scope(statement):
            if not isinstance(node, ir.If):
                continue
            goes_on = statement is node and bool(node.body) and isinstance(node.body[-1], ir.Continue)
            if _leads_on(node.body, site):
                yield node.test, True
            elif goes_on or _leads_on(node.otherwise, site):
                yield node.test, False


def _leads_on(body: tuple[ir.Statement, ...], site: Span | None) -> bool:
    """Whether the statements evict, or collect what is evicted later."""
    if site is not None and any(statement.at.contains(site) for statement in body):
        return True
    return any(
        isinstance(node, ir.Call)
        and isinstance(node.function, ir.Attribute)
        and node.function.name in ("append", "add")
        for statement in body
        for node in in_scope(statement)
    )


def reads_a_part(expression: ir.Expression | None, keys: frozenset[str]) -> bool:
    """`key[0]`, `key.session`, `key.split(":")[0]`, `key.partition(":")`."""
    is_part = False
    while True:
        match expression:
            case ir.Subscript(value=inner) | ir.Attribute(value=inner):
                expression, is_part = inner, True
            case ir.Call(function=ir.Attribute(value=inner, name=name)) if name in _SPLITTERS:
                expression, is_part = inner, True
            case ir.Name(id=name):
                return is_part and name in keys
            case _:
                return False
