"""How the code of a module uses each container, told without walking: which ones only ever grow.

Names stand for containers here: two attributes of one name in two classes are taken for one, so that whatever is
evicted anywhere under a name is evicted everywhere. A container that is handed to somebody else may be evicted there.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import COUNT, EVICTING_METHODS, INSERTING_METHODS, Kind, kind_of_value
from leaklint.ir_walk import children, in_scope, last_part
from leaklint.may_raise import SAFE_FUNCTIONS
from leaklint.model import Span
from leaklint.outline import Outline
from leaklint.routine import Routine
from leaklint.values import word

Parents: TypeAlias = tuple[msgspec.Struct, ...]
"""The structs around a node, innermost first."""


class Use(enum.Enum):
    """What a mention of a container does to it."""

    READ = "read"
    INSERT = "insert"
    EVICT = "evict"
    SWEEP = "sweep"
    """A loop takes entries out."""
    RESET = "reset"
    """All entries go at once."""
    CREATE = "create"
    """A new container takes its place."""
    ESCAPE = "escape"
    """It is handed to somebody else."""


SHUTDOWN_NAMES = frozenset(
    """
    aclose aexit clear close del destroy disconnect dispose exit init quit reset shutdown stop tear_down teardown
    terminate
    """.split()
)
_HOW_IT_ENDS = frozenset(["all", "async", "everything"])
READING_FUNCTIONS = SAFE_FUNCTIONS | {"deepcopy", "dump", "dumps", "max", "min", "next"}


def ends_a_life(function: str) -> bool:
    """Whether a method of this name ends the container's life or begins a new one, going by Python's protocols."""
    words = function.rpartition(".")[2].strip("_").split("_")
    return "_".join(word for word in words if word not in _HOW_IT_ENDS) in SHUTDOWN_NAMES


def growing(outline: Outline) -> frozenset[str]:
    """Names of the containers that routines insert into and nothing evicts from, but for the end of their life."""
    names = _containers(outline)
    made_at_once = _made_at_once(outline)
    filled_by_reading = _filled_by_reading(outline)
    used: dict[str, set[Use]] = {name: set() for name in names}
    created = dict.fromkeys(names, 0)
    around = _aliases_around(outline, names)
    for routine in outline.routines.values():
        is_end = ends_a_life(routine.function.name)
        for name, use in uses_of(routine, names, filled_by_reading, around.get(routine.name, _NONE)):
            created[name] += use is Use.CREATE
            is_last = is_end and use in (Use.INSERT, Use.RESET, Use.CREATE, Use.SWEEP)
            if not is_last and not (use is Use.RESET and routine.once(_is_a_life)):
                used[name].add(use)
    return frozenset(
        name
        for name, uses in used.items()
        if (Use.INSERT in uses or (name in filled_by_reading and Use.READ in uses))
        and uses.isdisjoint({Use.EVICT, Use.SWEEP, Use.RESET, Use.ESCAPE})
        # What creates a container that is created nowhere else begins its life: a `start()`, an `open()`.
        and (Use.CREATE not in uses or (created[name] == 1 and name not in made_at_once))
    )


def _is_a_life(routine: Routine) -> bool:
    """Whether the routine is a context manager around a group of tasks: what the tasks need is there until its end."""
    opened = (node.context for node in routine.nodes_of(ir.WithItem)) if routine.is_context_manager else ()
    return any(isinstance(one, ir.Call) and last_part(one.function) in TASK_GROUPS for one in opened)


def only_filled(outline: Outline, name: str) -> bool:
    """Whether the module's code never reads the container."""
    return _all_uses(outline, name).isdisjoint({Use.READ, Use.ESCAPE})


def keeps_its_entries(outline: Outline, name: str) -> bool:
    """Whether the module's code takes nothing out of the container and puts no other in its place."""
    return _all_uses(outline, name).isdisjoint({Use.EVICT, Use.SWEEP, Use.RESET})


def _all_uses(outline: Outline, name: str) -> set[Use]:
    names = frozenset([name])
    around = _aliases_around(outline, names)
    routines = outline.routines.values()
    return {use for routine in routines for _, use in uses_of(routine, names, around=around.get(routine.name, _NONE))}


def _made_at_once(outline: Outline) -> frozenset[str]:
    """Names that a class body or the module gives a value."""
    own = frozenset(map(word, outline.kinds))
    return own.union(*(blueprint.shared | blueprint.made_anew for blueprint in outline.classes.values()))


def _containers(outline: Outline) -> frozenset[str]:
    """Names that stand for mappings and sets in the module, and for nothing else."""
    said: dict[str, set[Kind]] = {}
    for kinds in (outline.kinds, *(blueprint.kinds for blueprint in outline.classes.values())):
        for name, kind in kinds.items():
            said.setdefault(word(name), set()).add(kind)
    return frozenset(name for name, kinds in said.items() if kinds <= {Kind.MAPPING, Kind.SET})


def _filled_by_reading(outline: Outline) -> frozenset[str]:
    """Names of the containers that get an entry when a missing key is read."""
    said = (outline.default_factories, *(blueprint.default_factories for blueprint in outline.classes.values()))
    return frozenset(word(name) for factories in said for name, made in factories.items() if made != COUNT)


_NONE: Mapping[str, str] = MappingProxyType({})


def _aliases_around(outline: Outline, names: frozenset[str]) -> dict[str, Mapping[str, str]]:
    """For each routine, the variables of functions around it that stand for a container: `cache = self._cache`.

    A routine stands behind the one that it is nested in.
    """
    outer = {routine.parent for routine in outline.routines.values()}
    inside: dict[str | None, dict[str, str]] = {}
    around: dict[str, Mapping[str, str]] = {}
    for name, routine in outline.routines.items():
        local = outline.local_names.get(name, frozenset()) if routine.parent in inside else frozenset()
        aliases = {word: named for word, named in inside.get(routine.parent, _NONE).items() if word not in local}
        if aliases:
            around[name] = aliases
        if name in outer:
            own = {} if routine.words.isdisjoint(names) else dict(_aliases_made(routine, names))
            if aliases or own:
                inside[name] = {**aliases, **own}
    return around


def _aliases_made(routine: Routine, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    for node in routine.nodes:
        match node:
            case ir.Assign(targets=(ir.Name(id=alias),), value=ir.Attribute(name=name) | ir.Name(id=name)) if (
                name in names
            ):
                yield alias, name


def uses_of(
    routine: Routine,
    names: frozenset[str],
    filled_by_reading: frozenset[str] = frozenset(),
    around: Mapping[str, str] = _NONE,
) -> Iterator[tuple[str, Use]]:
    """Each mention of one of the containers in the routine; a variable that stands for one is followed."""
    if routine.words.isdisjoint(names) and routine.words.isdisjoint(around):
        return
    aliases: dict[str, str] = dict(around)
    own = {parameter.name for parameter in routine.function.parameters}
    built: frozenset[str] | None = None
    for node, parents, in_loop in _with_parents(routine.function):
        name = _named(node, names, aliases, own)
        if name is None:
            continue
        replacement = _replacement(node, parents)
        if replacement is not None:
            built = _built_alone(routine, names) if built is None else built
            yield name, Use.CREATE if replacement in built else Use.READ
            continue
        alias = _alias(node, parents)
        if alias is not None:
            aliases[alias] = name
            yield name, Use.READ
        else:
            use = _use(node, parents)
            if use is Use.READ and name in filled_by_reading and isinstance(parents[0], ir.Subscript):
                use = Use.INSERT
            yield name, Use.SWEEP if use is Use.EVICT and in_loop else use


def _named(node: msgspec.Struct, names: frozenset[str], aliases: dict[str, str], own: set[str]) -> str | None:
    match node:
        case ir.Attribute(name=name) if name in names:
            return name
        case ir.Name(id=name) if name in aliases:
            return aliases[name]
        case ir.Name(id=name) if name in names and name not in own:
            return name
        case _:
            return None


def _with_parents(function: ir.Function) -> Iterator[tuple[msgspec.Struct, Parents, bool]]:
    """Everything in the routine in the order of the code, nested routines left out, and whether it is in a loop.

    What a loop goes over is evaluated once, before it.
    """
    pending: list[tuple[msgspec.Struct, Parents, bool]] = [(function, (), False)]
    while pending:
        node, parents, in_loop = pending.pop()
        yield node, parents, in_loop
        if node is function or not isinstance(node, ir.Define | ir.DefineClass | ir.Lambda):
            inner = (node, *parents[:2])
            repeats = in_loop or isinstance(node, ir.For | ir.While | ir.Clause | ir.Comprehension)
            once = _evaluated_once(node)
            inside = reversed(list(children(node)))
            pending.extend((child, inner, in_loop if child is once else repeats) for child in inside)


def _evaluated_once(node: msgspec.Struct) -> msgspec.Struct | None:
    """What of a loop stands before it: the iterable, of a comprehension that of its first clause."""
    match node:
        case ir.For(iterable=iterable) | ir.Clause(iterable=iterable):
            return iterable
        case ir.Comprehension(clauses=(first, *_)):
            return first
        case _:
            return None


def _alias(node: msgspec.Struct, parents: Parents) -> str | None:
    """The variable that gets the container: `cache = self._cache`, alone or in a chain."""
    match parents[0]:
        case ir.Assign(targets=(ir.Name(id=name),), value=value) if value is node:
            return name
        case ir.Walrus(target=ir.Name(id=name)):
            return name
        case _:
            return None


def _replacement(node: msgspec.Struct, parents: Parents) -> str | None:
    """The variable whose value takes the container's place: `self._cache = rebuilt`."""
    match parents[0]:
        case ir.Assign(targets=targets, value=ir.Name(id=name)) if any(target is node for target in targets):
            return name
        case _:
            return None


def _built_alone(routine: Routine, names: frozenset[str]) -> frozenset[str]:
    """Variables that hold nothing but a container which the routine begins without the entries of an old one."""
    given = {parameter.name for parameter in routine.function.parameters}
    assigned = [node for node in routine.nodes if isinstance(node, ir.Assign)]
    new: set[str] = set()
    other: set[str] = given | {*routine.function.global_names, *routine.function.nonlocal_names}
    for node in assigned:
        parts = in_scope(node.value) if node.value is not None else ()
        old = any(isinstance(part, ir.Attribute | ir.Name) and last_part(part) in names for part in parts)
        is_new = kind_of_value(node.value) in (Kind.MAPPING, Kind.SET) and not old
        (new if is_new else other).update(target.id for target in node.targets if isinstance(target, ir.Name))
    return frozenset(new - other)


def _use(node: msgspec.Struct, parents: Parents) -> Use:
    parent, outer = parents[0], parents[1] if len(parents) > 1 else None
    match parent:
        case ir.Subscript(value=value) if value is node:
            return _use_of_item(parent, outer)
        case ir.Attribute(value=value, name=method) if value is node:
            return _use_of_method(method)
        case ir.Assign(targets=targets, value=value) if any(target is node for target in targets):
            return Use.CREATE if _is_new(value) else Use.READ
        case ir.Augment(target=target, operator=operator) if target is node:
            return Use.INSERT if operator == "|" else Use.EVICT
        case ir.Delete():
            return Use.RESET
        case ir.Compare() | ir.For() | ir.Clause() | ir.If() | ir.While() | ir.Not() | ir.Evaluate() | ir.Template():
            return Use.READ
        case ir.Conditional(test=test) if test is node:
            return Use.READ
        case ir.Boolean():
            return Use.READ if isinstance(outer, ir.If | ir.While | ir.Not | ir.Assert) else Use.ESCAPE
        case ir.Assert() | ir.Starred():
            return Use.READ
        case ir.Pair(key=None):
            return Use.READ
        case ir.Argument():
            is_reading = isinstance(outer, ir.Call) and last_part(outer.function) in READING_FUNCTIONS
            return Use.READ if is_reading or parent.name in ("*", "**") else Use.ESCAPE
        case _:
            return Use.ESCAPE


def _is_new(value: ir.Expression | None) -> bool:
    """Whether the container that takes the place begins empty, or with a part of the old entries."""
    if isinstance(value, ir.Call):
        return kind_of_value(value) in (Kind.MAPPING, Kind.SET)
    return value is not None and not isinstance(value, ir.Name | ir.Attribute)


def looked_up(routine: Routine) -> list[Span]:
    """Where the routine takes an item out of a container only to look at it, as it does with all items of it.

    `self._cookies[key].items()`, and nowhere `self._cookies[key][name] = cookie`.
    """
    found: dict[str | None, list[Span | None]] = {}
    for node, parents, _ in _with_parents(routine.function):
        if isinstance(node, ir.Subscript):
            found.setdefault(last_part(node.value), []).append(node.at if _is_looked_at(node, parents[0]) else None)
    return [at for places in found.values() if None not in places for at in places if at is not None]


def _is_looked_at(item: ir.Subscript, parent: msgspec.Struct) -> bool:
    match parent:
        case ir.Attribute(name="items" | "values" | "keys" | "get" | "copy"):
            return True
        case ir.For(iterable=iterable) | ir.Clause(iterable=iterable):
            return iterable is item
        case _:
            return False


def asked_for_keys(routine: Routine) -> set[str | None]:
    """Names of what the routine asks whether a key is in it: `if key in self._done`."""
    return {
        last_part(node.right)
        for node in routine.nodes
        if isinstance(node, ir.Compare) and node.operator in ("in", "not in")
    }


def gone_through(routine: Routine) -> set[str | None]:
    """The words of all that the routine goes through in loops: `for run in self._runs.values()`."""
    iterables = [node.iterable for node in routine.nodes if isinstance(node, ir.For | ir.Clause)]
    return {last_part(node) for one in iterables for node in in_scope(one) if isinstance(node, ir.Attribute | ir.Name)}


def asked_for_truth(routine: Routine) -> list[Span]:
    """Where the routine takes an item out of a container only to ask whether it is empty: `while self._jobs[key]:`."""
    return [
        node.at
        for node, parents, _ in _with_parents(routine.function)
        if isinstance(node, ir.Subscript) and _is_test(node, parents)
    ]


def _is_test(node: msgspec.Struct, parents: Parents) -> bool:
    match parents[0]:
        case ir.Not():
            return _is_test(parents[0], parents[1:])
        case ir.If(test=test) | ir.While(test=test) | ir.Conditional(test=test):
            return test is node
        case _:
            return False


def _use_of_item(item: ir.Subscript, outer: msgspec.Struct | None) -> Use:
    match outer:
        case ir.Delete():
            return Use.EVICT
        case ir.Assign(targets=targets) if any(target is item for target in targets):
            return Use.INSERT
        case ir.Augment(target=target) | ir.WithItem(target=target) | ir.For(target=target) if target is item:
            return Use.INSERT
        case _:
            return Use.READ


def _use_of_method(method: str) -> Use:
    if method in ("clear", "__init__"):
        return Use.RESET
    if method in EVICTING_METHODS:
        return Use.EVICT
    return Use.INSERT if method in INSERTING_METHODS else Use.READ


TASK_GROUPS = frozenset(["Nursery", "TaskGroup", "create_task_group", "open_nursery"])
"""What holds the tasks of a group together."""


MAKES_THE_OBJECT = frozenset(["__init__", "__new__", "__post_init__"])
"""Methods that make an object: where a counter begins, and what is given once is given."""


def counters(outline: Outline) -> frozenset[str]:
    """Attributes and globals that some routine counts up by a number, and none sets back, so that it comes again."""
    routines = outline.routines.values()
    counted = {name for routine in routines for name in _counted_up(routine)}
    return frozenset(counted - {name for routine in routines for name in _set_back(routine)})


def _counted_up(routine: Routine) -> Iterator[str]:
    for node in routine.nodes:
        match node:
            case ir.Augment(target=target, operator="+", value=ir.Constant()):
                pass
            case ir.Assign(targets=(target,), value=ir.Binary(operator="+", left=left, right=ir.Constant())):
                # `number = self._number` and then `self._number = number + 1` count as well.
                if last_part(target) not in _read_into(routine, left):
                    continue
            case _:
                continue
        match target:
            case ir.Attribute(name=name):
                yield name
            case ir.Name(id=name) if name in routine.function.global_names:
                yield name


def _read_into(routine: Routine, read: ir.Expression) -> set[str | None]:
    """The attribute or variable that is read, and those that the variable has its only value from."""
    values = routine.values_of(read.id) if isinstance(read, ir.Name) else []
    return {last_part(read), *(last_part(value) for value in values if len(values) == 1)}


def _set_back(routine: Routine) -> Iterator[str]:
    """What a routine that does not make the object gives a number anew."""
    if routine.function.name in MAKES_THE_OBJECT:
        return
    for node in routine.nodes:
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Constant):
            for target in node.targets:
                if isinstance(target, ir.Attribute):
                    yield target.name
                elif isinstance(target, ir.Name) and target.id in routine.function.global_names:
                    yield target.id
