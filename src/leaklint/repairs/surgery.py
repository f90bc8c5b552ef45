"""The way from changes to edits: apply each to a draft, render what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import children
from leaklint.repairs import blocks, bodies, expressions, loops
from leaklint.repairs.changes import (
    AddFinally,
    Change,
    ComprehensionToLoop,
    ExtendFinally,
    FinallyFrom,
    Hoist,
    InsertAfter,
    InsertBefore,
    RemoveElse,
    RemoveHandler,
    RemoveStatement,
    ReplaceExpression,
    ReplaceStatement,
    StretchTry,
    WrapInTry,
    WrapInWith,
)
from leaklint.repairs.draft import Draft, render, start_draft
from leaklint.repairs.find import statement_around
from leaklint.repairs.layout import extent, place_of
from leaklint.repairs.places import path_to
from leaklint.repairs.refusal import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.model import Edit
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.places import Place


def combine(layout: Layout, changes: Sequence[Change]) -> tuple[Edit, ...] | Refusal:
    """Return the edits that make all of `changes`, sorted and apart; a refusal if one of them cannot be made."""
    try:
        draft = start_draft(layout, *_lines_around(layout, changes))
        for change in changes:
            draft = _apply(draft, change)
    except RefusedError as error:
        return error.refusal
    return render(draft)


def _lines_around(layout: Layout, changes: Sequence[Change]) -> tuple[int, int]:
    """Return the first and the last line that the changes can reach: those of the functions that they are in."""
    ranges = [_function_lines(layout, place) for change in changes for place in _places(layout, change)]
    whole = [(1, len(layout.lines))]
    return min(first for first, _ in ranges or whole), max(last for _, last in ranges or whole)


def _places(layout: Layout, change: Change) -> list[Place]:
    """Return where the statements stand that a change names."""
    found = [statement_around(layout, node.at) for node in children(change) if isinstance(node, ir.Node)]
    if isinstance(change, ReplaceExpression):
        found.append(statement_around(layout, change.span))
    return [place_of(layout, statement) for statement in found]


def _function_lines(layout: Layout, place: Place) -> tuple[int, int]:
    """Return the lines from behind the statement before the outermost function to the statement behind it."""
    path = path_to(place)
    depth = next((number for number, step in enumerate(path[1:]) if isinstance(step.block.owner, ir.Define)), None)
    if depth is None:
        return 1, len(layout.lines)
    step = path[depth]
    before = step.block.statements[step.index - 1] if step.index else step.block.owner
    first = 1 if before is None else before.at.end_line if step.index else before.at.line
    behind = (outer.block.statements[outer.index + 1 :] for outer in reversed(path[: depth + 1]))
    following = next((siblings[0] for siblings in behind if siblings), None)
    return first, len(layout.lines) if following is None else extent(layout, following).first_line


def _apply(draft: Draft, change: Change) -> Draft:
    match change:
        case InsertBefore(statement, lines, above_comments):
            return blocks.insert_before(draft, statement, lines, above_comments)
        case InsertAfter(statement, lines):
            return blocks.insert_after(draft, statement, lines)
        case WrapInTry() | WrapInWith():
            return _put_around(draft, change)
        case AddFinally(statement, lines):
            return blocks.add_finally(draft, statement, lines)
        case ExtendFinally(statement, lines, at_start):
            return blocks.extend_finally(draft, statement, lines, at_start)
        case FinallyFrom() | StretchTry() | RemoveHandler() | RemoveElse():
            return bodies.reshape_try(draft, change)
        case RemoveStatement(statement):
            return blocks.remove_statement(draft, statement)
        case ReplaceStatement(statement, text):
            return blocks.replace_statement(draft, statement, text)
        case ReplaceExpression(span, text):
            return expressions.replace_expression(draft, span, text)
        case Hoist(statement, expression, name):
            return expressions.hoist(draft, statement, expression, name)
        case ComprehensionToLoop():
            return loops.comprehension_to_loop(draft, change)


def _put_around(draft: Draft, change: WrapInTry | WrapInWith) -> Draft:
    match change:
        case WrapInTry(first, last, lines, clause):
            return blocks.wrap_in_try(draft, first, last, lines, clause)
        case WrapInWith(first, last, header):
            return blocks.wrap_in_with(draft, first, last, header)
