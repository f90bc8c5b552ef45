"""Keys that an object has for itself: in its own containers they come once, and go with it."""

from __future__ import annotations

from leaklint import ir
from leaklint.containers import Kind, kind_of_value
from leaklint.evidence import Evidence, Story
from leaklint.growth import is_shared
from leaklint.usage import MAKES_THE_OBJECT
from leaklint.values import Field, Instance, Value, holes


def is_of_its_owner(evidence: Evidence, story: Story) -> bool:
    """Whether the key is made of what the container's owner is given when it is made, and does not change."""
    cache = story.insertion.cache
    if not isinstance(cache, Field) or not isinstance(cache.base, Instance) or is_shared(evidence, cache):
        return False
    parts = holes(story.insertion.key)
    return (
        _is_made_for_itself(evidence, cache.name)
        and bool(parts)
        and all(_is_given_once(evidence, part) for part in parts)
    )


def _is_made_for_itself(evidence: Evidence, name: str) -> bool:
    """Whether each container of this name is a new one: one that is given may be that of all who are given it."""
    statements = [statement for _, statement in evidence.assignments.get(name, ())]
    return bool(statements) and all(isinstance(node, ir.Assign) and _is_new(node.value) for node in statements)


def _is_new(value: ir.Expression | None) -> bool:
    """Whether it builds a mapping or a set, and nothing else: `known or {}` gives what it was given."""
    is_choice = isinstance(value, ir.Boolean | ir.Conditional)
    return value is None or (not is_choice and kind_of_value(value) in (Kind.MAPPING, Kind.SET))


def _is_given_once(evidence: Evidence, part: Value) -> bool:
    match part:
        case Field(base=Instance(), name=name):
            places = evidence.assignments.get(name, ())
            return all(routine.function.name in MAKES_THE_OBJECT for routine, _ in places)
        case _:
            return False
