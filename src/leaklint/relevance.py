"""Which containers of a module a walk can learn anything about: those that are inserted into and evicted from.

Everything else in a module is of no interest to any rule, however often it is written to; most functions touch none of
these containers and are never walked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS, Kind, default_factory, kind_of_value
from leaklint.ir_walk import flattened, last_part
from leaklint.model import Span
from leaklint.outline import Outline, renamed
from leaklint.routine import Routine
from leaklint.values import word

ANY = "*"
"""A container that is reached through a variable of the function: a parameter, an alias of something else."""


class Change(msgspec.Struct, frozen=True):
    """What a routine may do to containers, by their last words."""

    inserted: frozenset[str]
    evicted: frozenset[str]
    replaced: frozenset[str] = frozenset()
    """Gets what an unknown call gives in place of what it was: an eviction if it is a container at all."""


NOTHING = Change(frozenset(), frozenset())

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
    factories = {routine.parent for routine in outline.routines.values()} - {None}
    in_variables = [outline.routines[name].once(_made_by_reading) for name in factories if name is not None]
    in_classes = [one.default_factories for one in outline.classes.values()]
    making = frozenset({ANY}.union(map(word, outline.default_factories), *in_classes, *in_variables))
    return {name: _change(routine, outline, known, making) for name, routine in outline.routines.items()}


def _made_by_reading(routine: Routine) -> frozenset[str]:
    """Variables that functions inside may share, in which reading an entry makes one."""
    assigned = routine.nodes_of(ir.Assign)
    made = [one for one in assigned if default_factory(one.value) is not None]
    return frozenset(target.id for one in made for target in one.targets if isinstance(target, ir.Name))


def _change(routine: Routine, outline: Outline, known: frozenset[str], making: frozenset[str]) -> Change:
    touched = routine.once(_touched)
    if touched.is_empty:
        return NOTHING
    scope = _scope(routine, touched, outline, known, making)
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
    own = scope.own
    for method in own.inserting:
        if method.at not in scope.fixed:
            yield from scope.names(method.value)
    for target in own.set_entries:
        yield from scope.names(target.value)
    for statement in own.augmented:
        if statement.operator == "|":
            yield from scope.names(statement.target)
    for read in own.entries:
        yield from (name for name in scope.names(read.value) if name in scope.making)


def _evicted(scope: Scope) -> Iterator[str]:
    own = scope.own
    for method in own.evicting:
        if method.at not in scope.fixed:
            yield from scope.names(method.value)
    for target in own.deleted_entries:
        yield from scope.names(target.value)
    for statement in own.augmented:
        if statement.operator == "-":
            yield from scope.names(statement.target)
    for assignment in own.anew:
        if _is_emptied(assignment.value):
            yield from scope.shared(assignment)


def _replaced(scope: Scope) -> Iterator[str]:
    for assignment in scope.own.anew:
        if isinstance(assignment.value, ir.Call):
            yield from scope.shared(assignment)


def _is_emptied(value: ir.Expression | None) -> bool:
    """Whether a new container takes the place of an old one."""
    return kind_of_value(value) in (Kind.MAPPING, Kind.SET) or isinstance(value, ir.Display)


class Touched(msgspec.Struct, frozen=True):
    """What in one routine may change a container, whatever module it is looked at with."""

    inserting: tuple[ir.Attribute, ...]
    """Methods that may insert."""
    evicting: tuple[ir.Attribute, ...]
    set_entries: tuple[ir.Subscript, ...]
    """Targets of assignments and of `with`."""
    entries: tuple[ir.Subscript, ...]
    """All entries under a key that is no literal."""
    deleted_entries: tuple[ir.Subscript, ...]
    augmented: tuple[ir.Augment, ...]
    anew: tuple[ir.Assign, ...]
    """Assignments that may put a new container in the place of an old one: none in a constructor."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing does."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


def _touched(routine: Routine) -> Touched:
    attributes = routine.nodes_of(ir.Attribute)
    assignments = routine.nodes_of(ir.Assign)
    set_targets = [inner for one in assignments for target in one.targets for inner in flattened(target)]
    deleted = [target for one in routine.nodes_of(ir.Delete) for target in one.targets]
    items = [item.target for item in routine.nodes_of(ir.WithItem) if isinstance(item.target, ir.Subscript)]
    may_replace = () if routine.function.name == "__init__" else assignments
    return Touched(
        inserting=tuple(node for node in attributes if node.name in INSERTING_METHODS),
        evicting=tuple(node for node in attributes if node.name in EVICTING_METHODS),
        set_entries=(*_under_items(set_targets), *items),
        entries=tuple(_under_items(routine.nodes_of(ir.Subscript))),
        deleted_entries=tuple(_under_items(deleted)),
        augmented=tuple(node for node in routine.nodes_of(ir.Augment) if node.operator in ("|", "-")),
        anew=tuple(one for one in may_replace if isinstance(one.value, ir.Call) or _is_emptied(one.value)),
    )


def _under_items(expressions: Iterable[ir.Expression]) -> Iterator[ir.Subscript]:
    """The entries among them whose key is no literal."""
    return (one for one in expressions if isinstance(one, ir.Subscript) and not _is_fixed(one.index))


class Scope(msgspec.Struct, frozen=True):
    """One routine, as far as its containers are concerned."""

    own: Touched
    bound: frozenset[str]
    """Its parameters and variables."""
    aliases: frozenset[str]
    """Those of them that may stand for a container from elsewhere."""
    fixed: frozenset[Span]
    """Where methods stand that are called with a literal key: such keys are no items."""
    renamed: dict[str, str]
    """Imported variables that go by another name where they stand."""
    making: frozenset[str]
    """Last words of the containers in which reading an entry may make one."""

    def shared(self, assignment: ir.Assign) -> Iterator[str]:
        """The containers that an attribute or a variable from outside is set to."""
        for target in assignment.targets:
            if isinstance(target, ir.Attribute) or (isinstance(target, ir.Name) and target.id not in self.bound):
                yield from self.names(target)

    def names(self, receiver: ir.Expression) -> Iterator[str]:
        """The last word of the container, ANY for an alias, nothing for a variable that holds one of its own."""
        while isinstance(receiver, ir.Subscript | ir.Call):
            receiver = receiver.value if isinstance(receiver, ir.Subscript) else _receiver(receiver)
        if isinstance(receiver, ir.Attribute):
            yield receiver.name
        elif not isinstance(receiver, ir.Name) or receiver.id in self.aliases:
            yield ANY
        elif receiver.id not in self.bound:
            yield self.renamed.get(receiver.id, receiver.id)


def _scope(
    routine: Routine, touched: Touched, outline: Outline, known: frozenset[str], making: frozenset[str]
) -> Scope:
    function = routine.function
    variables = routine.once(_bound)
    parameters = {p.name for p in function.parameters if p.kind in ("positional", "keyword")}
    given = [(t.id, s.value) for s in routine.nodes_of(ir.Assign) for t in s.targets if isinstance(t, ir.Name)]
    stale = {name for name, value in given if not _is_new(value, known)}
    fresh = {name for name, value in given if _is_new(value, known)}
    shared = set(function.global_names) | set(function.nonlocal_names)
    own = (variables | {p.name for p in function.parameters}) - shared
    return Scope(
        own=touched,
        bound=frozenset(own),
        aliases=frozenset((own - (fresh - stale - parameters)) & (variables | parameters)),
        fixed=routine.once(_called_with_literals),
        renamed=renamed(outline, routine.name),
        making=making,
    )


def _called_with_literals(routine: Routine) -> frozenset[Span]:
    calls = (node for node in routine.nodes_of(ir.Call) if node.arguments and _is_fixed(node.arguments[0].value))
    return frozenset(node.function.at for node in calls)


def _bound(routine: Routine) -> frozenset[str]:
    """Variables that the statements bind."""
    targets: list[ir.Expression] = [target for node in routine.nodes_of(ir.Assign) for target in node.targets]
    targets += [node.target for node in routine.nodes_of(ir.For)]
    targets += [node.target for node in routine.nodes_of(ir.Clause)]
    targets += [node.target for node in routine.nodes_of(ir.Walrus)]
    targets += [node.target for node in routine.nodes_of(ir.WithItem) if node.target is not None]
    names = frozenset(name for node in routine.nodes_of(ir.Case) for name in node.bound)
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


def _receiver(call: ir.Call) -> ir.Expression:
    """What `self._by_session.setdefault(key, {})` and `.get(key, {})` give belongs to `self._by_session`."""
    match call.function:
        case ir.Attribute(value=value, name="setdefault" | "get"):
            return value
        case function:
            return ir.Opaque(function.at, ())
