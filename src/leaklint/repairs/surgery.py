"""The way from changes to edits: apply each to a draft, render what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)
from leaklint.repairs.draft import Draft, render, start_draft
from leaklint.repairs.refusal import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.model import Edit
    from leaklint.repairs.layout import Layout


def combine(layout: Layout, changes: Sequence[Change]) -> tuple[Edit, ...] | Refusal:
    """Return the edits that make all of `changes`, sorted and apart; a refusal if one of them cannot be made."""
    try:
        draft = start_draft(layout)
        for change in changes:
            draft = _apply(draft, change)
    except RefusedError as error:
        return error.refusal
    return render(draft)


def _apply(draft: Draft, change: Change) -> Draft:
    match change:
        case InsertBefore(statement, lines, above_comments):
            return blocks.insert_before(draft, statement, lines, above_comments)
        case InsertAfter(statement, lines):
            return blocks.insert_after(draft, statement, lines)
        case WrapInTry(first, last, final_lines):
            return blocks.wrap_in_try(draft, first, last, final_lines)
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
