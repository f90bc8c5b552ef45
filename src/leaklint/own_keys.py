"""Keys that an object has for itself: in its own containers they come once, and go with it."""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.containers import Kind, kind_of_value
from leaklint.evidence import Evidence, Story
from leaklint.growth import is_shared
from leaklint.ir_walk import flattened
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
    routines = evidence.outline.routines.values()
    statements = [node for routine in routines for node in routine.nodes if name in _assigned(node)]
    return bool(statements) and all(isinstance(node, ir.Assign) and _is_new(node.value) for node in statements)


def _is_new(value: ir.Expression | None) -> bool:
    """Whether it builds a mapping or a set, and nothing else: `known or {}` gives what it was given."""
    is_choice = isinstance(value, ir.Boolean | ir.Conditional)
    return value is None or (not is_choice and kind_of_value(value) in (Kind.MAPPING, Kind.SET))


def _is_given_once(evidence: Evidence, part: Value) -> bool:
    match part:
        case Field(base=Instance(), name=name):
            return not any(
                name in _assigned(node)
                for routine in evidence.outline.routines.values()
                if routine.function.name not in MAKES_THE_OBJECT
                for node in routine.nodes
            )
        case _:
            return False


def _assigned(node: msgspec.Struct) -> set[str]:
    """The attributes that the node gives a value."""
    match node:
        case ir.Assign(targets=targets):
            pass
        case ir.Augment(target=target) | ir.For(target=target) | ir.Clause(target=target):
            targets = (target,)
        case ir.WithItem(target=target) if target is not None:
            targets = (target,)
        case _:
            return set()
    found = (inner for target in targets for inner in flattened(target))
    return {inner.name for inner in found if isinstance(inner, ir.Attribute)}
