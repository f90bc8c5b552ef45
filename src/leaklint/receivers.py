"""What an expression may be an object of: the classes of the outline that a walk can find behind a dot.

A coarse points-to analysis of variables, whatever the order of the statements (Sundaresan et al., "Practical virtual
method call resolution for Java", 2000). It errs towards more: what is handed in without an annotation may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import Kind, kind_of_type
from leaklint.ir_walk import flattened
from leaklint.outline import Outline, class_named, resolve
from leaklint.routine import Routine

Classes: TypeAlias = "frozenset[str] | None"
"""The classes whose objects something may be; None where it may be one of any class."""

NONE: frozenset[str] = frozenset()

_PLAIN = (Kind.MAPPING, Kind.SET, Kind.SEQUENCE)
_NO_OBJECT = (
    ir.Constant | ir.Text | ir.Template | ir.Mapping | ir.Display | ir.Comprehension | ir.Compare | ir.Not | ir.Binary
)
_HANDS_ON = frozenset({"_replace", "cast", "copy", "get", "pop", "popitem", "popleft", "replace", "setdefault", "type"})
"""What gives back something that it was given, or that was kept in a container of the walk."""


class Variable(msgspec.Struct, frozen=True):
    """A variable of a routine."""

    classes: Classes
    """What its declaration says, or what cannot be seen may be."""
    given: tuple[ir.Expression, ...] = ()
    """What it is assigned."""


class Receivers(msgspec.Struct, frozen=True):
    """Where the attributes and variables of an outline get their values from."""

    outline: Outline
    words: frozenset[str]
    """The last words of all routines and classes."""
    stored: dict[str, list[tuple[Routine, ir.Expression]]]
    """Attributes to what they are given, each with the routine that it stands in."""
    fields: frozenset[str]
    """Attributes that a constructor may fill which nobody wrote: those of dataclasses and named tuples."""
    typed: dict[str, frozenset[str]]
    """Attributes to the classes that their declarations name."""
    bound: dict[str, dict[str, Variable]]
    """The variables of each routine that was asked about."""
    attributes: dict[str, Classes]
    """What was found out about attributes."""


def receivers(outline: Outline, words: Iterable[str]) -> Receivers:
    """Sort the assignments of an outline; `words` are the last words of what may be called."""
    stored: dict[str, list[tuple[Routine, ir.Expression]]] = {}
    for routine in outline.routines.values():
        for name, value in routine.once(_stored_by):
            stored.setdefault(name, []).append((routine, value))
    typed: dict[str, set[str]] = {}
    for blueprint in outline.classes.values():
        for name, written in blueprint.types.items():
            if written in outline.classes:
                typed.setdefault(name, set()).add(written)
    plain = {
        name
        for blueprint in outline.classes.values()
        if blueprint.is_plain_data
        for name in blueprint.fields
        if blueprint.kinds.get(name) not in _PLAIN
    }
    declared = {name: frozenset(classes) for name, classes in typed.items()}
    return Receivers(outline, frozenset(words), stored, frozenset(plain), declared, {}, {})


def classes_of(found: Receivers, expression: ir.Expression, routine: Routine) -> Classes:
    """The classes whose objects an expression in the code of a routine may give."""
    match expression:
        case ir.Name(id=name):
            return _of_name(found, name, routine)
        case ir.Attribute(value=value, name=name):
            return _of_attribute(found, value, name)
        case ir.Call(function=function):
            return _of_call(found, function, routine)
        case ir.Await(value=value) | ir.Walrus(value=value):
            return classes_of(found, value, routine)
        case ir.Conditional(then=then, otherwise=otherwise):
            return _joined(found, (then, otherwise), routine)
        case ir.Boolean(values=values):
            return _joined(found, values, routine)
        case _:
            return NONE if isinstance(expression, _NO_OBJECT) else None


def _joined(found: Receivers, options: Iterable[ir.Expression], routine: Routine) -> Classes:
    classes = NONE
    for option in options:
        more = classes_of(found, option, routine)
        if more is None:
            return None
        classes |= more
    return classes


def _of_name(found: Receivers, name: str, routine: Routine) -> Classes:
    """A variable of the routine, of the one around it, or of the module."""
    outline = found.outline
    variables = _variables(found, routine)
    if name in variables:
        variable = variables[name]
        if variable.classes is None:
            return None
        # A variable that is made from itself is what it was before.
        variables[name] = Variable(variable.classes)
        classes = _joined(found, variable.given, routine)
        variables[name] = variable
        return None if classes is None else classes | variable.classes
    if routine.parent is not None:
        return None
    target = resolve(outline, name, routine.name)
    if target in outline.classes:
        return frozenset([target])
    if target.endswith(":") or name in outline.imports:
        return None
    built = outline.types.get(target)
    return frozenset([built]) if built in outline.classes else NONE


def _of_attribute(found: Receivers, value: ir.Expression, name: str) -> Classes:
    if name in found.words or name in found.fields or _is_of_module(found, value):
        return None
    if name not in found.attributes:
        # Asked again meanwhile, it is taken for anything.
        found.attributes[name] = None
        classes: Classes = found.typed.get(name, NONE)
        for routine, given in found.stored.get(name, ()):
            more = classes_of(found, given, routine)
            classes = None if classes is None or more is None else classes | more
        found.attributes[name] = classes
    return found.attributes[name]


def _is_of_module(found: Receivers, value: ir.Expression) -> bool:
    """Whether an attribute is, or may be, looked up in a module."""
    while isinstance(value, ir.Attribute):
        value = value.value
    return isinstance(value, ir.Name) and (
        value.id in found.outline.imports
        or any(names.get(value.id, "").endswith(":") for names in found.outline.scopes.values())
    )


def _of_call(found: Receivers, function: ir.Expression, routine: Routine) -> Classes:
    match function:
        case ir.Name(id=name):
            target = resolve(found.outline, name, routine.name)
            if target in found.outline.classes and name not in _variables(found, routine):
                return frozenset([target])
        case ir.Attribute(name=name):
            pass
        case _:
            return None
    is_known = name in found.words or name in _HANDS_ON or name in _variables(found, routine)
    return None if is_known or (isinstance(function, ir.Name) and routine.parent is not None) else NONE


def _variables(found: Receivers, routine: Routine) -> dict[str, Variable]:
    if routine.name not in found.bound:
        variables = {name: Variable(classes) for name, classes in _parameters(found.outline, routine)}
        for name, value in routine.once(_bound_by):
            known = variables.get(name, Variable(NONE))
            if value is None or known.classes is None:
                variables[name] = Variable(None)
            else:
                variables[name] = Variable(known.classes, (*known.given, value))
        shared = (*routine.function.global_names, *routine.function.nonlocal_names)
        found.bound[routine.name] = variables | dict.fromkeys(shared, Variable(None))
    return found.bound[routine.name]


def _parameters(outline: Outline, routine: Routine) -> Iterator[tuple[str, Classes]]:
    """The parameters, each with the classes of what it may get."""
    for number, parameter in enumerate(routine.function.parameters):
        owner = class_named(outline, parameter.annotation, routine.name)
        is_plain = parameter.annotation is not None and kind_of_type(parameter.annotation) in _PLAIN
        if number == 0 and routine.takes_receiver and routine.class_name is not None:
            yield parameter.name, frozenset([routine.class_name])
        elif owner in outline.classes:
            yield parameter.name, frozenset([owner])
        else:
            yield parameter.name, NONE if is_plain or parameter.kind in ("star", "double-star") else None


def _bound_by(routine: Routine) -> list[tuple[str, ir.Expression | None]]:
    """Variables that a routine binds, each with its value if that stands there."""
    found: list[tuple[str, ir.Expression | None]] = []
    for assignment in routine.nodes_of(ir.Assign):
        for target in assignment.targets:
            if isinstance(target, ir.Name):
                found.append((target.id, assignment.value))
            else:
                found.extend(_taken_apart(target))
    found.extend((walrus.target.id, walrus.value) for walrus in routine.nodes_of(ir.Walrus))
    targets = [
        *(node.target for node in routine.nodes_of(ir.For)),
        *(node.target for node in routine.nodes_of(ir.Clause)),
        *(node.target for node in routine.nodes_of(ir.WithItem) if node.target is not None),
        *(node.target for node in routine.nodes_of(ir.Augment) if isinstance(node.target, ir.Name)),
    ]
    found.extend(name for target in targets for name in _taken_apart(target))
    names = [
        *(name for case in routine.nodes_of(ir.Case) for name in case.bound),
        *(node.bound for node in routine.nodes_of(ir.Import)),
        *(node.name for node in routine.nodes_of(ir.Handler) if node.name is not None),
        *(node.function.name for node in routine.nodes_of(ir.Define)),
        *(node.definition.name for node in routine.nodes_of(ir.DefineClass)),
    ]
    return [*found, *((name, None) for name in names)]


def _taken_apart(target: ir.Expression) -> Iterator[tuple[str, None]]:
    return ((inner.id, None) for inner in flattened(target) if isinstance(inner, ir.Name))


def _stored_by(routine: Routine) -> list[tuple[str, ir.Expression]]:
    """Attributes that a routine gives a value; a keyword names the field that it fills."""
    found: list[tuple[str, ir.Expression]] = []
    for assignment in routine.nodes_of(ir.Assign):
        for target in assignment.targets if assignment.value is not None else ():
            if isinstance(target, ir.Attribute) and assignment.value is not None:
                found.append((target.name, assignment.value))
            else:
                found.extend(_given_unseen(target))
    for call in routine.nodes_of(ir.Call):
        found.extend((argument.name, argument.value) for argument in call.arguments if argument.name is not None)
    for loop in routine.nodes_of(ir.For):
        found.extend(_given_unseen(loop.target))
    for item in routine.nodes_of(ir.WithItem):
        found.extend(_given_unseen(item.target) if item.target is not None else ())
    return found


def _given_unseen(target: ir.Expression) -> Iterator[tuple[str, ir.Expression]]:
    """The attributes in a target that takes something apart: what each of them gets is not known."""
    inner = (part for part in flattened(target) if isinstance(part, ir.Attribute))
    return ((attribute.name, ir.Opaque(attribute.at, ())) for attribute in inner)
