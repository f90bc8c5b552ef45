"""Containers that the module itself keeps small: a test of their length that guards an eviction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS
from leaklint.ir_walk import below, children, in_scope, last_part


def bounded_containers(module: ir.Module) -> frozenset[tuple[str | None, str]]:
    """Class and last word of the containers for which some `if` or `while` on `len(container)` evicts from it."""
    return frozenset(_bounded(module, None))


def _bounded(node: msgspec.Struct, class_name: str | None) -> Iterator[tuple[str | None, str]]:
    for inner in in_classes(node):
        if isinstance(inner, ir.Class) and inner is not node:
            yield from _bounded(inner, inner.qualified_name)
        elif isinstance(inner, ir.If | ir.While):
            evicting = [part for statement in inner.body for part in below(statement)]
            for name in _measured(inner.test) | (_emptied(inner.test) if isinstance(inner, ir.While) else set()):
                if any(_evicts(part, name) for part in evicting):
                    yield class_name, name
        elif isinstance(inner, ir.Function):
            yield from ((class_name, name) for name in _kept_short(inner.body))


def _kept_short(block: tuple[ir.Statement, ...]) -> Iterator[str]:
    """The containers that the block evicts from unless they are short: `if len(c) <= limit: return`."""
    for number, statement in enumerate(block):
        if not isinstance(statement, ir.If) or not isinstance(statement.body[-1], ir.Return):
            continue
        after = [part for later in block[number + 1 :] for part in below(later)]
        for name in dict.fromkeys(map(_short, in_scope(statement.test))):
            if name is not None and any(_evicts(part, name) for part in after):
                yield name


def _short(node: msgspec.Struct) -> str | None:
    """The container whose length the comparison holds below a limit; that it is empty is no limit."""
    match node:
        case ir.Compare(left=ir.Call() as measured, operator="<" | "<=", right=limit):
            pass
        case ir.Compare(left=limit, operator=">" | ">=", right=ir.Call() as measured):
            pass
        case _:
            return None
    if last_part(measured.function) != "len" or not measured.arguments:
        return None
    is_empty = isinstance(limit, ir.Constant) and limit.value in ("0", "1")
    return last_part(measured.arguments[0].value) if not is_empty else None


def in_classes(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """Everything below the node; a class inside it is given and not entered."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        if current is node or not isinstance(current, ir.Class):
            pending.extend(children(current))


def _measured(test: ir.Expression) -> set[str]:
    """The containers whose length the test compares."""
    return {
        name
        for node in in_scope(test)
        if isinstance(node, ir.Compare)
        for call in in_scope(node)
        if isinstance(call, ir.Call) and last_part(call.function) == "len" and call.arguments
        if (name := last_part(call.arguments[0].value)) is not None
    }


def _emptied(test: ir.Expression) -> set[str]:
    """The containers that a loop takes from while they have entries: `while self._size > limit and self._entries`."""
    return {name for node in in_scope(test) if (name := last_part(node if _is_path(node) else None)) is not None}


def _is_path(node: msgspec.Struct) -> TypeGuard[ir.Expression]:
    return isinstance(node, ir.Attribute | ir.Name)


def _evicts(node: object, name: str) -> bool:
    match node:
        case ir.Call(function=ir.Attribute(value=value, name=method)):
            return method in EVICTING_METHODS and last_part(value) == name
        case ir.Delete(targets=targets):
            return any(isinstance(target, ir.Subscript) and last_part(target.value) == name for target in targets)
        case _:
            return False
