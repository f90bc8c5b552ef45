"""A plan: the changes that should repair a report, and whether they are safe. What it is worth is shown afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.repairs.evict_in_finally import plans_for_a_skipped_eviction
from leaklint.repairs.evict_the_right_key import plans_for_a_wrong_key
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.track_keys import plans_for_derived_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Plan", "plans"]

_PLANNERS: dict[str, Callable[[Intent], Iterator[Plan | Refusal]]] = {
    "LKL101": plans_for_derived_keys,
    "LKL102": plans_for_a_skipped_eviction,
    "LKL103": plans_for_a_skipped_eviction,
    "LKL104": plans_for_a_wrong_key,
}


def plans(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to repair a report, the best first; a refusal where there are no more and the reason is known."""
    planner = _PLANNERS.get(intent.report.code)
    if planner is None:
        yield Refusal("this rule has no repair")
        return
    try:
        yield from planner(intent)
    except RefusedError as error:
        yield error.refusal
