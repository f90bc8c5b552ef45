"""Containers in variables of functions that set up handlers: they live as long as what the handlers are given to.

`def create_app(): sessions = {}` runs once, and each request runs the functions in it that `@app.post(…)` has handed
over. A function inside another one that only it calls is done when the outer one is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.containers import COUNT, Kind, default_factory, kind_of_value
from leaklint.ir_walk import in_scope
from leaklint.outline import Outline, label_of
from leaklint.routine import Routine
from leaklint.usage import Use, uses_of

Variable: TypeAlias = tuple[str, str]
"""A function and one of its variables."""


class Factory(msgspec.Struct, frozen=True):
    """A function that sets up handlers, and all that stands in it."""

    routine: Routine
    handlers: frozenset[str]
    """Those that something calls later, and the functions beside them that they name."""
    inside: tuple[Routine, ...]


def growing_variables(outline: Outline) -> frozenset[Variable]:
    """The containers in variables of such functions that handlers insert into, and nothing evicts from."""
    found = ((factory, name) for factory in _factories(outline) for name in _containers_of(factory.routine))
    return frozenset((factory.routine.name, name) for factory, name in found if _only_grows(factory, name, outline))


def _factories(outline: Outline) -> Iterator[Factory]:
    inner: dict[str, list[Routine]] = {}
    for routine in outline.routines.values():
        if routine.parent is not None and not label_of(routine.name):
            inner.setdefault(routine.parent, []).append(routine)
    for name, nested in inner.items():
        outer = outline.routines[name]
        handlers = [one.name for one in nested if _is_handed_over(one, outline.local_names[name])]
        inside = tuple(_all_inside(name, inner)) if handlers else ()
        # What the methods of a class in there do is not looked at.
        if handlers and _only_sets_up(outer.function) and not any(r.nodes_of(ir.DefineClass) for r in (outer, *inside)):
            yield Factory(outer, frozenset(_reached(handlers, nested, inside)), inside)


def _only_sets_up(function: ir.Function) -> bool:
    """Whether it is done before the handlers run: a coroutine may be one operation, with handlers of its own."""
    return not function.is_async and not function.is_generator


def _is_handed_over(nested: Routine, around: frozenset[str]) -> bool:
    """Whether a decorator gives the function to an object that the one around it has: `@app.post("/sessions")`."""
    return any(_receiver(decorator) in around for decorator in nested.function.decorators)


def _receiver(decorator: ir.Expression) -> str | None:
    """The variable whose method decorates."""
    method = decorator.function if isinstance(decorator, ir.Call) else decorator
    if not isinstance(method, ir.Attribute):
        return None
    value = method.value
    while isinstance(value, ir.Attribute):
        value = value.value
    return value.id if isinstance(value, ir.Name) else None


def _all_inside(name: str, inner: dict[str, list[Routine]]) -> Iterator[Routine]:
    for nested in inner.get(name, ()):
        yield nested
        yield from _all_inside(nested.name, inner)


def _reached(handlers: list[str], nested: list[Routine], inside: tuple[Routine, ...]) -> set[str]:
    """The handlers, the functions beside them that they name, and all that stands in these."""
    by_name = {one.name: one for one in inside}
    found: set[str] = set()
    pending = list(handlers)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        pending += (one.name for one in inside if one.parent == name)
        pending += (one.name for one in nested if one.function.name in by_name[name].words)
    return found


def _containers_of(routine: Routine) -> Iterator[str]:
    """The variables that a function gives a new container once, and nothing else."""
    targets = [target for statement in routine.nodes_of(ir.Assign) for target in statement.targets]
    for name in dict.fromkeys(target.id for target in targets if isinstance(target, ir.Name)):
        values = routine.values_of(name)
        is_container = len(values) == 1 and kind_of_value(values[0]) in (Kind.MAPPING, Kind.SET)
        if is_container and not _is_in_a_loop(routine, name):
            yield name


def _is_in_a_loop(routine: Routine, name: str) -> bool:
    loops = (node for node in routine.nodes if isinstance(node, ir.For | ir.While))
    return any(
        isinstance(node, ir.Assign) and any(isinstance(one, ir.Name) and one.id == name for one in node.targets)
        for loop in loops
        for node in in_scope(loop)
    )


def _only_grows(factory: Factory, name: str, outline: Outline) -> bool:
    if _has_another_name(factory, name):
        return False
    words = frozenset([name])
    made = default_factory(factory.routine.values_of(name)[0])
    filled_by_reading = words if made not in (None, COUNT) else frozenset[str]()
    used: set[Use] = set()
    created = 0
    for routine in (factory.routine, *factory.inside):
        if routine is not factory.routine and name in outline.local_names[routine.name]:
            continue
        uses = [use for _, use in uses_of(routine, words, filled_by_reading)]
        created += uses.count(Use.CREATE)
        used |= {use for use in uses if use is not Use.INSERT or routine.name in factory.handlers}
    return created == 1 and Use.INSERT in used and used.isdisjoint({Use.EVICT, Use.SWEEP, Use.RESET, Use.ESCAPE})


def _has_another_name(factory: Factory, name: str) -> bool:
    """Whether a variable that functions share, or the default of a parameter, stands for the container, too."""
    aliases = (statement.value for statement in factory.routine.nodes_of(ir.Assign))
    defaults = (parameter.default for nested in factory.inside for parameter in nested.function.parameters)
    return any(isinstance(value, ir.Name) and value.id == name for value in (*aliases, *defaults))
