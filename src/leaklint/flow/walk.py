"""Walks a module: every function that a caller can begin with, reading through those that it calls."""

from __future__ import annotations

from leaklint import ir
from leaklint.flow.calls import call
from leaklint.flow.events import Exit, Place, Walk
from leaklint.flow.expressions import evaluate
from leaklint.flow.iteration import known_elements
from leaklint.flow.machine import STEPS_ALLOWED, BudgetSpentError, Context, Machine, Ways
from leaklint.flow.state import State
from leaklint.flow.statements import run
from leaklint.ir_walk import in_scope, last_part
from leaklint.outline import Outline, Routine, ancestry
from leaklint.summaries import Summary, summarise
from leaklint.values import Applied, Instance, Parameter, Value


def walk_module(outline: Outline) -> tuple[Walk, ...]:
    """One walk per function that touches a container, private ones only where no other walk has read through them."""
    summaries = summarise(outline)
    touching = [routine for routine in outline.routines.values() if summaries[routine.name].touches]
    walks: list[Walk] = []
    entered: set[str] = set()
    public = [r for r in touching if not _is_private(r)]
    for routine in (*public, *_outer_first([r for r in touching if _is_private(r)], outline)):
        if _is_private(routine) and routine.name in entered:
            continue
        for class_name in _receivers(outline, routine) if not _is_private(routine) else [routine.class_name]:
            if sum(done.steps for done in walks) > STEPS_PER_MODULE:
                return tuple(walks)
            walks.append(walk(outline, summaries, routine, class_name))
            entered |= walks[-1].entered if walks[-1].is_complete else set()
    return tuple(walks)


STEPS_PER_MODULE = 10 * STEPS_ALLOWED
"""How many statements all walks of a module may run; what is not walked by then is not reported on."""


def _is_private(routine: Routine) -> bool:
    name = routine.function.name
    return routine.parent is not None or (name.startswith("_") and not name.endswith("__"))


def unused_routines(outline: Outline) -> frozenset[str]:
    """Private routines that no other one names; a nested one may be handed out unseen."""
    named = _named(outline)
    private = [r for r in outline.routines.values() if _is_private(r) and r.parent is None]
    return frozenset(routine.name for routine in private if routine.function.name not in named)


def _outer_first(routines: list[Routine], outline: Outline) -> list[Routine]:
    """Those that nobody in the module names come first; they may read through the others."""
    named = _named(outline)
    return sorted(routines, key=lambda routine: (routine.parent is not None, routine.function.name in named))


def _named(outline: Outline) -> set[str]:
    return {name for routine in outline.routines.values() for name in _names_in(routine)}


def _names_in(routine: Routine) -> set[str]:
    nodes = in_scope(routine.function)
    names = {last_part(node) for node in nodes if isinstance(node, ir.Name | ir.Attribute)}
    return {name for name in names if name is not None and name != routine.function.name}


def _receivers(outline: Outline, routine: Routine) -> list[str | None]:
    """The classes whose `self` the function may have: its own, and those subclasses that inherit it."""
    if routine.class_name is None:
        return [None]
    heirs = [
        blueprint.name
        for blueprint in outline.classes.values()
        if blueprint.name != routine.class_name
        and routine.function.name not in blueprint.methods
        and blueprint.methods
        and any(base.name == routine.class_name for base in ancestry(outline, blueprint.name))
    ]
    return [routine.class_name, *heirs[:4]]


def walk(outline: Outline, summaries: dict[str, Summary], routine: Routine, class_name: str | None) -> Walk:
    """Run the function on symbolic arguments."""
    machine = Machine(outline, summaries, evaluate, run, call)
    context = Context(machine, routine.name, machine.frame_number((), routine.name, ()), class_name)
    state = State()
    state.frames[context.frame] = _symbols(routine, class_name)
    ways = Ways()
    is_complete = True
    try:
        ended = run(routine.function.body, [state], context, ways)
    except BudgetSpentError:
        ended, ways, is_complete = [], Ways(), False
    return Walk(
        function=routine.name,
        class_name=class_name,
        exits=tuple(_exits(routine, ended, ways)),
        insertions=tuple(machine.insertions),
        evictions=tuple(machine.evictions),
        removals=tuple(machine.removals),
        births=tuple(machine.births.items()),
        entered=frozenset(machine.entered),
        is_complete=is_complete,
        steps=machine.steps,
    )


def _symbols(routine: Routine, class_name: str | None) -> dict[str, Value]:
    frame: dict[str, Value] = {}
    for number, parameter in enumerate(routine.function.parameters):
        if number == 0 and routine.takes_receiver and class_name is not None:
            frame[parameter.name] = Instance(class_name)
        elif parameter.kind == "star":
            frame[parameter.name] = Applied("rest", (Parameter(routine.name, parameter.name),))
        else:
            frame[parameter.name] = Parameter(routine.name, parameter.name, last_part(parameter.annotation))
    return frame


def _exits(routine: Routine, ended: list[State], ways: Ways) -> list[Exit]:
    end = Place(routine.name, routine.function.at)
    exits = [Exit("end", end, tuple(state.entries.values())) for state in ended]
    for state, value in ways.returns:
        given = known_elements(value, state) or ()
        exits.append(Exit("return", end, tuple(state.entries.values()), (value, *given)))
    for state, raised in ways.raises:
        exits.append(Exit("raise", raised.mark.place, tuple(state.entries.values())))
    return exits
