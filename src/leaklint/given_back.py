"""What a short function gives back: whether a key may be in it, so that a walk learns something from reading it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from leaklint import ir
from leaklint.ir_walk import children, in_scope
from leaklint.pure import FRESH_FUNCTIONS, PURE_FUNCTIONS, PURE_METHODS
from leaklint.routine import Routine

SHORT = 6
"""Statements of a function that is read for what it gives back."""

_WITHOUT_KEY = ir.Constant | ir.Text | ir.Compare | ir.Not | ir.Opaque | ir.Yield


def gives_something(routine: Routine) -> bool:
    """Whether a short function gives back anything but a literal."""
    return any(not isinstance(value, ir.Constant) for value in _given_back(routine))


def key_givers(routines: Mapping[str, Routine], named: Mapping[str, list[str]]) -> frozenset[str]:
    """The names of those short functions that give back what a key can come out of again.

    That is what is made of parameters, of attributes of theirs and of variables from outside, and what comes new out of
    a source of unique values. What an unknown call answers is new to a caller whether or not the function around it is
    read. `named` gives the functions that a call by its last word may run.
    """
    leading = {name: set(_leads(routine, named)) for name, routine in routines.items()}
    givers: set[str] = set()
    while found := {
        name for name, leads in leading.items() if name not in givers and (None in leads or leads & givers)
    }:
        givers |= found
    return frozenset(givers)


def _leads(routine: Routine, named: Mapping[str, list[str]]) -> Iterator[str | None]:
    """The functions whose result may be given back; None for a part of a key that stands here."""
    parameters = {parameter.name for parameter in routine.function.parameters}
    assigned = _assigned(routine)
    pending: list[msgspec.Struct] = [*_given_back(routine)]
    while pending:
        node = pending.pop()
        match node:
            case ir.Name(id=name) if name in parameters or name not in assigned:
                yield None
            case ir.Name(id=name):
                pending += assigned[name]
                assigned[name] = []
            case ir.Call(function=ir.Name(id=name) | ir.Attribute(name=name)) if name in FRESH_FUNCTIONS:
                yield None
            case ir.Call(function=ir.Name(id=name) | ir.Attribute(name=name)) if name in named:
                yield from named[name]
            case ir.Call(function=ir.Name(id=name), arguments=arguments):
                pending += arguments if name in PURE_FUNCTIONS else ()
            case ir.Call(function=ir.Attribute(value=value, name=name), arguments=arguments):
                pending += (value, *arguments) if name in PURE_METHODS else ()
            case ir.Lambda():
                yield None
            case _ if not isinstance(node, _WITHOUT_KEY):
                pending += children(node)


def _given_back(routine: Routine) -> list[ir.Expression]:
    if len(routine.function.body) > SHORT:
        return []
    nodes = routine.nodes
    return [node.value for node in nodes if isinstance(node, ir.Return) and node.value is not None]


def _assigned(routine: Routine) -> dict[str, list[msgspec.Struct]]:
    """What each variable of the function may be."""
    found: dict[str, list[msgspec.Struct]] = {}
    for node in routine.nodes:
        match node:
            case ir.Assign(targets=targets, value=value) if value is not None:
                for target in targets:
                    for name in _names_of(target):
                        found.setdefault(name, []).append(value)
            case ir.For(target=target, iterable=value) | ir.Clause(target=target, iterable=value):
                for name in _names_of(target):
                    found.setdefault(name, []).append(value)
            case ir.Walrus(target=ir.Name(id=name), value=value) | ir.Augment(target=ir.Name(id=name), value=value):
                found.setdefault(name, []).append(value)
    return found


def _names_of(target: ir.Expression) -> list[str]:
    return [node.id for node in in_scope(target) if isinstance(node, ir.Name)]
