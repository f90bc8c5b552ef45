"""Conditions that an eviction stands under: a repair must not evict what they would have kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import in_scope
from leaklint.may_raise import call_may_raise
from leaklint.repairs.find import function_of, owners_of, standing_in, statement_around
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.cleanup import Cleanup
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch


def require_evicted_on_both_sides(intent: Intent, stretch: Stretch, cleanup: Cleanup) -> None:
    """Raise RefusedError where a condition about the entry (`if queue.empty():`) would be dropped.

    A condition whose other side evicts too, or leaves by the exit that the report blames, decides nothing.
    """
    layout, story = intent.layout, intent.report.story
    places = []
    for removal in story.removals:
        depth = shared_depth(story.insertion.stack, removal.eviction.stack)
        places.append(place_at(removal.eviction.stack, removal.eviction.place, depth).at)
    for owner, part in owners_of(layout, cleanup.statements[0]):
        if standing_in(layout, owner, stretch.block) is None or not isinstance(owner, ir.If | ir.Match):
            continue
        own = next(body for name, body in _parts(owner) if name == part)
        inside = any(statement.at.contains(span) for statement in own for span in places if owner.at.contains(span))
        others = [span for span in places if owner.at.contains(span) and not any(s.at.contains(span) for s in own)]
        blamed = owner.at.contains(intent.report.place.at) and intent.report.code == "LKL103"
        if not (inside and others) and not blamed:
            raise RefusedError(f"the eviction depends on the condition on line {owner.at.line}")


def _parts(owner: ir.If | ir.Match) -> list[tuple[str, tuple[ir.Statement, ...]]]:
    if isinstance(owner, ir.Match):
        return [(f"case {number}", case.body) for number, case in enumerate(owner.cases)]
    return [("body", owner.body), ("otherwise", owner.otherwise)]


def only_evicts(layout: Layout, eviction: ir.Statement) -> bool:
    """Whether nothing that can raise comes before the eviction in its function."""
    for node in in_scope(function_of(layout, eviction)):
        may_raise = isinstance(node, ir.Await) or (isinstance(node, ir.Call) and call_may_raise(node))
        if may_raise and isinstance(node, ir.Node) and node.at < eviction.at:
            return False
    return True


def helpers_only_evict(intent: Intent) -> bool:
    """Whether all functions between the call and the eviction do nothing else that can raise before it."""
    eviction = intent.report.eviction
    assert eviction is not None
    depth = shared_depth(intent.report.story.insertion.stack, eviction.stack)
    inner = [*eviction.stack[depth + 1 :], eviction.place] if depth < len(eviction.stack) else []
    return all(only_evicts(intent.layout, statement_around(intent.layout, place.at)) for place in inner)
