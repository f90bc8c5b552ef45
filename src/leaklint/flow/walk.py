"""One walk: a function is run on symbolic arguments, and those that it calls are read through."""

from __future__ import annotations

import msgspec

from leaklint.concern import Concern
from leaklint.containers import EVICTING_METHODS
from leaklint.flow.calls import call
from leaklint.flow.dull import Dull, dull_statements
from leaklint.flow.events import Exit, ExitKind, Place, Walk
from leaklint.flow.expressions import evaluate
from leaklint.flow.iteration import known_elements
from leaklint.flow.machine import BudgetSpentError, Context, Machine, Ways
from leaklint.flow.state import State
from leaklint.flow.statements import run
from leaklint.outline import Outline, class_named
from leaklint.routine import Routine
from leaklint.summaries import Summary, Survey, summarise
from leaklint.values import Applied, Instance, Parameter, Value


class Ground(msgspec.Struct, frozen=True):
    """What all walks of a module have in common."""

    outline: Outline
    summaries: dict[str, Summary]
    dull: Dull
    evicting: frozenset[str]
    """What is called where something is evicted."""
    around_closures: frozenset[str | None]


def ground_of(seen: Survey, containers: frozenset[str], concerned: Concern) -> Ground:
    """Look at the routines once for all walks."""
    outline = seen.outline
    summaries = summarise(seen, concerned)
    evicting = {routine.function.name for name, routine in outline.routines.items() if summaries[name].evicts}
    return Ground(
        outline,
        summaries,
        dull_statements(outline, containers, summaries),
        EVICTING_METHODS | evicting,
        frozenset(routine.parent for routine in outline.routines.values()),
    )


def walk(
    ground: Ground,
    routine: Routine,
    class_name: str | None,
    allowed: int | None = None,
    *,
    reads_all: bool = True,
) -> Walk:
    """Run the function on symbolic arguments; it may evaluate so many expressions, if that is said.

    If it does not read all, of the functions that it calls only short ones are read, for what they give back.
    """
    machine = Machine(
        ground.outline,
        ground.summaries,
        evaluate,
        run,
        call,
        ground.dull,
        ground.evicting,
        ground.around_closures,
        most=allowed,
        reads_all=reads_all,
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
