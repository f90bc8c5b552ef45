"""Handlers that evict and raise again, and catch too little: a cancellation passes `except Exception` by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.repairs.changes import Change, ReplaceExpression
from leaklint.repairs.find import owners_of, statement_around
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent


def wider_handlers(intent: Intent) -> tuple[Change, ...]:
    """Return the changes that let handlers of the entry catch everything; they do nothing but evict and raise again.

    Raises RefusedError where there are none.
    """
    story, layout = intent.report.story, intent.layout
    found: dict[Change, None] = {}
    for removal in story.removals:
        depth = shared_depth(story.insertion.stack, removal.eviction.stack)
        place = place_at(removal.eviction.stack, removal.eviction.place, depth)
        statement = statement_around(layout, place.at)
        for owner, part in owners_of(layout, statement)[:1]:
            if isinstance(owner, ir.Try) and part.startswith("handler"):
                handler = owner.handlers[-1]
                if handler.body[0] is statement and _catches_too_little(handler) and not owner.is_group:
                    assert handler.caught is not None
                    found[ReplaceExpression(handler.caught.at, "BaseException")] = None
    if not found:
        raise RefusedError("no handler that evicts catches too little")
    return tuple(found)


def _catches_too_little(handler: ir.Handler) -> bool:
    is_plain = isinstance(handler.caught, ir.Name) and handler.caught.id == "Exception" and handler.name is None
    again = handler.body[-1]
    return is_plain and len(handler.body) == 2 and isinstance(again, ir.Raise) and again.exception is None
