"""Keys that an object has for itself: in its own containers they come once, and go with it."""

from __future__ import annotations

from leaklint.evidence import Evidence
from leaklint.growth import is_shared
from leaklint.stories import Story
from leaklint.values import Field, Instance, Value, holes


def is_of_its_owner(evidence: Evidence, story: Story) -> bool:
    """Whether the key is made of what the container's owner is given when it is made, and does not change."""
    cache = story.insertion.cache
    if not isinstance(cache, Field) or not isinstance(cache.base, Instance) or is_shared(evidence, cache):
        return False
    parts = holes(story.insertion.key)
    return cache.name in evidence.made_anew and bool(parts) and all(is_given_once(evidence, part) for part in parts)


def is_given_once(evidence: Evidence, part: Value) -> bool:
    """Whether the part of a key is an attribute that the object is given when it is made, and never after."""
    match part:
        case Field(base=Instance(), name=name):
            return name not in evidence.set_later
        case _:
            return False
