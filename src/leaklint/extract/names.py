"""Names as Python resolves them: private names mangled, qualified names, and where a node stands."""

from __future__ import annotations

import ast
from typing import TypeAlias

import msgspec

from leaklint.model import Span

Placed: TypeAlias = ast.expr | ast.stmt | ast.excepthandler


class Scope(msgspec.Struct, frozen=True):
    """Where names are looked up while one body is extracted.

    The lists grow while the body is read: whether a function yields and which names it declares global is known only
    at its end, and a walk of its own would double the cost of extraction.
    """

    private_to: str
    """The class whose private names are mangled here, without leading underscores; empty outside a class."""
    prefix: str
    """What stands before the qualified name of anything defined here."""
    yields: list[int]
    """Lines of the yields seen so far."""
    global_names: list[str]
    nonlocal_names: list[str]


def module_scope() -> Scope:
    """Make the scope of a module's body."""
    return Scope("", "", [], [], [])


def function_scope(outer: Scope, name: str) -> Scope:
    """Make the scope of the body of the function `name` defined in `outer`."""
    return Scope(outer.private_to, f"{qualified(name, outer)}.<locals>.", [], [], [])


def class_scope(outer: Scope, name: str) -> Scope:
    """Make the scope of the body of the class `name` defined in `outer`."""
    return Scope(name.lstrip("_"), f"{qualified(name, outer)}.", [], [], [])


def qualified(name: str, scope: Scope) -> str:
    """Return the `__qualname__` of what is defined as `name` in `scope`; a comprehension adds no part to it."""
    return name if name in scope.global_names else scope.prefix + name


def mangle(name: str, scope: Scope) -> str:
    """Return the name that Python looks up where `name` is written."""
    if not name.startswith("__") or not scope.private_to or name.endswith("__") or "." in name:
        return name
    return f"_{scope.private_to}{name}"


def span(node: Placed) -> Span:
    """Where a node stands; the span of a decorated definition begins at its `def` or `class`."""
    return Span(node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def covering(first: Span, last: Span) -> Span:
    """From the beginning of one span to the end of another."""
    return Span(first.line, first.column, last.end_line, last.end_column)
