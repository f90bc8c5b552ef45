"""A module as others link to it: its definitions by name, and what each of them uses, told apart by what it is for."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.bounds import bounded_containers
from leaklint.containers import Kind
from leaklint.declared import annotated_class
from leaklint.ir_walk import below, dotted, in_scope, last_part
from leaklint.outline import Blueprint, Outline, outline
from leaklint.routine import Routine
from leaklint.values import word


class Definition(msgspec.Struct, frozen=True, eq=False):
    """A top-level function, class or variable with all that belongs to it; what it uses is written as in the code."""

    routines: tuple[Routine, ...]
    classes: tuple[Blueprint, ...]
    bases: tuple[str, ...]
    uses: tuple[str, ...]
    """What is called, decorates, is handed over, or is looked into: it may do something to a key or a container."""
    types: tuple[tuple[str, str], ...]
    """Attributes and variables, each with the class that it is an object of."""
    siblings: tuple[str, ...] = ()
    """Of a variable, the other definitions of the module that name it."""


class Unit(msgspec.Struct, frozen=True, eq=False):
    """A module; `prefix` stands before the names of what it defines."""

    label: str
    prefix: str
    outline: Outline
    imports: dict[str, ir.Import]
    stars: tuple[ir.Import, ...]
    bounded: frozenset[tuple[str | None, str]]
    receivers: frozenset[str]
    """Attributes and variables that a method is called on."""
    parts: dict[str, list[Routine]]
    """The routines of each top-level definition."""
    definitions: dict[str, Definition]
    """Those that were asked for."""

    @property
    def names(self) -> Iterator[str]:
        """What the module itself defines, at its top."""
        found = self.outline
        own = dict.fromkeys(_top(name) for name in (*found.routines, *found.classes, *found.kinds))
        return iter(own)


def unit(label: str, prefix: str, module: ir.Module, found: Outline | None = None) -> Unit:
    """Take a module up; `found` is its outline if that is known and the prefix is empty."""
    plain = found if found is not None else outline(module)
    nodes = [node for node in below(module) if isinstance(node, ir.Import | ir.Call)]
    imports = [node for node in nodes if isinstance(node, ir.Import)]
    parts: dict[str, list[Routine]] = {}
    own = labelled(plain, prefix)
    for routine in own.routines.values():
        parts.setdefault(_top(routine.name), []).append(routine)
    return Unit(
        label=label,
        prefix=prefix,
        outline=own,
        imports={node.bound: node for node in imports if node.name != "*"},
        stars=tuple(node for node in imports if node.name == "*"),
        bounded=frozenset((owner and prefix + owner, name) for owner, name in bounded_containers(module)),
        receivers=frozenset(name for node in nodes if (name := _receiver(node)) is not None),
        parts=parts,
        definitions={},
    )


def _receiver(node: msgspec.Struct) -> str | None:
    match node:
        case ir.Call(function=ir.Attribute(value=value)):
            return last_part(value)
        case _:
            return None


def _top(name: str) -> str:
    return word(name).partition("@")[0].partition(".")[0]


def labelled(found: Outline, prefix: str) -> Outline:
    """The outline under names that tell the module."""
    if not prefix:
        return found
    return Outline(
        path=found.path,
        routines={prefix + name: _labelled_routine(routine, prefix) for name, routine in found.routines.items()},
        classes={prefix + name: _labelled_class(blueprint, prefix) for name, blueprint in found.classes.items()},
        names_at={at: prefix + name for at, name in found.names_at.items()},
        kinds={prefix + name: kind for name, kind in found.kinds.items()},
        types={prefix + name: written for name, written in found.types.items()},
        default_factories={prefix + name: factory for name, factory in found.default_factories.items()},
        local_names={prefix + name: names for name, names in found.local_names.items()},
        imports=found.imports,
        discarding=found.discarding,
    )


def _labelled_routine(routine: Routine, prefix: str) -> Routine:
    return Routine(
        prefix + routine.name,
        routine.function,
        prefix + routine.class_name if routine.class_name is not None else None,
        prefix + routine.parent if routine.parent is not None else None,
        routine.nodes,
    )


def _labelled_class(blueprint: Blueprint, prefix: str) -> Blueprint:
    methods = {name: prefix + routine for name, routine in blueprint.methods.items()}
    return msgspec.structs.replace(blueprint, name=prefix + blueprint.name, methods=methods)


def definition(one: Unit, name: str) -> Definition:
    """What a top-level name of the module stands for."""
    if name not in one.definitions:
        one.definitions[name] = _definition(one, name)
    return one.definitions[name]


def everything(one: Unit) -> Definition:
    """The whole module as one definition."""
    found = one.outline
    return _defined(one, tuple(found.routines.values()), tuple(found.classes.values()), dict(found.types))


def _definition(one: Unit, name: str) -> Definition:
    full = one.prefix + name
    routines = tuple(one.parts.get(name, ()))
    classes = tuple(
        blueprint
        for other, blueprint in one.outline.classes.items()
        if other == full or other.startswith((f"{full}.", f"{full}@"))
    )
    types = {name: one.outline.types[full]} if full in one.outline.types else {}
    made = _defined(one, routines, classes, types)
    if one.outline.kinds.get(full, Kind.FOREIGN) in (Kind.FOREIGN, Kind.SEQUENCE) or routines:
        return made
    return msgspec.structs.replace(made, siblings=tuple(_naming(one, name)))


def _defined(
    one: Unit, routines: tuple[Routine, ...], classes: tuple[Blueprint, ...], types: dict[str, str]
) -> Definition:
    attributes = [(name, written) for blueprint in classes for name, written in blueprint.types.items()]
    return Definition(
        routines=routines,
        classes=classes,
        bases=tuple(dict.fromkeys(base for blueprint in classes for base in blueprint.bases)),
        uses=tuple(dict.fromkeys(use for routine in routines for use in _uses(routine))),
        types=tuple(dict.fromkeys((*types.items(), *attributes))),
    )


def _naming(one: Unit, name: str) -> Iterator[str]:
    """The definitions of the module that name a variable of it."""
    for other, routines in one.parts.items():
        nodes = (node for routine in routines for node in routine.nodes)
        if any(isinstance(node, ir.Name) and node.id == name for node in nodes):
            yield other


def _uses(routine: Routine) -> Iterator[str]:
    function = routine.function
    for decorator in function.decorators:
        yield from _written(decorator.function if isinstance(decorator, ir.Call) else decorator)
    called_on = set()
    for statement in function.body:
        for node in in_scope(statement):
            receiver = _receiver(node)
            if receiver is not None:
                called_on.add(receiver)
            yield from _used_by(node)
    for parameter in function.parameters:
        written = annotated_class(parameter.annotation) if parameter.name in called_on else None
        if written is not None:
            yield written


def _used_by(node: msgspec.Struct) -> Iterator[str]:
    match node:
        case ir.Call(function=function, arguments=arguments):
            yield from _written(function)
            for argument in arguments:
                # A constant does nothing to a key.
                yield from (use for use in _written(argument.value) if not use.rpartition(".")[2].isupper())
        case ir.Subscript(value=value) | ir.Assign(value=value) | ir.For(iterable=value) | ir.WithItem(context=value):
            yield from _written(value)
        case ir.Raise(exception=exception):
            yield from _written(exception)
        case ir.Handler(caught=caught):
            for one in caught.items if isinstance(caught, ir.Display) else (caught,):
                yield from _written(one)
        case ir.Compare(right=right):
            yield from _written(right) if isinstance(right, ir.Attribute) else ()


def _written(expression: ir.Expression | None) -> Iterator[str]:
    name = dotted(expression)
    if name is not None:
        yield name
