"""Keys of which there are as many as an object is made for: a mapping that is filled at once, and others beside it.

`self._rows = dict.fromkeys(range(count), 0)` has all its keys from the beginning. What is looked up in it without
asking has one of these keys, and comes under no other key into a container beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.containers import INSERTING_METHODS
from leaklint.evidence import Evidence, once_per_cache
from leaklint.ir_walk import below, last_part
from leaklint.routine import Routine
from leaklint.usage import MAKES_THE_OBJECT
from leaklint.values import Field, Instance, Value


@once_per_cache
def has_fixed_keys(evidence: Evidence, cache: Value) -> bool:
    """Whether some function puts in what it looks up by the same variable in a mapping that was filled at once."""
    match cache:
        case Field(base=Instance(), name=name):
            routines = evidence.outline.routines.values()
            beside = {
                other
                for routine in routines
                for variable in _indices(routine, name)
                for other in _looked_up_by(routine, variable)
            }
            return any(_is_filled_at_once(evidence, other) for other in beside)
        case _:
            return False


def _indices(routine: Routine, name: str) -> set[str]:
    """The variables by which the routine puts something into the container."""
    return {
        target.index.id
        for node in routine.nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Subscript) and isinstance(target.index, ir.Name) and last_part(target.value) == name
    }


def _looked_up_by(routine: Routine, variable: str) -> set[str]:
    """The attributes that have an item for each value of the variable, since it is changed in place."""
    return {
        target.value.name
        for node in routine.nodes
        if isinstance(node, ir.Augment) and isinstance(target := node.target, ir.Subscript)
        if isinstance(target.value, ir.Attribute) and isinstance(target.index, ir.Name) and target.index.id == variable
    }


def _is_filled_at_once(evidence: Evidence, name: str) -> bool:
    """Whether each value of the attribute has its keys from the beginning, and the code adds none."""
    values = [(routine, node) for routine, node in evidence.assignments.get(name, ())]
    return (
        bool(values)
        and all(_has_all_keys(evidence, routine, node) for routine, node in values)
        and not any(_adds_to(routine, name) for routine in evidence.outline.routines.values())
    )


def _has_all_keys(evidence: Evidence, routine: Routine, node: msgspec.Struct) -> bool:
    """Whether the assignment makes a mapping of all keys: of any when the object is made, later of the same ones."""
    value = node.value if isinstance(node, ir.Assign) else None
    match value:
        case ir.Call(function=ir.Attribute(value=ir.Name(id="dict"), name="fromkeys"), arguments=(given, *_)):
            keys = given.value
        case ir.Comprehension(kind="dict", clauses=(ir.Clause(iterable=iterable),)):
            keys = iterable
        case _:
            return False
    return routine.function.name in MAKES_THE_OBJECT or all(_is_given_once(evidence, name) for name in _named(keys))


def _named(expression: ir.Expression) -> Iterator[str | None]:
    """What the expression is made of: attributes of the object by their names, None for anything else."""
    for node in below(expression):
        match node:
            case ir.Attribute(value=ir.Name(id="self"), name=name):
                yield name
            case ir.Name(id=name) if name not in ("self", "range", "len", "enumerate"):
                yield None


def _is_given_once(evidence: Evidence, name: str | None) -> bool:
    """Whether only what makes the object gives the attribute a value."""
    return name in evidence.assignments and name not in evidence.set_later


def _adds_to(routine: Routine, name: str) -> bool:
    """Whether the routine may put something new in: by an assignment, or by a method."""
    for node in routine.nodes:
        match node:
            case ir.Assign(targets=targets):
                if any(isinstance(target, ir.Subscript) and last_part(target.value) == name for target in targets):
                    return True
            case ir.Call(function=ir.Attribute(value=owner, name=method)):
                if method in INSERTING_METHODS and last_part(owner) == name:
                    return True
    return False
