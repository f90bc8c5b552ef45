"""Finding the nodes of Python's own tree that stand where nodes of the IR stand."""

from __future__ import annotations

import ast

import msgspec

from leaklint.model import Span
from leaklint.repairs.refusal import RefusedError


class Nodes(msgspec.Struct, frozen=True, eq=False):
    """The outermost expression and the statement at each span of a file.

    `lent` are the spans of generator expressions whose parentheses are those of the call around them.
    """

    expressions: dict[Span, ast.expr]
    statements: dict[Span, ast.stmt]
    lent: frozenset[Span]


def find_nodes(tree: ast.Module) -> Nodes:
    """Find the nodes of a file by their spans."""
    expressions: dict[Span, ast.expr] = {}
    statements: dict[Span, ast.stmt] = {}
    lent = set()
    # Outer nodes come first.
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            expressions.setdefault(span_of(node), node)
        elif isinstance(node, ast.stmt):
            statements.setdefault(span_of(node), node)
        match node:
            case ast.Call(args=[ast.GeneratorExp() as only]) if _end_of(only) == _end_of(node):
                lent.add(span_of(only))
    return Nodes(expressions, statements, frozenset(lent))


def expression_at(nodes: Nodes, span: Span) -> ast.expr:
    """Return the outermost expression that `span` is the span of. Raises RefusedError if there is none."""
    found = nodes.expressions.get(span)
    if found is None:
        raise RefusedError(f"line {span.line}: the expression cannot be found in the file")
    return found


def statement_at(nodes: Nodes, span: Span) -> ast.stmt:
    """Return the statement that `span` is the span of. Raises RefusedError if there is none."""
    found = nodes.statements.get(span)
    if found is None:
        raise RefusedError(f"line {span.line}: the statement cannot be found in the file")
    return found


def span_of(node: ast.expr | ast.stmt) -> Span:
    """Return the span of a node that a parser made."""
    end_line = node.lineno if node.end_lineno is None else node.end_lineno
    end_column = node.col_offset if node.end_col_offset is None else node.end_col_offset
    return Span(node.lineno, node.col_offset, end_line, end_column)


def _end_of(node: ast.expr) -> tuple[int | None, int | None]:
    return node.end_lineno, node.end_col_offset
