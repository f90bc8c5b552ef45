"""Generators of the module: their body runs, and whoever consumes them runs at every `yield`.

A way out of the consumer waits until the generator has done what it does on its way out.
"""

from __future__ import annotations

from collections.abc import Callable

from leaklint import ir
from leaklint.flow.caches import class_of
from leaklint.flow.calls import bind_parameters
from leaklint.flow.events import Place
from leaklint.flow.machine import CALLS_DEEP, Arguments, Context, Ways
from leaklint.flow.state import Raised, State
from leaklint.values import NONE, Closure, Partial, Value

OnYield = Callable[[State, Value, Ways], list[State]]


def run_generator(
    generator: Partial, node: ir.Node, state: State, context: Context, ways: Ways, on_yield: OnYield
) -> list[State]:
    """The paths after the generator's end. `on_yield` gets the path, the yielded value, and where raises go."""
    callee = generator.callee
    if not isinstance(callee, Closure) or _is_too_deep(callee, context):
        return [state]
    machine = context.machine
    routine = machine.outline.routines[callee.function]
    machine.entered.add(routine.name)
    stack = (*context.stack, Place(context.routine, node.at))
    frame = machine.frame_number(stack, routine.name, context.turns)
    machine.parents[frame] = callee.frame
    arguments = Arguments(generator.positional, generator.keywords)
    state.frames[frame] = bind_parameters(callee, routine, arguments, state, context)
    inner = context.but(
        routine=routine.name,
        frame=frame,
        stack=stack,
        class_name=class_of(callee.receiver, machine.outline) if callee.receiver else context.class_name,
        handled=None,
        entry_turns=len(context.turns),
        on_yield=on_yield,
    )
    body_ways = Ways(raises=ways.raises, is_guarded=ways.is_guarded, seen=ways.seen)
    ended = machine.run(routine.function.body, [state], inner, body_ways)
    return [*ended, *(path for path, _ in body_ways.returns)]


def suspend(inner: Ways) -> list[State]:
    """The ways out of what runs at a `yield`: each waits until the generator has cleaned up."""
    paths: list[State] = []
    leaving: list[tuple[str, State, Value | Raised]] = [("return", path, value) for path, value in inner.returns]
    leaving += [("break", path, NONE) for path in inner.breaks]
    leaving += [("continue", path, NONE) for path in inner.continues]
    leaving += [("raise", path, raised) for path, raised in inner.raises]
    for way, path, what in leaving:
        path.suspended = (*path.suspended, (way, what))
        paths.append(path)
    return paths


def resume(outcomes: list[State], ways: Ways, depth: int) -> list[State]:
    """Let the paths that wait since the generator began go on their way; the others are returned."""
    ended: list[State] = []
    for path in outcomes:
        if len(path.suspended) <= depth:
            ended.append(path)
            continue
        way, what = path.suspended[depth]
        path.suspended = path.suspended[:depth]
        if isinstance(what, Raised):
            ways.add_raise(path, what)
        elif way == "return":
            ways.returns.append((path, what))
        else:
            (ways.breaks if way == "break" else ways.continues).append(path)
    return ended


def _is_too_deep(callee: Closure, context: Context) -> bool:
    is_known = any(place.function == callee.function for place in context.stack) or callee.function == context.routine
    return is_known or len(context.stack) >= CALLS_DEEP
