"""Items that whoever tells of them has all of: an object that notes something of each adds nothing to what grows.

`on_trial_start(self, trials, trial)` is told of one item and handed all there are: they live as long as the object's
caller, and the object goes with it.
"""

from __future__ import annotations

from leaklint.evidence import Evidence, once_per_cache
from leaklint.outline import ancestry
from leaklint.routine import Routine
from leaklint.stories import Story
from leaklint.values import Field, Instance, Parameter, Value, holes


def are_all_held_by_callers(evidence: Evidence, story: Story) -> bool:
    """Whether the key is such an item, or made of what items have."""
    parts = holes(story.insertion.key)
    return bool(parts) and all(_item(part) in _told_with_all(evidence, story.insertion.cache) for part in parts)


def _item(part: Value) -> str | None:
    """The parameter that the part of a key is, or is an attribute of."""
    while isinstance(part, Field):
        part = part.base
    return part.name if isinstance(part, Parameter) else None


@once_per_cache
def _told_with_all(evidence: Evidence, cache: Value) -> frozenset[str | None]:
    """The parameters of the owner's methods that come together with all others of their kind."""
    match cache:
        case Field(base=Instance(class_name=owner)):
            known = evidence.outline.routines
            methods = (known[name] for found in ancestry(evidence.outline, owner) for name in found.methods.values())
            return frozenset(name for routine in methods for name in _in_number(routine))
        case _:
            return frozenset()


def _in_number(routine: Routine) -> list[str]:
    names = {parameter.name for parameter in routine.function.parameters}
    return [name for name in names if not names.isdisjoint({f"{name}s", f"{name}es", f"{name.removesuffix('y')}ies"})]
