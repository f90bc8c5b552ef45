"""Patterns of a `match` statement: what they bind, what they compare with, and whether they can fail."""

from __future__ import annotations

import ast

from leaklint import ir
from leaklint.extract.expressions import expression
from leaklint.extract.names import Scope, mangle
from leaklint.model import Span


def bound_names(pattern: ast.pattern, scope: Scope) -> tuple[str, ...]:
    """Return the names that a match binds, each once, in the order of the file."""
    inner = [
        name
        for child in ast.iter_child_nodes(pattern)
        if isinstance(child, ast.pattern)
        for name in bound_names(child, scope)
    ]
    name = _captured(pattern)
    return tuple(dict.fromkeys(inner if name is None else [*inner, mangle(name, scope)]))


def is_irrefutable(pattern: ast.pattern) -> bool:
    """Whether the pattern matches anything."""
    if isinstance(pattern, ast.MatchAs):
        return pattern.pattern is None or is_irrefutable(pattern.pattern)
    return isinstance(pattern, ast.MatchOr) and is_irrefutable(pattern.patterns[-1])


def tested_value(pattern: ast.pattern, scope: Scope) -> ir.Expression | None:
    """Return the value that the subject must equal, None for a pattern that asks anything else."""
    while isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        pattern = pattern.pattern
    if isinstance(pattern, ast.MatchValue):
        return expression(pattern.value, scope)
    if isinstance(pattern, ast.MatchSingleton):
        return ir.Constant(pattern_span(pattern), repr(pattern.value))
    return None


def pattern_span(pattern: ast.pattern) -> Span:
    """Where a pattern stands."""
    return Span(pattern.lineno, pattern.col_offset, pattern.end_lineno, pattern.end_col_offset)


def _captured(node: ast.AST) -> str | None:
    if isinstance(node, ast.MatchAs | ast.MatchStar):
        return node.name
    if isinstance(node, ast.MatchMapping):
        return node.rest
    return None
