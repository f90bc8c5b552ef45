"""Where derived keys are built and where they are handed to what inserts them, in the one function that does both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.flow.events import Place, Stack
from leaklint.model import Span
from leaklint.repairs.find import function_of, statement_around
from leaklint.repairs.refusal import RefusedError
from leaklint.stories import Story

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout


class Use(msgspec.Struct, frozen=True):
    """A statement in which an insertion can happen, the call that leads to it, and the story of it."""

    statement: ir.Statement
    place: Place
    story: Story


class Site(msgspec.Struct, frozen=True, eq=False):
    """The function, the statement that builds the key, the key's expression there; `calls` lead to the function."""

    function: ir.Function
    statement: ir.Statement
    key: Span
    uses: tuple[Use, ...]
    calls: Stack


def site_of(intent: Intent) -> Site:
    """Return the site of a report's key; all stories of the same birth count."""
    layout, story = intent.layout, intent.report.story
    birth, insertion = story.birth, story.insertion
    depth = shared_depth(birth.stack, insertion.stack)
    built = place_at(birth.stack, birth.place, depth)
    statement = statement_around(layout, built.at)
    if depth < len(birth.stack):
        _require_returned(layout, birth.place, len(birth.stack) - depth)
    function = function_of(layout, statement)
    uses = tuple(_uses(intent, story))
    if any(function_of(layout, use.statement) is not function for use in uses):
        raise RefusedError("the keys are built in one function and inserted from another")
    return Site(function, statement, built.at, uses, birth.stack[:depth])


def _uses(intent: Intent, story: Story) -> list[Use]:
    found: dict[Place, Use] = {}
    for other in intent.evidence.stories_born_at[story.birth.place]:
        insertion = other.insertion
        place = place_at(insertion.stack, insertion.place, shared_depth(other.birth.stack, insertion.stack))
        found.setdefault(place, Use(statement_around(intent.layout, place.at), place, other))
    return list(found.values())


def _require_returned(layout: Layout, place: Place, hops: int) -> None:
    """A key that a function builds for its caller must be what the function returns."""
    statement = statement_around(layout, place.at)
    is_returned = isinstance(statement, ir.Return) and statement.value is not None and statement.value.at == place.at
    if hops > 1 or not is_returned:
        raise RefusedError("the key is built in a function that does more than return it")
