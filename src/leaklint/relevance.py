"""Which containers of a module a walk can learn anything about: those that are inserted into and evicted from.

Everything else in a module is of no interest to any rule, however often it is written to; most functions touch none of
these containers and are never walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS, Kind, kind_of_value
from leaklint.ir_walk import flattened, last_part
from leaklint.model import Span
from leaklint.outline import Outline, Routine, renamed
from leaklint.values import word

ANY = "*"
"""A container that is reached through a variable of the function: a parameter, an alias of something else."""


class Change(msgspec.Struct, frozen=True):
    """What a routine may do to containers, by their last words."""

    inserted: frozenset[str]
    evicted: frozenset[str]
    replaced: frozenset[str] = frozenset()
    """Gets what an unknown call gives in place of what it was: an eviction if it is a container at all."""


Changes: TypeAlias = dict[str, Change]
"""What each routine may do."""


def relevant_names(outline: Outline, changed: Changes) -> frozenset[str]:
    """Last words of the attributes and globals that may be both inserted into and evicted from."""
    inserted = {name for change in changed.values() for name in change.inserted}
    evicted = {name for change in changed.values() for name in change.evicted}
    replaced = {name for change in changed.values() for name in change.replaced}
    kinds = _kinds(outline)
    containers = known_containers(outline)
    aliased = _aliased(outline, changed)
    inserted |= aliased & (containers | evicted) if ANY in inserted else set()
    evicted |= replaced & (inserted | containers)
    evicted |= aliased | _beside_aliases(outline, changed) if ANY in evicted else set()
    return frozenset(name for name in (inserted & evicted) - {ANY} if not _is_ruled_out(kinds.get(name, [])))


def changes(outline: Outline) -> Changes:
    """What each routine may insert into and evict from."""
    known = frozenset(routine.function.name for routine in outline.routines.values())
    return {name: _change(_scope(routine, outline, known)) for name, routine in outline.routines.items()}


def _change(scope: Scope) -> Change:
    return Change(frozenset(_inserted(scope)), frozenset(_evicted(scope)), frozenset(_replaced(scope)))


def _aliased(outline: Outline, changed: Changes) -> set[str]:
    """Words of the containers that may be inserted into under another name.

    They are given one where something is inserted under such a name, passed to a function that inserts into its
    parameter, kept in an attribute too, or returned.
    """
    aliasing = {name for name, change in changed.items() if ANY in change.inserted}
    into_parameters = _into_parameters(outline, changed)
    found: set[str | None] = set()
    for name, routine in outline.routines.items():
        others = renamed(outline, name)
        given = [value for node in routine.nodes for value in _given(node, into_parameters, is_beside=name in aliasing)]
        words = {last_part(value) for value in given}
        found |= words - others.keys() | {others[other] for other in words & others.keys() if other is not None}
    return {name for name in found if name is not None}


def _into_parameters(outline: Outline, changed: Changes) -> set[str]:
    """The words by which functions are called that insert into something without a name of its own."""
    aliasing = {name for name, change in changed.items() if ANY in change.inserted}
    classes = {word(outline.routines[name].class_name or "").rpartition(".")[2] for name in aliasing}
    return classes | {outline.routines[name].function.name for name in aliasing}


def _given(node: msgspec.Struct, into_parameters: set[str], *, is_beside: bool) -> Iterator[ir.Expression]:
    """What the node gives another name, as it is; what is returned, also as the container of the entry."""
    match node:
        case ir.Return(value=value) | ir.Yield(value=value) if value is not None:
            yield container_of(value)
        case ir.Assign(targets=targets, value=value) if value is not None:
            if is_beside or any(isinstance(target, ir.Attribute) for target in targets):
                yield value
        case ir.Call(function=function, arguments=arguments):
            if last_part(function) in into_parameters:
                yield from (argument.value for argument in arguments)
        case ir.Walrus(value=value) | ir.WithItem(context=value) | ir.Starred(value=value) if is_beside:
            yield value
        case ir.For(iterable=value) | ir.Clause(iterable=value) if is_beside:
            yield value
        case ir.Display(items=items) | ir.Boolean(values=items) if is_beside:
            yield from items
        case ir.Mapping(pairs=pairs) if is_beside:
            yield from (pair.value for pair in pairs)
        case ir.Conditional(then=then, otherwise=otherwise) if is_beside:
            yield from (then, otherwise)


def container_of(value: ir.Expression) -> ir.Expression:
    """The container that an entry is read from; all else is itself."""
    while isinstance(value, ir.Subscript | ir.Call):
        value = value.value if isinstance(value, ir.Subscript) else _receiver(value)
    return value


def _beside_aliases(outline: Outline, changed: Changes) -> set[str]:
    """Words that stand where something is evicted from a variable, which may be an entry of theirs."""
    return {
        name
        for routine, change in changed.items()
        if ANY in change.evicted
        for name in _words(outline.routines[routine], renamed(outline, routine))
    }


def _words(routine: Routine, others: dict[str, str]) -> Iterator[str]:
    for node in routine.nodes:
        if isinstance(node, ir.Attribute):
            yield node.name
        elif isinstance(node, ir.Name):
            yield others.get(node.id, node.id)


def known_containers(outline: Outline) -> frozenset[str]:
    """Last words of the attributes and globals that something says to be mappings or sets."""
    kinds = _kinds(outline)
    return frozenset(name for name in kinds if _is_container(kinds[name]))


def ruled_out(outline: Outline) -> frozenset[str]:
    """Last words of those that are said to be something else wherever something is said of them."""
    kinds = _kinds(outline)
    return frozenset(name for name in kinds if _is_ruled_out(kinds[name]))


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
            case ir.Assign(targets=targets, value=value) if not scope.is_constructor and _is_emptied(value):
                for target in targets:
                    if scope.is_shared(target):
                        yield from scope.names(target)


def _replaced(scope: Scope) -> Iterator[str]:
    for node in scope.nodes:
        match node:
            case ir.Assign(targets=targets, value=ir.Call()) if not scope.is_constructor:
                for target in targets:
                    if scope.is_shared(target):
                        yield from scope.names(target)


def _is_emptied(value: ir.Expression | None) -> bool:
    """Whether a new container takes the place of an old one."""
    return kind_of_value(value) in (Kind.MAPPING, Kind.SET) or isinstance(value, ir.Display)


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

    def is_shared(self, target: ir.Expression) -> bool:
        """Whether an attribute or a variable from outside is set."""
        return isinstance(target, ir.Attribute) or (isinstance(target, ir.Name) and target.id not in self.own)

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
