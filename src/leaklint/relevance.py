"""Which containers of a module a walk can learn anything about: those that are inserted into and evicted from.

Everything else in a module is of no interest to any rule, however often it is written to; most functions touch none of
these containers and are never walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS, Kind
from leaklint.ir_walk import flattened, last_part
from leaklint.model import Span
from leaklint.outline import Outline, Routine, renamed
from leaklint.values import word

ANY = "*"
"""A container that is reached through a variable of the function: a parameter, an alias of something else."""


Changes: TypeAlias = dict[str, tuple[frozenset[str], frozenset[str]]]
"""Of each routine the last words of the containers that it may insert into, and of those that it may evict from."""


def relevant_names(outline: Outline, changed: Changes) -> frozenset[str]:
    """Last words of the attributes and globals that may be both inserted into and evicted from."""
    inserted = {name for found, _ in changed.values() for name in found}
    evicted = {name for _, found in changed.values() for name in found}
    kinds = _kinds(outline)
    containers = {name for name in kinds if _is_container(kinds[name])}
    names = {name for name in inserted | evicted | containers if name != ANY}
    return frozenset(
        name
        for name in names
        if (name in inserted or ANY in inserted)
        and (name in evicted or ANY in evicted)
        and (name in inserted or name in evicted or name in containers)
        and not _is_ruled_out(kinds.get(name, []))
    )


def changes(outline: Outline) -> Changes:
    """What each routine may insert into and evict from."""
    known = frozenset(routine.function.name for routine in outline.routines.values())
    scopes = {name: _scope(routine, outline, known) for name, routine in outline.routines.items()}
    return {name: (frozenset(_inserted(scope)), frozenset(_evicted(scope))) for name, scope in scopes.items()}


def touching(outline: Outline, names: frozenset[str], callees: dict[str, set[str]]) -> frozenset[str]:
    """The routines that name one of the containers, or call one that does."""
    found = {name for name, routine in outline.routines.items() if _mentions(routine, names, renamed(outline, name))}
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


def _mentions(routine: Routine, names: frozenset[str], others: dict[str, str]) -> bool:
    return any(
        (isinstance(node, ir.Attribute) and node.name in names)
        or (isinstance(node, ir.Name) and others.get(node.id, node.id) in names)
        for node in routine.nodes
    )


def _kinds(outline: Outline) -> dict[str, list[Kind]]:
    """What is said of each attribute and variable, by its word."""
    found: dict[str, list[Kind]] = {}
    for blueprint in outline.classes.values():
        for name, kind in blueprint.kinds.items():
            found.setdefault(name, []).append(kind)
    for name, kind in outline.kinds.items():
        found.setdefault(word(name), []).append(kind)
    return found


def _is_container(kinds: list[Kind]) -> bool:
    return Kind.MAPPING in kinds or Kind.SET in kinds


def _is_ruled_out(kinds: list[Kind]) -> bool:
    return bool(kinds) and all(kind in (Kind.SEQUENCE, Kind.FOREIGN) for kind in kinds)


def _inserted(scope: Scope) -> Iterator[str]:
    for node in scope.nodes:
        match node:
            case ir.Attribute(value=receiver, name=method, at=at) if (
                method in INSERTING_METHODS and at not in scope.fixed
            ):
                yield from scope.names(receiver)
            case ir.Assign(targets=targets):
                for target in (inner for one in targets for inner in flattened(one)):
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
                    if isinstance(target, ir.Attribute) or (isinstance(target, ir.Name) and target.id not in scope.own):
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
    renamed: dict[str, str]
    """Imported variables that go by another name where they stand."""

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
            yield self.renamed.get(receiver.id, receiver.id)


def _scope(routine: Routine, outline: Outline, known: frozenset[str]) -> Scope:
    function = routine.function
    nodes = routine.nodes
    assigned = [node for node in nodes if isinstance(node, ir.Assign)]
    bound = _bound(nodes)
    parameters = {p.name for p in function.parameters if p.kind in ("positional", "keyword")}
    fresh = {t.id for s in assigned for t in s.targets if isinstance(t, ir.Name) and _is_new(s.value, known)}
    stale = {t.id for s in assigned for t in s.targets if isinstance(t, ir.Name) and not _is_new(s.value, known)}
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
        renamed=renamed(outline, routine.name),
    )


def _bound(nodes: tuple[msgspec.Struct, ...]) -> set[str]:
    """Variables that the statements bind."""
    targets: list[ir.Expression] = []
    names: set[str] = set()
    for node in nodes:
        match node:
            case ir.Case(bound=bound):
                names.update(bound)
            case ir.Assign(targets=given):
                targets.extend(given)
            case ir.For(target=target) | ir.Clause(target=target) | ir.Walrus(target=target):
                targets.append(target)
            case ir.WithItem(target=target) if target is not None:
                targets.append(target)
    return names.union(*map(_variables, targets))


def _variables(target: ir.Expression) -> set[str]:
    """Variables that a target binds; what `a[b]` and `a.b` change is none."""
    match target:
        case ir.Name(id=name):
            return {name}
        case ir.Display(items=items):
            return set().union(*map(_variables, items))
        case ir.Starred(value=value):
            return _variables(value)
        case _:
            return set()


def _is_new(value: ir.Expression | None, known: frozenset[str]) -> bool:
    """Whether the expression builds something of its own: no container from elsewhere hides behind it.

    `known` are the names of functions that may give one back.
    """
    match value:
        case ir.Mapping() | ir.Display() | ir.Comprehension() | ir.Text() | ir.Constant() | ir.Template() | ir.Binary():
            return True
        case ir.Call(function=function):
            name = last_part(function)
            return name not in known and name not in ("get", "setdefault", "pop", "getattr", "cast")
        case _:
            return False


def _is_fixed(index: ir.Expression) -> bool:
    return isinstance(index, ir.Text | ir.Constant)


def _has_default(name: str, outline: Outline) -> bool:
    in_classes = any(name in blueprint.default_factories for blueprint in outline.classes.values())
    return in_classes or name == ANY or any(word(other) == name for other in outline.default_factories)


def _receiver(call: ir.Call) -> ir.Expression:
    """What `self._by_session.setdefault(key, {})` and `.get(key, {})` give belongs to `self._by_session`."""
    match call.function:
        case ir.Attribute(value=value, name="setdefault" | "get"):
            return value
        case function:
            return ir.Opaque(function.at, ())
