"""Which containers of a module a walk can learn anything about: those that are inserted into and evicted from.

Everything else in a module is of no interest to any rule, however often it is written to; most functions touch none of
these containers and are never walked.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS, Kind
from leaklint.ir_walk import in_scope, last_part
from leaklint.model import Span
from leaklint.outline import Outline, Routine

ANY = "*"
"""A container that is reached through a variable of the function: a parameter, an alias of something else."""


def relevant_names(outline: Outline) -> frozenset[str]:
    """Last words of the attributes and globals that may be both inserted into and evicted from."""
    inserted: set[str] = set()
    evicted: set[str] = set()
    for routine in outline.routines.values():
        scope = _scope(routine, outline)
        inserted.update(_inserted(scope))
        evicted.update(_evicted(scope))
    names = {name for name in inserted | evicted | _containers(outline) if name != ANY}
    return frozenset(
        name
        for name in names
        if (name in inserted or ANY in inserted)
        and (name in evicted or ANY in evicted)
        and (name in inserted or name in evicted or _is_container(name, outline))
        and not _is_ruled_out(name, outline)
    )


def touching(outline: Outline, names: frozenset[str], callees: dict[str, set[str]]) -> frozenset[str]:
    """The routines that name one of the containers, or call one that does."""
    found = {name for name, routine in outline.routines.items() if _mentions(routine, names)}
    callers: dict[str, set[str]] = {}
    for name, called in callees.items():
        for callee in called:
            callers.setdefault(callee, set()).add(name)
    pending = list(found)
    while pending:
        for caller in callers.get(pending.pop(), ()):
            if caller not in found:
                found.add(caller)
                pending.append(caller)
    return frozenset(found)


def _mentions(routine: Routine, names: frozenset[str]) -> bool:
    return any(
        (isinstance(node, ir.Attribute) and node.name in names) or (isinstance(node, ir.Name) and node.id in names)
        for node in in_scope(routine.function)
    )


def _kinds_of(name: str, outline: Outline) -> list[Kind]:
    kinds = [blueprint.kinds[name] for blueprint in outline.classes.values() if name in blueprint.kinds]
    return [*kinds, outline.kinds[name]] if name in outline.kinds else kinds


def _is_container(name: str, outline: Outline) -> bool:
    return any(kind in (Kind.MAPPING, Kind.SET) for kind in _kinds_of(name, outline))


def _is_ruled_out(name: str, outline: Outline) -> bool:
    kinds = _kinds_of(name, outline)
    return bool(kinds) and all(kind in (Kind.SEQUENCE, Kind.FOREIGN) for kind in kinds)


def _containers(outline: Outline) -> set[str]:
    in_classes = {name for blueprint in outline.classes.values() for name in blueprint.kinds}
    return {name for name in in_classes | set(outline.kinds) if _is_container(name, outline)}


def _inserted(scope: Scope) -> Iterator[str]:
    for node in scope.nodes:
        match node:
            case ir.Attribute(value=receiver, name=method, at=at) if (
                method in INSERTING_METHODS and at not in scope.fixed
            ):
                yield from scope.names(receiver)
            case ir.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ir.Subscript) and not _is_fixed(target.index):
                        yield from scope.names(target.value)
            case ir.Augment(target=target, operator="|"):
                yield from scope.names(target)
            case ir.WithItem(target=ir.Subscript(value=receiver)):
                yield from scope.names(receiver)
            case ir.Subscript(value=receiver, index=index) if not _is_fixed(index):
                yield from (name for name in scope.names(receiver) if _has_default(name, scope.outline))


def _evicted(scope: Scope) -> Iterator[str]:
    for node in scope.nodes:
        match node:
            case ir.Attribute(value=receiver, name=method, at=at) if (
                method in EVICTING_METHODS and at not in scope.fixed
            ):
                yield from scope.names(receiver)
            case ir.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ir.Subscript) and not _is_fixed(target.index):
                        yield from scope.names(target.value)
            case ir.Augment(target=target, operator="-"):
                yield from scope.names(target)
            case ir.Assign(targets=targets, value=ir.Mapping() | ir.Display() | ir.Call()) if not scope.is_constructor:
                for target in targets:
                    if isinstance(target, ir.Attribute) or (
                        isinstance(target, ir.Name) and target.id in scope.outline.kinds
                    ):
                        yield from scope.names(target)


class Scope(msgspec.Struct, frozen=True):
    """One routine, as far as its containers are concerned."""

    outline: Outline
    nodes: tuple[msgspec.Struct, ...]
    is_constructor: bool
    own: frozenset[str]
    """Its parameters and variables."""
    aliases: frozenset[str]
    """Those of them that may stand for a container from elsewhere."""
    fixed: frozenset[Span]
    """Where methods stand that are called with a literal key: such keys are no items."""

    def calls(self, method: str, at: Span, methods: frozenset[str]) -> bool:
        """Whether the attribute is one of the methods, and not called with a literal key."""
        return method in methods and at not in self.fixed

    def names(self, receiver: ir.Expression) -> Iterator[str]:
        """The last word of the container, ANY for an alias, nothing for a variable that holds one of its own."""
        while isinstance(receiver, ir.Subscript | ir.Call):
            receiver = receiver.value if isinstance(receiver, ir.Subscript) else _receiver(receiver)
        if isinstance(receiver, ir.Attribute):
            yield receiver.name
        elif not isinstance(receiver, ir.Name) or receiver.id in self.aliases:
            yield ANY
        elif receiver.id not in self.own:
            yield receiver.id


def _scope(routine: Routine, outline: Outline) -> Scope:
    function = routine.function
    nodes = tuple(in_scope(function))
    assigned = [node for node in nodes if isinstance(node, ir.Assign)]
    bound = _bound(nodes)
    parameters = {p.name for p in function.parameters if p.kind in ("positional", "keyword")}
    fresh = {t.id for s in assigned for t in s.targets if isinstance(t, ir.Name) and _is_new(s.value, outline)}
    stale = {t.id for s in assigned for t in s.targets if isinstance(t, ir.Name) and not _is_new(s.value, outline)}
    shared = set(function.global_names) | set(function.nonlocal_names)
    own = (bound | parameters | {p.name for p in function.parameters}) - shared
    return Scope(
        outline=outline,
        nodes=nodes,
        is_constructor=function.name == "__init__",
        own=frozenset(own),
        aliases=frozenset((own - (fresh - stale - parameters)) & (bound | parameters)),
        fixed=frozenset(
            node.function.at
            for node in nodes
            if isinstance(node, ir.Call) and node.arguments and _is_fixed(node.arguments[0].value)
        ),
    )


def _bound(nodes: tuple[msgspec.Struct, ...]) -> set[str]:
    """Variables that the statements bind."""
    targets: list[ir.Expression] = []
    for node in nodes:
        match node:
            case ir.Assign(targets=given):
                targets.extend(given)
            case ir.For(target=target) | ir.Clause(target=target) | ir.Walrus(target=target):
                targets.append(target)
            case ir.WithItem(target=target) if target is not None:
                targets.append(target)
    return {inner.id for target in targets for inner in in_scope(target) if isinstance(inner, ir.Name)}


def _is_new(value: ir.Expression | None, outline: Outline) -> bool:
    """Whether the expression builds something of its own: no container from elsewhere hides behind it."""
    match value:
        case ir.Mapping() | ir.Display() | ir.Comprehension() | ir.Text() | ir.Constant() | ir.Template() | ir.Binary():
            return True
        case ir.Call(function=function):
            name = last_part(function)
            known = {routine.function.name for routine in outline.routines.values()}
            return name not in known and name not in ("get", "setdefault", "pop", "getattr", "cast")
        case _:
            return False


def _is_fixed(index: ir.Expression) -> bool:
    return isinstance(index, ir.Text | ir.Constant)


def _has_default(name: str, outline: Outline) -> bool:
    in_classes = any(name in blueprint.default_factories for blueprint in outline.classes.values())
    return in_classes or name in outline.default_factories or name == ANY


def _receiver(call: ir.Call) -> ir.Expression:
    """What `self._by_session.setdefault(key, {})` and `.get(key, {})` give belongs to `self._by_session`."""
    match call.function:
        case ir.Attribute(value=value, name="setdefault" | "get"):
            return value
        case function:
            return ir.Opaque(function.at, ())
