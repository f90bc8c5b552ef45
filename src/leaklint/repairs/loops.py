"""A comprehension written out as a loop, so that its keys can be tracked one by one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.repairs.blocks import anchor_of, inside_of, isolate, new_rows
from leaklint.repairs.carry import Swap, carry, set_down
from leaklint.repairs.draft import Anchor, Draft, Row, block_indent, insert_rows, row_at
from leaklint.repairs.expressions import put_in_place, require_first
from leaklint.repairs.layout import Layout, comments_within, extent, offsets, place_of, text_of, unit_of
from leaklint.repairs.nodes import expression_at, span_of, statement_at
from leaklint.repairs.order import Order, effect_free, order_within
from leaklint.repairs.places import path_to
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.renaming import Comprehension, names_in, renamings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.repairs.changes import ComprehensionToLoop

_EMPTY = {"list": "[]", "generator": "[]", "set": "set()", "dict": "{}"}


def comprehension_to_loop(draft: Draft, change: ComprehensionToLoop) -> Draft:
    """Write a comprehension out above its statement, or in its place if the statement just names it."""
    layout, statement, comprehension = draft.layout, change.statement, change.comprehension
    node = expression_at(layout.nodes, comprehension.at)
    function = _function_of(layout, statement)
    if not isinstance(node, Comprehension) or function is None:
        raise RefusedError(f"line {comprehension.at.line}: only a comprehension in a function can be written out")
    if comprehension.kind == "generator" and not change.eager:
        raise RefusedError(f"line {comprehension.at.line}: a generator expression is not evaluated at once")
    _require_key_first(layout, node, change)
    names_it = _just_names(layout, change)
    if names_it:
        _require_unobserved(layout, change)
    else:
        require_first(draft, statement, comprehension)
    draft = isolate(draft, statement)
    rows = _loop_rows(draft, change, node, renamings(layout, node, function), with_start=not names_it)
    index = row_at(draft, extent(layout, statement).start)
    if names_it:
        draft = put_in_place(draft, comprehension.at, _EMPTY[comprehension.kind])
        index = row_at(draft, extent(layout, statement).end - 1) + 1
        return insert_rows(draft, index, rows)
    draft = put_in_place(insert_rows(draft, index, rows), comprehension.at, change.name)
    return msgspec.structs.replace(draft, hoisted=draft.hoisted | {comprehension.at})


def _function_of(layout: Layout, statement: ir.Statement) -> ir.Function | None:
    """Return the function whose own variables the statement binds; None in a class or at the top of the module."""
    for step in reversed(path_to(place_of(layout, statement))):
        match step.block.owner:
            case ir.Define(function=function):
                return function
            case ir.DefineClass():
                return None
    return None


def _just_names(layout: Layout, change: ComprehensionToLoop) -> bool:
    """Whether the statement is `name = <comprehension>`."""
    match change.statement:
        case ir.Assign(targets=(ir.Name(at=at),), value=ir.Comprehension(at=value_at)):
            return value_at == change.comprehension.at and text_of(layout, at) == change.name
        case _:
            return False


def _require_unobserved(layout: Layout, change: ComprehensionToLoop) -> None:
    """Refuse if a list that is bound before it is full could be seen then, for instance when the loop raises."""
    place = place_of(layout, change.statement)
    around = [step.block.owner for step in path_to(place)]
    last = max(number for number, owner in enumerate(around) if isinstance(owner, ir.Define))
    definition = around[last]
    assert definition is not None
    function = statement_at(layout.nodes, definition.at)
    if any(_may_go_on(function, change, owner) for owner in around[last + 1 :] if owner is not None):
        raise RefusedError(f"{change.name} could be seen half filled when the loop raises; it needs another name")
    own = expression_at(layout.nodes, change.comprehension.at)
    for node in ast.walk(function):
        shares = isinstance(node, ast.Global | ast.Nonlocal) and change.name in node.names
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node is not function
        if shares or ((inner or node is own) and change.name in names_in(node)):
            raise RefusedError(
                f"{change.name} could be seen half filled by the code that fills it; it needs another name"
            )


def _may_go_on(function: ast.stmt, change: ComprehensionToLoop, owner: ir.Statement) -> bool:
    """Whether the function may read the name of what is filled after an exception in what is inside `owner`."""
    if not isinstance(owner, ir.Try | ir.With):
        return False
    read = [
        span_of(node)
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and node.id == change.name and isinstance(node.ctx, ast.Load)
    ]
    if isinstance(owner, ir.Try) and not owner.handlers:
        return any(statement.at.contains(span) for statement in owner.final for span in read)
    # What is read behind the comprehension, in the same block, is read only where it has not raised.
    behind = [statement.at for statement in owner.body if statement.at > change.statement.at]
    return not all(any(at.contains(span) for at in behind) for span in read)


def key_order(layout: Layout, comprehension: ir.Comprehension, key: ir.Expression) -> Order | Refusal:
    """Return what it means to evaluate `key` before the rest of the comprehension's element."""
    try:
        node = expression_at(layout.nodes, comprehension.at)
        wanted = expression_at(layout.nodes, key.at)
    except RefusedError as error:
        return error.refusal
    return order_within(_values(node), wanted) if isinstance(node, Comprehension) else "changed"


def _values(node: Comprehension) -> list[ast.expr]:
    return [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]


def _require_key_first(layout: Layout, node: Comprehension, change: ComprehensionToLoop) -> None:
    """Refuse if the key is not evaluated before the rest of the element, or a dict's key not before its value."""
    values = _values(node)
    line = change.comprehension.at.line
    key = None if change.key is None else expression_at(layout.nodes, change.key.at)
    if key is not None and order_within(values, key) == "changed":
        raise RefusedError(f"the key on line {line} cannot be evaluated first: others come before")
    # `name[key] = value` evaluates the value first.
    if len(values) == 2 and values[0] is not key and not any(effect_free(value) for value in values):
        raise RefusedError(f"the dict on line {line} would be filled in another order of evaluation")
    if any(isinstance(inner, ast.Lambda) for inner in ast.walk(node)):
        raise RefusedError(f"the lambda in the comprehension on line {line} would see other variables")


def _loop_rows(
    draft: Draft, change: ComprehensionToLoop, node: Comprehension, swaps: Sequence[Swap], with_start: bool
) -> tuple[Row, ...]:
    layout, statement = draft.layout, change.statement
    indent = block_indent(draft.rows[row_at(draft, extent(layout, statement).start)])
    anchor = anchor_of(layout, statement, "before") if with_start else inside_of(layout, statement)
    writer = _Writer(layout, anchor, unit_of(layout, statement), indent, tuple(swaps))
    writer.say(_loose_comments(layout, node))
    if with_start:
        writer.say([f"{change.name} = {_EMPTY[change.comprehension.kind]}"])
    for clause in node.generators:
        opening = "async for" if clause.is_async else "for"
        writer.say_code(f"{opening} {writer.text(clause.target)} in ", clause.iter, ":")
        for condition in clause.ifs:
            writer.indent += writer.unit
            writer.say_code("if ", condition, ":")
        writer.indent += writer.unit
    _say_element(writer, change, node)
    return tuple(writer.rows)


def _say_element(writer: _Writer, change: ComprehensionToLoop, node: Comprehension) -> None:
    if change.key is not None:
        key = expression_at(writer.layout.nodes, change.key.at)
        writer.say_code(f"{change.key_name} = ", key)
        start, end = offsets(writer.layout, change.key.at)
        others = (swap for swap in writer.swaps if swap.end <= start or end <= swap.start)
        writer.swaps = (*others, Swap(start, end, change.key_name))
    writer.say(change.key_lines)
    if isinstance(node, ast.DictComp):
        writer.say_code(f"{change.name}[{writer.text(node.key)}] = ", node.value)
        return
    method = "add" if isinstance(node, ast.SetComp) else "append"
    writer.say_code(f"{change.name}.{method}(", node.elt, ")", wrap=False)


class _Writer:
    """Puts rows down one after the other, deeper and deeper."""

    def __init__(self, layout: Layout, anchor: Anchor, unit: str, indent: str, swaps: tuple[Swap, ...]) -> None:
        self.layout = layout
        self.anchor = anchor
        self.unit = unit
        self.indent = indent
        self.swaps = swaps
        self.rows: list[Row] = []

    def say(self, lines: Sequence[str]) -> None:
        """Put new lines down."""
        self.rows += new_rows(self.layout, self.anchor, self.unit, self.indent, lines)

    def say_code(self, before: str, node: ast.expr, after: str = "", wrap: bool = True) -> None:
        """Put an expression down as it is written, between two texts."""
        code = carry(self.layout, *offsets(self.layout, span_of(node)), self.swaps)
        if isinstance(node, ast.NamedExpr) and wrap:
            before, after = before + "(", ")" + after
        self.rows += set_down(self.layout, self.anchor, self.indent, code, before, after, wrap)

    def text(self, node: ast.expr) -> str:
        """Return the text of an expression that must be on one line."""
        code = carry(self.layout, *offsets(self.layout, span_of(node)), self.swaps)
        if len(code.lines) > 1:
            raise RefusedError(f"line {node.lineno}: this part of the comprehension goes over several lines")
        return code.lines[0]


def _loose_comments(layout: Layout, node: Comprehension) -> list[str]:
    """Return the comments in a comprehension that stand in none of the parts that are carried as they are written."""
    parts = _values(node)
    for clause in node.generators:
        parts += [clause.target, clause.iter, *clause.ifs]
    carried = [offsets(layout, span_of(part)) for part in parts]
    comments = comments_within(layout, *offsets(layout, span_of(node)))
    return [comment.text for comment in comments if not any(a <= comment.start < b for a, b in carried)]
