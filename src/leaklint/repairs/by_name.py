"""What a module does with the containers and functions of a name, read once for all repairs of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, last_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leaklint.model import Span


class ByName(msgspec.Struct, frozen=True, eq=False):
    """Names are last words: `_pending` of `self._pending`, `send` of `self._transport.send`."""

    assigned: dict[str, list[ir.Expression | None]]
    """What is assigned to variables and attributes, entries left out: those say nothing of their container."""
    handed: dict[str, set[str]]
    """For what a loop goes through, the functions that get one of it after the other."""
    called: dict[str, set[str]]
    """The functions that a function calls."""
    places: dict[str, list[Span]]
    """Where variables and attributes stand."""
    calls: dict[str, list[ir.Call]]
    """The calls of functions."""


def read_names(module: ir.Module) -> ByName:
    """Read a module, nested functions and classes included."""
    found = ByName({}, {}, {}, {}, {})
    for node in below(module):
        match node:
            case ir.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ir.Name | ir.Attribute) and (name := last_part(target)) is not None:
                        found.assigned.setdefault(name, []).append(value)
            case ir.For(target=target, iterable=iterable):
                _add_loop(found, iterable, _names_in(target), node)
            case ir.Comprehension(clauses=clauses):
                for clause in clauses:
                    _add_loop(found, clause.iterable, _names_in(clause.target), node)
            case ir.Name(id=name, at=at) | ir.Attribute(name=name, at=at):
                found.places.setdefault(name, []).append(at)
            case ir.Call(function=ir.Name(id=name) | ir.Attribute(name=name)):
                found.calls.setdefault(name, []).append(node)
            case ir.Function(name=name):
                found.called.setdefault(name, set()).update(_functions(below(node)))
    return found


def _add_loop(found: ByName, iterable: ir.Expression, targets: set[str], loop: ir.Node) -> None:
    handing = (
        node
        for node in below(loop)
        if isinstance(node, ir.Call) and any(targets & _names_in(argument.value) for argument in node.arguments)
    )
    functions = set(_functions(handing))
    for node in below(iterable) if functions else ():
        if isinstance(node, ir.Name | ir.Attribute) and (name := last_part(node)) is not None:
            found.handed.setdefault(name, set()).update(functions)


def _names_in(expression: ir.Expression) -> set[str]:
    return {node.id for node in below(expression) if isinstance(node, ir.Name)}


def _functions(nodes: Iterable[object]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ir.Call) and (name := last_part(node.function)) is not None:
            yield name
