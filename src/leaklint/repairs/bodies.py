"""Changes to what belongs to a `try`: statements that become its `finally` or its beginning, a clause less."""

from __future__ import annotations

from leaklint import ir
from leaklint.repairs.blocks import anchor_of, inside_of, isolate, new_rows, rows_of
from leaklint.repairs.changes import FinallyFrom, RemoveElse, RemoveHandler, StretchTry
from leaklint.repairs.draft import Draft, block_indent, insert_rows, row_at, shift_rows, with_rows
from leaklint.repairs.layout import (
    comments_above,
    comments_within,
    extent,
    offsets,
    place_of,
    token_before,
    unit_inside,
    unit_of,
)
from leaklint.repairs.refusal import RefusedError


def reshape_try(draft: Draft, change: FinallyFrom | StretchTry | RemoveHandler | RemoveElse) -> Draft:
    """Change what belongs to a `try`."""
    match change:
        case FinallyFrom():
            return _finally_from(draft, change)
        case StretchTry():
            return _stretch_try(draft, change)
        case RemoveHandler(handler):
            return _without_clause(draft, offsets(draft.layout, handler.at)[0], handler.body)
        case RemoveElse():
            return _without_else(draft, change)


def _finally_from(draft: Draft, change: FinallyFrom) -> Draft:
    """Put `try:` above `first`, and `finally:` above `moved`, which stands behind `last`; re-indent both parts.

    A `try` statement without `finally` that is all there is to protect gets the `finally` itself.
    """
    layout = draft.layout
    start, end, behind = (place_of(layout, one) for one in (change.first, change.last, change.moved))
    if not (start.block is end.block is behind.block and start.index <= end.index == behind.index - 1):
        raise RefusedError(f"lines {change.first.at.line} and {change.moved.at.line} are not in one block")
    for statement in (change.first, change.last, change.moved, change.moved_last):
        draft = isolate(draft, statement)
    unit = unit_of(layout, change.first)
    head, foot = rows_of(draft, change.first)[0], rows_of(draft, change.last)[1]
    moved, moved_end = rows_of(draft, change.moved)[0], rows_of(draft, change.moved_last)[1]
    for number in comments_above(layout, change.moved):
        moved = min(moved, row_at(draft, layout.lines[number - 1].code))
    indent = block_indent(draft.rows[head])
    while moved > foot + 1 and draft.rows[moved - 1].anchor is not None:
        moved -= 1
    draft = shift_rows(draft, moved, moved_end, unit)
    rows = new_rows(layout, inside_of(layout, change.last), unit, indent, ["finally:"])
    kept = tuple(row for row in draft.rows[foot + 1 : moved] if row.kind != "blank")
    draft = with_rows(draft, (*draft.rows[: foot + 1], *kept, *rows, *draft.rows[moved:]))
    if isinstance(change.first, ir.Try) and change.first is change.last and not change.first.final:
        return draft
    if change.absorbs:
        return shift_rows(draft, rows_of(draft, change.first)[1] + 1, foot + len(kept), unit)
    draft = shift_rows(draft, head, foot + len(kept), unit)
    return insert_rows(draft, head, new_rows(layout, anchor_of(layout, change.first, "before"), unit, indent, ["try:"]))


def _stretch_try(draft: Draft, change: StretchTry) -> Draft:
    """Let a `try` begin with the siblings above it, from `first` on."""
    layout, statement = draft.layout, change.statement
    start, end = place_of(layout, change.first), place_of(layout, statement)
    if start.block is not end.block or start.index >= end.index:
        raise RefusedError(f"line {change.first.at.line} is not above the try statement on line {statement.at.line}")
    draft = isolate(draft, change.first)
    opening = row_at(draft, extent(layout, statement).start)
    head = rows_of(draft, change.first)[0]
    row = draft.rows[opening]
    if layout.source.text[row.start : row.end].strip() != "try:" or row.anchor is not None:
        raise RefusedError(f"the try statement on line {statement.at.line} shares its line with others")
    unit, indent = unit_inside(layout, statement), block_indent(draft.rows[head])
    draft = shift_rows(draft, head, opening - 1, unit)
    draft = with_rows(draft, draft.rows[:opening] + draft.rows[opening + 1 :])
    return insert_rows(draft, head, new_rows(layout, anchor_of(layout, change.first, "before"), unit, indent, ["try:"]))


def _without_else(draft: Draft, change: RemoveElse) -> Draft:
    """Take the `else` of a `try` out, with all that is in it."""
    layout, body = draft.layout, change.statement.otherwise
    colon = token_before(layout, extent(layout, body[0]).start)
    while colon is not None and colon.text != ":":
        colon = token_before(layout, colon.start)
    word = token_before(layout, colon.start) if colon is not None else None
    if word is None or word.text != "else":
        raise RefusedError(f"the else clause of the try statement on line {change.statement.at.line} cannot be found")
    return _without_clause(draft, word.start, body)


def _without_clause(draft: Draft, start: int, body: tuple[ir.Statement, ...]) -> Draft:
    layout = draft.layout
    first, last = row_at(draft, start), rows_of(draft, body[-1])[1]
    rows = draft.rows[first : last + 1]
    if any(row.anchor is not None for row in rows) or comments_within(layout, rows[0].start, rows[-1].end):
        raise RefusedError(f"the clause above line {body[-1].at.line} has comments or other repairs")
    return with_rows(draft, draft.rows[:first] + draft.rows[last + 1 :])
