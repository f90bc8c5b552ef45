"""LKL107 for keys made by `id()`: a weak mapping keyed by the objects themselves, whose entries go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.identities import is_identity
from leaklint.ir_walk import below
from leaklint.repairs.add_import import imported
from leaklint.repairs.changes import Change, RemoveStatement, ReplaceExpression
from leaklint.repairs.find import bound_by, owners_of, require_own
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.kept_objects import require_lets_go, require_weakly_referable
from leaklint.repairs.keyed_uses import Uses, uses_of
from leaklint.repairs.layout import text_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name
from leaklint.values import Applied, bare, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.repairs.keyed_uses import Scope, Use
    from leaklint.repairs.layout import Layout

NO_IDENTITY = "nothing in this code evicts such an entry; when it may go is for you to say"
MUST_BE_WEAK = (
    "the objects must be hashable, compare by identity and be weakly referable, and no value may hold its object"
)


class _Named(msgspec.Struct, frozen=True, eq=False):
    """The object that a key is the `id()` of, and the assignment that gives the key its name, if it has one."""

    use: Use
    thing: ir.Expression
    given: ir.Assign | None


def plans_for_a_fresh_key(intent: Intent) -> Iterator[Plan]:
    """Yield the one way, for keys made by `id()` alone."""
    layout, insertion = intent.layout, intent.report.story.insertion
    if not is_identity(insertion.key):
        raise RefusedError(_why_not(intent))
    require_own(intent.report.place.at)
    name = cache_name(insertion.cache)
    if name is None or intent.evidence.project_names(name):
        raise RefusedError("another file names the container too")
    if "id" in layout.names:
        raise RefusedError("`id` means something else in this file")
    uses = uses_of(layout, intent.evidence, insertion.cache)
    named = [_named(use) for use in uses.keyed]
    _require_objects_go(intent, named)
    weak, added = imported(layout, "weakref", "WeakKeyDictionary")
    changes = (*added, *_rebuilt(layout, uses, weak), *_keyed_by_the_object(layout, named))
    yield Plan(changes, MUST_BE_WEAK, makes_weak=True)


def _why_not(intent: Intent) -> str:
    if any(is_identity(part) for part in within(intent.report.story.insertion.key)):
        return "the key is more than the `id()` of one object, which a weak mapping cannot have"
    return NO_IDENTITY


def _named(use: Use) -> _Named:
    """What the key of a use is the `id()` of. Raises RefusedError if it is another key."""
    thing = _identified(use.key)
    if thing is not None:
        return _Named(use, thing, None)
    if isinstance(use.key, ir.Name) and isinstance(use.scope, ir.Function):
        name = use.key.id
        parameters = {parameter.name for parameter in use.scope.parameters}
        match [node for node in below(use.scope) if name in bound_by(node)]:
            case [ir.Assign(targets=(ir.Name(),), value=value) as given] if name not in parameters:
                thing = _identified(value)
                if thing is not None and name in locals_of(use.scope):
                    return _Named(use, thing, given)
    raise RefusedError(f"the key on line {use.key.at.line} is not the `id()` of an object")


def _identified(expression: ir.Expression | None) -> ir.Expression | None:
    match expression:
        case ir.Call(function=ir.Name(id="id"), arguments=(ir.Argument(value=thing, name=None),)):
            return thing
        case _:
            return None


def _require_objects_go(intent: Intent, named: list[_Named]) -> None:
    """Raise RefusedError where an entry may hold its object, or the object cannot be in a weak mapping."""
    outline, cache = intent.evidence.outline, intent.report.story.insertion.cache
    for one in named:
        if isinstance(one.use.scope, ir.Function):
            require_weakly_referable(outline, one.use.scope, one.thing)
        if one.use.value is not None:
            value = _as_built(one.use.scope, one.use.value)
            require_lets_go(intent.layout, outline, value, one.thing)
        _require_not_added(intent.layout, one)
    for _, insertion in intent.evidence.insertions.may_be(cache):
        parts = [part for part in within(insertion.key) if isinstance(part, Applied) and is_identity(part)]
        things = {bare(part.arguments[0]) for part in parts}
        if not things.isdisjoint(within(insertion.value)):
            raise RefusedError("the entry holds the object itself, which would then never go")


def _as_built(scope: Scope, value: ir.Expression) -> ir.Expression:
    """The value where it is built, if it only has a name where it is put in."""
    if not isinstance(value, ir.Name):
        return value
    built = [node for node in below(scope) if value.id in bound_by(node)]
    match built:
        case [ir.Assign(targets=(ir.Name(),), value=known)] if known is not None:
            return known
        case _:
            return value


def _require_not_added(layout: Layout, one: _Named) -> None:
    """Raise RefusedError where the object is put into the value of its entry: `cache[id(x)].append(x)`."""
    text = text_of(layout, one.thing.at)
    for node in below(one.use.scope):
        if isinstance(node, ir.Call) and node.function.at.contains(one.use.key.at):
            given = (inner for argument in node.arguments for inner in below(argument.value))
            if any(isinstance(inner, ir.Node) and text_of(layout, inner.at) == text for inner in given):
                raise RefusedError(f"line {node.at.line} puts the object into its own entry, and it would never go")


def _rebuilt(layout: Layout, uses: Uses, weak: str) -> Iterator[Change]:
    for statement in uses.built:
        line = layout.source.text.splitlines()[statement.at.end_line - 1]
        if "# type:" in line and "# type: ignore" not in line:
            raise RefusedError(f"the annotation on line {statement.at.line} says what keys there are")
        assert statement.value is not None
        yield ReplaceExpression(statement.value.at, f"{weak}()")


def _keyed_by_the_object(layout: Layout, named: list[_Named]) -> Iterator[Change]:
    """The object in place of each key; an assignment that only gave the key its name goes, or names the object."""
    renamed: dict[int, list[_Named]] = {}
    seen: set[int] = set()
    for one in named:
        if id(one.use.key) in seen:
            continue
        seen.add(id(one.use.key))
        if one.given is None:
            yield ReplaceExpression(one.use.key.at, _as_operand(layout, one.thing))
        else:
            renamed.setdefault(id(one.given), []).append(one)
    for group in renamed.values():
        yield from _without_the_name(layout, group)


def _without_the_name(layout: Layout, group: list[_Named]) -> Iterator[Change]:
    first = group[0]
    given, scope = first.given, first.use.scope
    assert given is not None
    assert given.value is not None
    assert isinstance(scope, ir.Function)
    assert isinstance(given.targets[0], ir.Name)
    name = given.targets[0].id
    reads = [node for node in below(scope) if isinstance(node, ir.Name) and node.id == name]
    is_key_only = len(reads) == len(group) + 1
    if _is_the_same_later(layout, scope, first.thing):
        text = text_of(layout, first.thing.at)
        yield from (ReplaceExpression(one.use.key.at, text) for one in group)
        if is_key_only:
            yield RemoveStatement(given)
    elif is_key_only:
        yield ReplaceExpression(given.value.at, text_of(layout, first.thing.at))
    else:
        raise RefusedError(f"`{name}` is more than a key of the container, and what it is made from has no name")


def _is_the_same_later(layout: Layout, scope: ir.Function, thing: ir.Expression) -> bool:
    """Whether an object goes by a name that means the same all through the function."""
    if not isinstance(thing, ir.Name):
        return False
    bound = [node for node in below(scope) if thing.id in bound_by(node)]
    if any(one.name == thing.id for one in scope.parameters):
        return not bound
    match bound:
        case [ir.Assign() as statement]:
            return not any(isinstance(owner, ir.For | ir.While) for owner, _ in owners_of(layout, statement))
        case _:
            return False


def _as_operand(layout: Layout, thing: ir.Expression) -> str:
    text = text_of(layout, thing.at)
    return text if isinstance(thing, ir.Name | ir.Attribute | ir.Call | ir.Subscript) else f"({text})"
