"""Routines that end all values of a container, as a `close()` does: what they would miss of an entry that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, children, last_part
from leaklint.repairs.lookup import is_cache
from leaklint.usage import ends_a_life

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

Parents: TypeAlias = tuple[msgspec.Struct, ...]
"""The structs around a node, innermost first."""


def with_parents(function: ir.Function) -> Iterator[tuple[msgspec.Struct, Parents]]:
    """Everything in a routine, nested routines left out: they are routines of their own."""
    pending: list[tuple[msgspec.Struct, Parents]] = [(function, ())]
    while pending:
        node, parents = pending.pop()
        yield node, parents
        if node is function or not isinstance(node, ir.Define | ir.DefineClass | ir.Lambda):
            pending.extend((child, (node, *parents[:2])) for child in children(node))


def only_ends_all(function: ir.Function, names: frozenset[str], methods: AbstractSet[str]) -> bool:
    """Whether a routine ends the container's life and does nothing to a value but what its single end has done.

    `names` are the container's, `methods` what the single ends call.
    """
    if not ends_a_life(function.name):
        return False
    loops = [node for node in below(function) if isinstance(node, ir.For | ir.Clause) and _goes_through(node, names)]
    held = {one.id for loop in loops for one in below(loop.target) if isinstance(one, ir.Name)}
    targets = {id(one) for loop in loops for one in below(loop.target)}
    in_loops = {id(one) for loop in loops for one in below(loop.iterable)}
    for node, parents in with_parents(function):
        if isinstance(node, ir.Name) and node.id in held and id(node) not in targets:
            if not _only_ends(node, parents, names, methods):
                return False
        elif isinstance(node, ir.Subscript) and is_cache(node.value, names):
            if not isinstance(node.index, ir.Name) or node.index.id not in held:
                return False
            if not _only_ends(node, parents, names, methods):
                return False
        elif is_cache(node, names) and id(node) not in in_loops and not _is_of_container(node, parents):
            return False
    return True


def _goes_through(loop: ir.For | ir.Clause, names: frozenset[str]) -> bool:
    return any(is_cache(node, names) for node in below(loop.iterable))


def _only_ends(node: msgspec.Struct, parents: Parents, names: frozenset[str], methods: AbstractSet[str]) -> bool:
    """Whether a value, or the key of one, is asked about, ended, or used to look the value up."""
    match parents[0]:
        case ir.Attribute(name=method):
            return method in methods
        case ir.Subscript(value=cache, index=index):
            return index is node and is_cache(cache, names)
        case ir.Argument():
            call = parents[1]
            return isinstance(call, ir.Call) and last_part(call.function) in methods
        case ir.If() | ir.Compare() | ir.Not() | ir.Boolean() | ir.Delete():
            return True
        case ir.Assign(targets=targets):
            return any(target is node for target in targets)
        case _:
            return False


def _is_of_container(node: msgspec.Struct, parents: Parents) -> bool:
    """Whether a mention is about the container as a whole: it is emptied, replaced, counted, or one is looked up."""
    match parents[0]:
        case ir.Attribute(name=method):
            return method in ("clear", "update")
        case ir.Subscript(value=value):
            return value is node
        case ir.Argument():
            call = parents[1]
            return isinstance(call, ir.Call) and last_part(call.function) in ("len", "bool")
        case ir.Assign() | ir.If() | ir.While() | ir.Not() | ir.Boolean():
            return True
        case _:
            return False
