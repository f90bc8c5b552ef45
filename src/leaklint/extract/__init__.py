"""Syntax tree to IR: the only part of the analysis that knows Python's `ast`."""

from __future__ import annotations

import ast

from leaklint import ir
from leaklint.extract.names import module_scope
from leaklint.extract.statements import block
from leaklint.extract.syntax import TOO_DEEP, parse
from leaklint.source import SourceError

__all__ = ["TOO_DEEP", "deepest_line", "extract", "parse"]


def extract(tree: ast.Module, path: str, first_line: int = 0) -> ir.Module:
    """Make the IR of a parsed module. Raises SourceError for a tree nested deeper than Python's own stack.

    Lines are counted from `first_line`, which is added to those of the tree; such a tree is not to be used again.
    """
    try:
        if first_line:
            ast.increment_lineno(tree, first_line)
        return ir.Module(path, block(tree.body, module_scope()))
    except RecursionError as error:
        raise SourceError(path, TOO_DEEP, deepest_line(tree)) from error


def deepest_line(tree: ast.Module) -> int:
    """Find the line of what has the most nodes around it."""
    line = 1
    level: list[ast.AST] = [tree]
    while level:
        line = next((node.lineno for node in level if isinstance(node, ast.expr | ast.stmt)), line)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return line
