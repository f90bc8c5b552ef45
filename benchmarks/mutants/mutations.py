"""The small ways in which a function is broken: one comparison turned round, one statement gone."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OTHER_FUNCTION = {"any": "all", "all": "any", "min": "max", "max": "min"}


class Mutant(msgspec.Struct, frozen=True):
    """One function broken in one way."""

    function: str
    """Its qualified name."""
    line: int
    what: str
    tree: ast.Module
    """The whole module with the function as it is broken."""


def mutants(path: Path) -> Iterator[Mutant]:
    """All ways in which the functions of a module are broken, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, function in _functions(tree.body, ""):
        nodes = [node for statement in function.body for node in ast.walk(statement)]
        for node in nodes:
            for what, change in _changes(node):
                undo = change()
                yield Mutant(name, getattr(node, "lineno", function.lineno), what, copy.deepcopy(tree))
                undo()


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _changes(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    """What can be done to a node; each change gives back what undoes it."""
    yield from _changes_of_values(node)
    yield from _changes_of_ways(node)


def _changes_of_values(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _TURNED:
            yield f"{_word(op)} is {_word(_TURNED[type(op)]())}", _Change(node, "ops", [_TURNED[type(op)]()])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _TURNED:
            yield f"{_word(op)} is {_word(_TURNED[type(op)]())}", _Change(node, "op", _TURNED[type(op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield "`not` is gone", _Change(node, "op", ast.UAdd())
        case ast.Call(func=ast.Name(id=name)) if name in _OTHER_FUNCTION:
            yield f"`{name}` is `{_OTHER_FUNCTION[name]}`", _Change(node, "func", _name(_OTHER_FUNCTION[name]))
        case ast.Constant(value=bool() as value):
            yield f"{value} is {not value}", _Change(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield f"{value} is {value + 1}", _Change(node, "value", value + 1)


def _changes_of_ways(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    match node:
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "None is returned", _Change(node, "value", ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield "a statement is gone", _Change(node, "value", ast.Constant(None))
        case ast.match_case(guard=guard) if guard is not None:
            yield "the guard of a case is gone", _Change(node, "guard", None)
        case ast.Match(cases=[*cases, _]) if cases:
            for number in range(len(cases)):
                kept = [case for index, case in enumerate(node.cases) if index != number]
                yield f"case {number + 1} is gone", _Change(node, "cases", kept)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield "a test is true", _Change(node, "test", ast.BoolOp(ast.Or(), [test, ast.Constant(True)]))
            yield "a test is false", _Change(node, "test", ast.BoolOp(ast.And(), [test, ast.Constant(False)]))


class _Change(msgspec.Struct):
    node: ast.AST
    field: str
    value: object

    def __call__(self) -> _Change:
        undo = _Change(self.node, self.field, getattr(self.node, self.field))
        setattr(self.node, self.field, self.value)
        return undo


def _word(operator: ast.AST) -> str:
    return f"`{type(operator).__name__}`"


def _name(word: str) -> ast.Name:
    return ast.Name(word, ast.Load())


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
