"""Changes to single expressions: other text in their place, or evaluated above their statement under a name."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import msgspec

from leaklint.repairs.blocks import anchor_of, isolate
from leaklint.repairs.carry import carry, set_down
from leaklint.repairs.draft import Draft, block_indent, insert_rows, replace_text, row_at
from leaklint.repairs.layout import Layout, comments_within, extent, inside_literal, offsets, text_of
from leaklint.repairs.nodes import expression_at, statement_at
from leaklint.repairs.order import Order, order_if_first
from leaklint.repairs.refusal import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint import ir
    from leaklint.model import Span


def as_argument(layout: Layout, expression: ir.Expression) -> str:
    """The text of an expression as an argument: a tuple without parentheses, as subscripts have it, gets some."""
    text = text_of(layout, expression.at)
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return text if len(call.args) == 1 else f"({text})"


def evaluation_order(
    layout: Layout, statement: ir.Statement, expression: ir.Expression, behind: Sequence[ir.Expression] = ()
) -> Order | Refusal:
    """Return what it means to evaluate `expression` before anything else of its statement but those `behind` which."""
    try:
        settled = [expression_at(layout.nodes, one.at) for one in behind]
        wanted = expression_at(layout.nodes, expression.at)
        return order_if_first(statement_at(layout.nodes, statement.at), wanted, settled)
    except RefusedError as error:
        return error.refusal


def replace_expression(draft: Draft, span: Span, text: str) -> Draft:
    """Put `text` in place of an expression; refuse if that would lose a comment."""
    start, end = offsets(draft.layout, span)
    for comment in comments_within(draft.layout, start, end):
        if comment.text not in text:
            raise RefusedError(f"a comment in the expression on line {span.line} would be lost")
    return put_in_place(draft, span, text)


def put_in_place(draft: Draft, span: Span, text: str) -> Draft:
    """Put `text` in place of an expression, with the parentheses and spaces that the place needs."""
    layout = draft.layout
    start, end = offsets(layout, span)
    if inside_literal(layout, start, end):
        raise RefusedError(f"the expression on line {span.line} is inside a string")
    if span in layout.nodes.lent:
        text = f"({text})"
    old = layout.source.text
    if start > 0 and _is_word(old[start - 1]) and _is_word(text[0]):
        text = " " + text
    if end < len(old) and _is_word(old[end]) and _is_word(text[-1]):
        text += " "
    return replace_text(draft, start, end, text)


def hoist(draft: Draft, statement: ir.Statement, expression: ir.Expression, name: str) -> Draft:
    """Bind an expression to `name` above its statement and put the name in its place."""
    layout = draft.layout
    require_first(draft, statement, expression)
    if isinstance(expression_at(layout.nodes, expression.at), ast.Starred | ast.NamedExpr):
        raise RefusedError(f"the expression on line {expression.at.line} cannot be given a name")
    draft = isolate(draft, statement)
    index = row_at(draft, extent(layout, statement).start)
    anchor, indent = anchor_of(layout, statement, "before"), block_indent(draft.rows[index])
    rows = set_down(layout, anchor, indent, carry(layout, *offsets(layout, expression.at)), f"{name} = ")
    draft = put_in_place(insert_rows(draft, index, rows), expression.at, name)
    return msgspec.structs.replace(draft, hoisted=draft.hoisted | {expression.at})


def require_first(draft: Draft, statement: ir.Statement, expression: ir.Expression) -> None:
    """Refuse an expression that cannot be evaluated above its statement without changing the order of evaluation."""
    nodes = draft.layout.nodes
    node, wanted = statement_at(nodes, statement.at), expression_at(nodes, expression.at)
    settled = [expression_at(nodes, span) for span in draft.hoisted if statement.at.contains(span)]
    if order_if_first(node, wanted, settled) == "changed":
        raise RefusedError(f"the expression on line {expression.at.line} cannot be evaluated first: others come before")


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
