"""Whether the value of an entry may hold the object that its key is made from: a weak mapping keeps both for good then.

Also what is known of the object itself: some can be in no weak mapping, or are in it under what they are equal to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, children, dotted, last_part
from leaklint.outline import ancestry
from leaklint.repairs.layout import text_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    import msgspec

    from leaklint.outline import Outline
    from leaklint.repairs.layout import Layout

_TELLS_ONLY = frozenset("bool float format hash id int isinstance len repr str type".split())
_NOT_WEAK = frozenset(
    "bool bytearray bytes complex dict float frozenset int list None object set str tuple Dict FrozenSet List Optional "
    "Mapping Sequence Set Tuple Union MutableMapping MutableSequence MutableSet Iterable".split()
)


def require_lets_go(layout: Layout, outline: Outline, value: ir.Expression, thing: ir.Expression) -> None:
    """Raise RefusedError if the value may hold the object."""
    if not _lets_go(layout, outline, value, text_of(layout, thing.at)):
        raise RefusedError(
            f"what is put in on line {value.at.line} may hold the object itself, which would then never go"
        )


def require_weakly_referable(outline: Outline, function: ir.Function, thing: ir.Expression) -> None:
    """Raise RefusedError if the object is of a kind that no weak mapping takes, or that is found by what it equals."""
    if not isinstance(thing, ir.Name):
        return
    parameter = next((one for one in function.parameters if one.name == thing.id), None)
    if parameter is None:
        return
    if isinstance(parameter.default, ir.Constant):
        raise RefusedError(f"`{thing.id}` may be None, of which there is no weak reference")
    kind = last_part(parameter.annotation)
    if thing.id == "self":
        kind = function.qualified_name.partition(".<locals>")[0].rpartition(".")[0]
    if kind is None:
        return
    if kind in _NOT_WEAK or isinstance(parameter.annotation, ir.Binary):
        raise RefusedError(f"the annotation of `{thing.id}` allows objects that no weak mapping takes as keys")
    for blueprint in ancestry(outline, kind):
        if blueprint.is_plain_data or {"__eq__", "__hash__", "__slots__"} & {*blueprint.methods, *blueprint.attributes}:
            raise RefusedError(f"objects of `{kind}` are compared by what they hold, or cannot be weakly referred to")


def _lets_go(layout: Layout, outline: Outline, value: msgspec.Struct, thing: str) -> bool:
    match value:
        case ir.Attribute(value=inner) if text_of(layout, inner.at) == thing:
            return True
        case ir.Node() if text_of(layout, value.at) == thing:
            return False
        case ir.Call(function=ir.Name(id=name)) if name in _TELLS_ONLY and name not in layout.names:
            return True
        case ir.Call(function=ir.Attribute(value=inner)) if (dotted(inner) or "").partition(".")[0] == thing:
            return False
        case ir.Call(function=function, arguments=arguments):
            given = [(number, one) for number, one in enumerate(arguments) if text_of(layout, one.value.at) == thing]
            others = [one.value for one in arguments if text_of(layout, one.value.at) != thing]
            reads = all(_only_reads(outline, function, number, one) for number, one in given)
            return reads and all(_lets_go(layout, outline, one, thing) for one in (function, *others))
        case _:
            return all(_lets_go(layout, outline, one, thing) for one in children(value))


def _only_reads(outline: Outline, function: ir.Expression, number: int, argument: ir.Argument) -> bool:
    """Whether what is called is a class of the module whose constructor only reads attributes of the argument."""
    blueprint = outline.classes.get(function.id) if isinstance(function, ir.Name) else None
    constructor = outline.routines.get(blueprint.methods.get("__init__", "")) if blueprint is not None else None
    if constructor is None:
        return False
    names = [parameter.name for parameter in constructor.function.parameters[1:]]
    name = argument.name or next(iter(names[number : number + 1]), None)
    read = {id(node.value) for node in below(constructor.function) if isinstance(node, ir.Attribute)}
    called = (node.function for node in below(constructor.function) if isinstance(node, ir.Call))
    asked = {id(node.value) for node in called if isinstance(node, ir.Attribute)}
    uses = [node for node in below(constructor.function) if isinstance(node, ir.Name) and node.id == name]
    return name in names and all(id(node) in read - asked for node in uses)
