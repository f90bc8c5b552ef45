"""Renames the locals of every function in a file; nothing that a linter may know should hang on their names.

A name is renamed throughout an outermost function, nested functions and comprehensions included, if all that binds it
there is plain assignment. Parameters keep their names, because callers and callbacks agree on them.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_NamedBinding = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


class RenamingError(Exception):
    """The renamed file is another program."""


def rename_locals(text: str) -> str:
    """The same program under other names of its locals, line for line. Raises RenamingError if it is not the same."""
    tree = ast.parse(text)
    lines = text.encode().splitlines(keepends=True)
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(dir(builtins))
    module_names = _bound_names(tree.body)
    edits: list[tuple[int, int, bytes, bytes]] = []
    for function in _outermost_functions(tree):
        for number, name in enumerate(sorted(_renamable(function) - module_names), start=1):
            new = f"local{number}"
            if new in taken:
                raise RenamingError(f"{new} is taken")
            found = _occurrences(function, name, lines)
            edits.extend((line, column, name.encode(), new.encode()) for line, column in found)
    for line, column, name_there, name_then in sorted(edits, reverse=True):
        before = lines[line - 1]
        lines[line - 1] = before[:column] + name_then + before[column + len(name_there) :]
    renamed = b"".join(lines).decode()
    _require_same_shape(tree, ast.parse(renamed))
    return renamed


def _outermost_functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield child
        else:
            yield from _outermost_functions(child)


def _bound_names(body: list[ast.stmt]) -> set[str]:
    names = {name for statement in body for node in ast.walk(statement) for name in _imported(node)}
    definitions = [node for node in body if isinstance(node, (*_Function, ast.ClassDef))]
    names |= {node.name for node in definitions}
    plain = [node for statement in body if statement not in definitions for node in ast.walk(statement)]
    return names | {node.id for node in plain if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]


def _renamable(function: ast.AST) -> set[str]:
    bound: set[str] = set()
    fixed: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            fixed.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            fixed.update(node.names)
        elif isinstance(node, _NamedBinding) and node.name is not None:
            fixed.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            fixed.add(node.rest)
        else:
            fixed.update(_imported(node))
    return bound - fixed


def _occurrences(function: ast.AST, name: str, lines: list[bytes]) -> list[tuple[int, int]]:
    """Where the name stands; nowhere if one place is not known, as in some f-strings before Python 3.12."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name:
            stands = lines[node.lineno - 1][node.col_offset : node.col_offset + len(name.encode())]
            if stands != name.encode():
                return []
            found.append((node.lineno, node.col_offset))
    return found


def _require_same_shape(before: ast.AST, after: ast.AST) -> None:
    """Each name of the one stands for exactly one name of the other within a function; all else is equal."""
    for old, new in zip(ast.walk(before), ast.walk(after), strict=True):
        if type(old) is not type(new):
            raise RenamingError(f"line {getattr(old, 'lineno', '?')}: another program")
        if getattr(old, "lineno", None) != getattr(new, "lineno", None):
            raise RenamingError(f"line {getattr(old, 'lineno', '?')}: moved")
    for old, new in zip(_outermost_functions(before), _outermost_functions(after), strict=True):
        pairs = set(zip(_names(old), _names(new), strict=True))
        if len({before for before, _ in pairs}) != len(pairs) or len({after for _, after in pairs}) != len(pairs):
            raise RenamingError(f"line {old.lineno}: names clash")


def _names(function: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
