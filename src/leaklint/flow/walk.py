"""Walks a module: every function that a caller can begin with, reading through those that it calls."""

from __future__ import annotations

from itertools import islice

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS
from leaklint.flow.calls import call
from leaklint.flow.dull import Dull, dull_statements
from leaklint.flow.events import Exit, ExitKind, Place, Walk
from leaklint.flow.expressions import evaluate
from leaklint.flow.iteration import known_elements
from leaklint.flow.machine import EVALUATIONS_ALLOWED, BudgetSpentError, Context, Machine, Ways
from leaklint.flow.state import State
from leaklint.flow.statements import run
from leaklint.ir_walk import below
from leaklint.outline import Outline, Routine, class_named, heirs, label_of
from leaklint.shared import containers_of_interest
from leaklint.summaries import Summary, summarise
from leaklint.values import Applied, Entry, Instance, Parameter, Value, last_name


class Ground(msgspec.Struct, frozen=True):
    """What all walks of a module have in common."""

    outline: Outline
    summaries: dict[str, Summary]
    dull: Dull
    evicting: frozenset[str]
    """What is called where something is evicted."""
    around_closures: frozenset[str | None]


def walk_module(outline: Outline) -> tuple[Walk, ...]:
    """One walk per function that touches a container, private ones only where no other walk has read through them.

    Functions of other modules are walked as the module's own classes inherit them, and where they may evict what the
    module inserts.
    """
    containers = containers_of_interest(outline)
    if not containers:
        return ()
    ground = ground_of(outline, containers)
    telling = [routine for routine in outline.routines.values() if ground.summaries[routine.name].is_telling]
    own = [routine for routine in telling if not label_of(routine.name)]
    public = [r for r in (*own, *_running_own_methods(telling, containers)) if not r.is_private]
    walks: list[Walk] = []
    cost, cost_elsewhere = 0, 0
    entered: set[str] = set()
    named = _named(outline)
    for routine in (*public, *_outer_first([r for r in own if r.is_private], named)):
        if routine.is_private and routine.name in entered:
            continue
        for class_name in _receivers(outline, routine) if not routine.is_private else [routine.class_name]:
            if cost > EVALUATIONS_PER_MODULE:
                walks.append(_not_begun(routine, class_name))
                continue
            if label_of(routine.name) and cost_elsewhere > EVALUATIONS_ALLOWED:
                continue
            walks.append(walk(ground, routine, class_name))
            cost += walks[-1].evaluations
            cost_elsewhere += walks[-1].evaluations if label_of(routine.name) else 0
            if not walks[-1].is_complete:
                # With the methods of an heir it would be as long.
                break
            entered |= walks[-1].entered
    for routine in _evicting_elsewhere(ground, walks, named):
        if routine.is_private and routine.name in entered:
            continue
        if cost <= EVALUATIONS_PER_MODULE:
            walks.append(walk(ground, routine, routine.class_name))
            cost += walks[-1].evaluations
            entered |= walks[-1].entered
    return tuple(walks)


def ground_of(outline: Outline, containers: frozenset[str]) -> Ground:
    """Look at the routines once for all walks."""
    summaries = summarise(outline, containers)
    evicting = {routine.function.name for name, routine in outline.routines.items() if summaries[name].evicts}
    return Ground(
        outline,
        summaries,
        dull_statements(outline, containers, summaries),
        EVICTING_METHODS | evicting,
        frozenset(routine.parent for routine in outline.routines.values()),
    )


def _running_own_methods(telling: list[Routine], containers: frozenset[str]) -> list[Routine]:
    """Methods of other modules' classes that run methods of the module which name a container, its hooks."""
    methods = {routine.name: routine for routine in telling if routine.class_name is not None}
    called = {r.function.name for r in methods.values() if not label_of(r.name) and _names_in(r) & containers}
    asking: dict[str, list[Routine]] = {}
    for routine in methods.values() if called else ():
        for asked in _asked_of_itself(routine):
            asking.setdefault(asked, []).append(routine)
    found: dict[str, Routine] = {}
    pending = list(called)
    while pending:
        for routine in asking.pop(pending.pop(), ()):
            if routine.name not in found:
                found[routine.name] = routine
                pending.append(routine.function.name)
    return sorted((r for r in found.values() if label_of(r.name)), key=lambda routine: routine.function.at)


def _asked_of_itself(routine: Routine) -> set[str]:
    receiver = routine.function.parameters[0].name if routine.function.parameters else ""
    return {
        node.name
        for statement in routine.function.body
        for node in below(statement)
        if isinstance(node, ir.Attribute) and isinstance(node.value, ir.Name) and node.value.id == receiver
    }


def _evicting_elsewhere(ground: Ground, walks: list[Walk], named: set[str | None]) -> list[Routine]:
    """Functions of other modules that may evict what was inserted; private ones last, if anything names them."""
    names = {container_name(insertion.cache) for done in walks for insertion in done.insertions}
    routines = ground.outline.routines.values()
    linked = [routine for routine in routines if label_of(routine.name) and routine.parent is None]
    evicting = [r for r in linked if _may_evict(ground.summaries[r.name]) and _names_in(r) & names]
    found = [routine for routine in evicting if not routine.is_private or routine.function.name in named]
    return sorted(found, key=lambda routine: routine.is_private)


def _may_evict(summary: Summary) -> bool:
    return summary.evicts and summary.touches


def container_name(cache: Value) -> str | None:
    """The word that a container, or the one around it, goes by."""
    while isinstance(cache, Entry):
        cache = cache.cache
    return last_name(cache)


EVALUATIONS_PER_MODULE = 4 * EVALUATIONS_ALLOWED
"""How many expressions all walks of a module may evaluate; what is not walked by then is not reported on."""


def unused_routines(outline: Outline) -> frozenset[str]:
    """Private routines that no other one names; a nested one may be handed out unseen."""
    named = _named(outline)
    private = [r for r in outline.routines.values() if r.is_private and r.parent is None and not label_of(r.name)]
    return frozenset(routine.name for routine in private if routine.function.name not in named)


def _outer_first(routines: list[Routine], named: set[str | None]) -> list[Routine]:
    """Those that nobody in the module names come first; they may read through the others."""
    return sorted(routines, key=lambda routine: (routine.parent is not None, routine.function.name in named))


def _named(outline: Outline) -> set[str | None]:
    return {name for routine in outline.routines.values() for name in _names_in(routine)}


def _names_in(routine: Routine) -> frozenset[str]:
    return routine.words - {routine.function.name}


def _receivers(outline: Outline, routine: Routine) -> list[str | None]:
    """The classes whose `self` the function may have: its own, and those subclasses that inherit it.

    Of another module's function only classes of the module itself count.
    """
    is_own = not label_of(routine.name)
    if routine.class_name is None:
        return [None] if is_own else []
    found = (outline.classes[name] for name in heirs(outline, routine.class_name))
    inheriting = (
        blueprint.name
        for blueprint in found
        if blueprint.methods and routine.function.name not in blueprint.methods and not label_of(blueprint.name)
    )
    return [*([routine.class_name] if is_own else []), *islice(inheriting, 4)]


def walk(ground: Ground, routine: Routine, class_name: str | None, budget: int | None = None) -> Walk:
    """Run the function on symbolic arguments."""
    machine = Machine(
        ground.outline,
        ground.summaries,
        evaluate,
        run,
        call,
        ground.dull,
        ground.evicting,
        ground.around_closures,
        budget,
    )
    context = Context(machine, routine.name, machine.frame_number((), routine.name, ()), class_name)
    state = State()
    state.frames[context.frame] = _symbols(routine, class_name, ground.outline)
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
        releases=tuple(machine.releases),
        births=tuple(machine.births.items()),
        entered=frozenset(machine.entered),
        is_complete=is_complete,
        evaluations=machine.evaluations,
    )


def _not_begun(routine: Routine, class_name: str | None) -> Walk:
    """A walk that the module's budget has no steps left for."""
    return Walk(
        function=routine.name,
        class_name=class_name,
        exits=(),
        insertions=(),
        evictions=(),
        removals=(),
        releases=(),
        births=(),
        entered=frozenset(),
        is_complete=False,
        evaluations=0,
    )


def _symbols(routine: Routine, class_name: str | None, outline: Outline) -> dict[str, Value]:
    frame: dict[str, Value] = {}
    for number, parameter in enumerate(routine.function.parameters):
        if number == 0 and routine.takes_receiver and class_name is not None:
            frame[parameter.name] = Instance(class_name)
        elif parameter.kind == "star":
            frame[parameter.name] = Applied("rest", (Parameter(routine.name, parameter.name),))
        else:
            annotation = class_named(outline, parameter.annotation, routine.name)
            frame[parameter.name] = Parameter(routine.name, parameter.name, annotation)
    return frame


def _exits(routine: Routine, ended: list[State], ways: Ways) -> list[Exit]:
    end = Place(routine.name, routine.function.at)
    exits = [_exit("end", end, state) for state in ended]
    for state, value in ways.returns:
        given = known_elements(value, state) or ()
        exits.append(_exit("return", end, state, (value, *given)))
    for state, raised in ways.raises:
        exits.append(_exit("raise", raised.mark.place, state))
    return exits


def _exit(kind: ExitKind, place: Place, state: State, returned: tuple[Value, ...] = ()) -> Exit:
    return Exit(kind, place, tuple(state.entries.values()), returned, tuple(state.released.values()))
