"""Keys made by `id()`: which of them name an object that may go, and memos whose entries keep theirs from going."""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.flow.events import Insertion
from leaklint.ir_walk import last_part
from leaklint.outline import Outline
from leaklint.routine import Routine
from leaklint.values import Allocated, Applied, ClassReference, Closure, Parameter, Value, last_name, within

DEFINED_ONCE = frozenset("callback cls endpoint fn func function handler klass method self".split())
"""What variables that hold classes and functions are called; there are as many of these as the program defines."""
_SAYS_NOTHING = frozenset(["Any", "object"])
_OF_DEFINITIONS = frozenset("type Type Callable FunctionType ModuleType".split())


def is_identity(value: Value) -> bool:
    """`id(x)` of an object that may go; classes and functions stay."""
    match value:
        case Applied(function="id", arguments=(ClassReference() | Closure(),)):
            return False
        case Applied(function="id", arguments=(Applied(function="type"),)):
            return False
        case Applied(function="id", arguments=(Parameter(annotation=str(annotation)),)) if not _is_vague(annotation):
            return annotation.rpartition(".")[2] not in _OF_DEFINITIONS
        case Applied(function="id", arguments=(argument,)):
            return last_name(argument) not in DEFINED_ONCE
        case _:
            return False


def _is_vague(annotation: str) -> bool:
    return annotation.rpartition(".")[2] in _SAYS_NOTHING


def is_memo_of_objects(outline: Outline, insertion: Insertion) -> bool:
    """Whether the entry is one that whoever has the object finds again, for it holds the object that it is named after.

    No other object can get that number, and how many there are is not told by `id()`.
    """
    named = [part.arguments[0] for part in within(insertion.key) if isinstance(part, Applied) and is_identity(part)]
    return bool(named) and insertion.is_made_when_missed and all(_holds(outline, insertion, part) for part in named)


def _holds(outline: Outline, insertion: Insertion, thing: Value) -> bool:
    if any(part == thing for part in within(insertion.value)):
        return True
    routine = outline.routines.get(insertion.place.function)
    if routine is None or not isinstance(insertion.value, Allocated):
        return False
    site = insertion.value.site
    making = (node for node in routine.nodes if isinstance(node, ir.Call) and node.at == site)
    return any(not _identified(routine).isdisjoint(_kept(outline, insertion.value, call)) for call in making)


def _identified(routine: Routine) -> set[str]:
    """Variables that the routine asks for the `id()` of."""
    return {
        argument.value.id
        for node in routine.nodes
        if isinstance(node, ir.Call) and last_part(node.function) == "id"
        for argument in node.arguments
        if isinstance(argument.value, ir.Name)
    }


def _kept(outline: Outline, made: Allocated, call: ir.Call) -> Iterator[str]:
    """The variables that the new object keeps in its attributes."""
    blueprint = outline.classes.get(made.class_name or "")
    if blueprint is None:
        return
    constructor = outline.routines.get(blueprint.methods.get("__init__", ""))
    stored = _stored(constructor) if constructor is not None else set()
    names = [parameter.name for parameter in constructor.function.parameters[1:]] if constructor is not None else []
    for number, argument in enumerate(call.arguments):
        parameter = argument.name or next(iter(names[number : number + 1]), None)
        if isinstance(argument.value, ir.Name) and (blueprint.is_plain_data or parameter in stored):
            yield argument.value.id


def _stored(constructor: Routine) -> set[str]:
    """The parameters that it assigns to attributes as they are."""
    return {
        node.value.id
        for node in constructor.nodes
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Name)
        for target in node.targets
        if isinstance(target, ir.Attribute)
    }
