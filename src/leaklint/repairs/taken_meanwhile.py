"""Whether others take an entry out while its operation goes on.

What ends such an operation is often just that: a `close()` empties the container and wakes whoever waits. An eviction
that minds a missing key would then raise in the `finally`, and its `KeyError` would hide what really happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.stories import outer_caches
from leaklint.usage import MAKES_THE_OBJECT

if TYPE_CHECKING:
    from leaklint.flow.events import Walk
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.stretch import Stretch

RISK = "another function may have evicted by then, and an eviction that minds it would hide the first exception"


def may_hide_the_exception(intent: Intent, stretch: Stretch) -> bool:
    """Whether an eviction minds a missing key, and another function may have taken the entry out before it."""
    return (stretch.strict or looks_up_the_container(stretch)) and is_taken_meanwhile(intent)


def looks_up_the_container(stretch: Stretch) -> bool:
    """Whether an eviction reads an entry, mostly the container that it takes something out of."""
    read = (node for node in below(stretch.evicting) if isinstance(node, ir.Subscript))
    written = {
        target.at
        for node in below(stretch.evicting)
        if isinstance(node, ir.Assign | ir.Delete)
        for target in node.targets
    }
    return any(node.at not in written for node in read)


def is_taken_meanwhile(intent: Intent) -> bool:
    """Whether another function of the module evicts from the container, or from the one that it is in."""
    story, evidence = intent.report.story, intent.evidence
    found = [*evidence.foreign_evictions.may_be(story.insertion.cache)]
    for outer in outer_caches(story.insertion.cache):
        found += evidence.foreign_evictions.may_be(outer)
    own = _functions_on_the_way(intent)
    return any(walk is not story.walk and _is_another_s(walk, own) for walk, _ in found)


def _functions_on_the_way(intent: Intent) -> frozenset[str]:
    """The functions that the operation goes through to its own evictions."""
    story = intent.report.story
    places = [place for removal in story.removals for place in (*removal.eviction.stack, removal.eviction.place)]
    return frozenset(place.function for place in (story.insertion.place, *story.insertion.stack, *places))


def _is_another_s(walk: Walk, own: frozenset[str]) -> bool:
    """Whether a walk begins with a function of its own: not with a helper of the operation, nor with what calls it."""
    return walk.function not in own and walk.function.rpartition(".")[2] not in MAKES_THE_OBJECT
