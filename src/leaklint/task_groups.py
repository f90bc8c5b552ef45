"""Functions that an object runs as tasks of a task group of its own: an exception in one ends the object's work.

Structured concurrency has it so: a task that fails cancels its group, and whoever is inside the group's `async with`
goes on with the exception. What such a task leaves in the object's mappings is left in those of an object that is done.
"""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.outline import Outline
from leaklint.routine import Routine
from leaklint.usage import TASK_GROUPS
from leaklint.values import Field, Instance, Value

_STARTING = frozenset({"start", "start_soon"})
"""What gives no task back, so that nobody can cancel it alone."""


def fails_with_its_owner(evidence: Evidence, function: str, cache: Value) -> bool:
    """Whether a function catches nothing, and is only ever a task of a group that the container's owner holds."""
    routine = evidence.outline.routines.get(function)
    if routine is None or not isinstance(cache, Field) or not isinstance(cache.base, Instance):
        return False
    owner = evidence.outline.classes.get(cache.base.class_name)
    if owner is None or not any(_is_group(name) for name in owner.types.values()):
        return False
    if any(isinstance(node, ir.Handler) for node in routine.nodes):
        return False
    given = list(_handed_over(evidence.outline, routine, owner.name))
    return bool(given) and all(given)


def _handed_over(outline: Outline, routine: Routine, owner: str) -> Iterator[bool]:
    """For each mention of the function, whether it is an argument of what starts a task in the owner's group."""
    for other in outline.routines.values():
        starting = [node for node in other.nodes if isinstance(node, ir.Call) and _starts(node, other, outline, owner)]
        tasks = {id(argument.value) for call in starting for argument in call.arguments[:1]}
        yield from (id(node) in tasks for node in other.nodes if _is_named(node, routine, other))


def _is_named(node: object, routine: Routine, around: Routine) -> bool:
    match node:
        case ir.Name(id=name):
            return name == routine.function.name and routine.parent in (None, around.name)
        case ir.Attribute(name=name):
            return name == routine.function.name and routine.class_name is not None
        case _:
            return False


def _starts(call: ir.Call, around: Routine, outline: Outline, owner: str) -> bool:
    match call.function:
        case ir.Attribute(value=ir.Attribute(value=ir.Name(), name=group), name=method) if method in _STARTING:
            blueprint = outline.classes.get(around.class_name or "")
            if blueprint is None or blueprint.name != owner:
                return False
            return _is_group(blueprint.types.get(group, ""))
        case _:
            return False


def _is_group(written: str) -> bool:
    return written.rpartition(".")[2] in TASK_GROUPS
