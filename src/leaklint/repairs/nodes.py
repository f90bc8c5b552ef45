"""Finding the nodes of Python's own tree that stand where nodes of the IR stand."""

from __future__ import annotations

import ast

from leaklint.model import Span
from leaklint.repairs.refusal import RefusedError


def expression_at(tree: ast.Module, span: Span) -> ast.expr:
    """Return the outermost expression that `span` is the span of. Raises RefusedError if there is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and span_of(node) == span:
            return node
    raise RefusedError(f"line {span.line}: the expression cannot be found in the file")


def statement_at(tree: ast.Module, span: Span) -> ast.stmt:
    """Return the statement that `span` is the span of. Raises RefusedError if there is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and span_of(node) == span:
            return node
    raise RefusedError(f"line {span.line}: the statement cannot be found in the file")


def lends_parentheses(tree: ast.Module, expression: ast.expr) -> bool:
    """Whether `expression` is a generator expression whose parentheses are those of the call around it."""
    if not isinstance(expression, ast.GeneratorExp):
        return False
    end = (expression.end_lineno, expression.end_col_offset)
    return any(
        isinstance(node, ast.Call) and node.args == [expression] and (node.end_lineno, node.end_col_offset) == end
        for node in ast.walk(tree)
    )


def span_of(node: ast.expr | ast.stmt) -> Span:
    """Return the span of a node that a parser made."""
    end_line = node.lineno if node.end_lineno is None else node.end_lineno
    end_column = node.col_offset if node.end_col_offset is None else node.end_col_offset
    return Span(node.lineno, node.col_offset, end_line, end_column)
