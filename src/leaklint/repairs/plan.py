"""A plan: the changes that should repair a report, and whether they are safe. What it is worth is shown afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.repairs.close_the_evicted import plans_for_a_dropped_value
from leaklint.repairs.evict_beside_end import plans_for_a_kept_entry
from leaklint.repairs.evict_in_finally import plans_for_a_skipped_eviction
from leaklint.repairs.evict_the_forgotten import plans_for_a_forgotten_sibling
from leaklint.repairs.evict_the_right_key import plans_for_a_wrong_key
from leaklint.repairs.hold_the_lock import plans_for_an_unlocked_eviction
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.track_keys import plans_for_derived_keys
from leaklint.repairs.track_scanned import plans_for_a_scan
from leaklint.repairs.weak_keys import plans_for_a_fresh_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Plan", "plans"]

_PLANNERS: dict[str, Callable[[Intent], Iterator[Plan | Refusal]]] = {
    "LKL101": plans_for_derived_keys,
    "LKL102": plans_for_a_skipped_eviction,
    "LKL103": plans_for_a_skipped_eviction,
    "LKL104": plans_for_a_wrong_key,
    "LKL105": plans_for_a_forgotten_sibling,
    "LKL106": plans_for_a_kept_entry,
    "LKL107": plans_for_a_fresh_key,
    "LKL202": plans_for_a_scan,
    "LKL203": plans_for_an_unlocked_eviction,
    "LKL204": plans_for_a_dropped_value,
}

_REASONS = {
    "LKL201": "nothing in this code evicts such an entry; when it may go is for you to say",
}
"""Why the findings of a rule are left to the author."""

_LEFT_TO_THE_AUTHOR = "when the entry may go is for you to say"


def plans(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to repair a report, the best first; a refusal where there are no more and the reason is known."""
    planner = _PLANNERS.get(intent.report.code)
    if planner is None:
        yield Refusal(_REASONS.get(intent.report.code, _LEFT_TO_THE_AUTHOR))
        return
    try:
        yield from planner(intent)
    except RefusedError as error:
        yield error.refusal
