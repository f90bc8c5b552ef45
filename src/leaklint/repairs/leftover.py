"""Evictions that a new `finally` makes needless: those in handlers and branches of the protected statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.repairs.behind import lets_others_in, shown_behind
from leaklint.repairs.changes import Change, RemoveElse, RemoveHandler, RemoveStatement
from leaklint.repairs.cleanup import cleanup_at
from leaklint.repairs.find import function_of, owners_of, standing_in, statement_around
from leaklint.repairs.layout import place_of
from leaklint.repairs.refusal import RefusedError
from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from leaklint.model import Span
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch


class Leftover(msgspec.Struct, frozen=True):
    """What takes needless evictions out; `keeps` if some stay in, so that the key may be missing in the end."""

    changes: tuple[Change, ...]
    keeps: bool


def without(intent: Intent, stretch: Stretch, start: int, end: int) -> Leftover:
    """Take out the evictions of the same entry in the siblings `start` to `end` where that leaves clean code."""
    layout, word = intent.layout, cache_name(intent.report.story.insertion.cache)
    is_lone = start == end and isinstance(stretch.sibling(start), ir.Try)
    changes: list[Change] = []
    keeps = False
    for span in _evictions(intent, stretch):
        statement = statement_around(layout, span)
        index = standing_in(layout, statement, stretch.block)
        if index is None or not start <= index <= end or function_of(layout, statement) is not stretch.function:
            continue
        found = _removal(layout, stretch, span, statement, is_lone)
        shown = shown_behind(layout, statement, stretch.block, end, word) if found else ()
        _require_alone(layout, statement, shown)
        found = [] if shown else found
        keeps = keeps or not found
        changes += [change for change in found if change not in changes]
    return Leftover(tuple(changes), keeps)


def all_kept(intent: Intent, stretch: Stretch, start: int, end: int) -> Leftover:
    """Leave the evictions where they are. Raises RefusedError where others may put in an entry of their own behind."""
    layout, word = intent.layout, cache_name(intent.report.story.insertion.cache)
    for span in _evictions(intent, stretch):
        statement = statement_around(layout, span)
        index = standing_in(layout, statement, stretch.block)
        if index is not None and start <= index <= end:
            _require_alone(layout, statement, shown_behind(layout, statement, stretch.block, end, word))
    return Leftover((), keeps=True)


def _require_alone(layout: Layout, eviction: ir.Statement, shown: tuple[ir.Statement, ...]) -> None:
    if shown and lets_others_in(layout, eviction, shown):
        raise RefusedError(f"behind the eviction on line {eviction.at.line} others may put in an entry of their own")


def is_emptied(intent: Intent, stretch: Stretch, statement: ir.Try) -> bool:
    """Whether the `try` has one handler, which does nothing but evict and raise again, and no other clause."""
    index = standing_in(intent.layout, statement, stretch.block)
    if index is None or len(statement.handlers) != 1 or statement.final or statement.otherwise:
        return False
    found = without(intent, stretch, index, index)
    return any(isinstance(change, RemoveHandler) for change in found.changes)


def _evictions(intent: Intent, stretch: Stretch) -> list[Span]:
    story = intent.report.story
    found: dict[Span, None] = {}
    for removal in story.removals:
        depth = shared_depth(story.insertion.stack, removal.eviction.stack)
        found[place_at(removal.eviction.stack, removal.eviction.place, depth).at] = None
    return list(found)


def _removal(layout: Layout, stretch: Stretch, span: Span, statement: ir.Statement, is_lone: bool) -> list[Change]:
    try:
        cleanup = cleanup_at(layout, span) if not stretch.is_helper else None
    except RefusedError:
        return []
    statements = cleanup.statements if cleanup is not None else (statement,)
    owners = [owner for owner, _ in owners_of(layout, statements[0])]
    whole: tuple[ir.Statement, ...] = statements
    while owners and isinstance(owners[0], ir.With) and owners[0].body == whole:
        whole = (owners.pop(0),)
    if owners and any(
        isinstance(owner, ir.For | ir.While) for owner in owners if stretch_contains(layout, stretch, owner)
    ):
        return []
    place = place_of(layout, whole[0])
    others = [one for one in place.block.statements if not any(one is gone for gone in whole)]
    owner = place.block.owner
    if isinstance(owner, ir.Try) and place.block.part.startswith("handler"):
        number = int(place.block.part.split()[1])
        if len(others) == 1 and isinstance(others[0], ir.Raise) and others[0].exception is None:
            if is_lone and (len(owner.handlers) == 1 or number == len(owner.handlers) - 1) and not owner.otherwise:
                return [RemoveHandler(owner.handlers[number])]
            return []
    if not others and isinstance(owner, ir.Try) and place.block.part == "otherwise":
        return [RemoveElse(owner)]
    if not others:
        return []
    return [RemoveStatement(one) for one in whole]


def stretch_contains(layout: Layout, stretch: Stretch, statement: ir.Statement) -> bool:
    """Whether a statement is in the block of the stretch."""
    return standing_in(layout, statement, stretch.block) is not None
