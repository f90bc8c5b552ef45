"""Calls: containers' methods, routines of the module that are read through, objects made, and all that stays opaque."""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.flow.caches import class_of, gather
from leaklint.flow.callbacks import run_callbacks
from leaklint.flow.events import Mark, Place
from leaklint.flow.fields import written_key
from leaklint.flow.iteration import known_elements
from leaklint.flow.known_functions import known_result, pure_result
from leaklint.flow.machine import (
    CALLS_DEEP,
    STEPS_ELSEWHERE,
    Arguments,
    BudgetSpentError,
    Context,
    Valued,
    Ways,
    matters,
    may_raise,
)
from leaklint.flow.methods import MAPPING_METHODS, call_method, is_container
from leaklint.flow.releases import note_call
from leaklint.flow.state import State
from leaklint.ir_walk import dotted
from leaklint.may_raise import call_may_raise
from leaklint.outline import Blueprint, label_of, method, resolve
from leaklint.pure import FRESH_FUNCTIONS
from leaklint.routine import Routine
from leaklint.values import (
    FALSE,
    NONE,
    Allocated,
    Applied,
    ClassReference,
    Closure,
    Constant,
    Entry,
    Field,
    Global,
    Instance,
    Partial,
    Result,
    Text,
    Value,
    bare,
    involved,
    is_waited_for,
    spell,
    word,
)

GATHERING_METHODS = frozenset({"append", "appendleft", "add", "extend", "update", "write", "feed", "put_nowait"})


def call(callee: Value, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways) -> Valued:
    """Call a value: the paths after it, with its result."""
    if isinstance(callee, Field) and isinstance(callee.base, Entry) and callee.name in GATHERING_METHODS:
        gather(callee.base.cache, callee.base.key, arguments.positional, state)
    note_call(callee, arguments, node, state, context)
    match callee:
        case Partial(callee=inner, positional=positional, keywords=keywords):
            bound = Arguments((*positional, *arguments.positional), (*keywords, *arguments.keywords))
            if isinstance(inner, Closure) and isinstance(node, ir.Await):
                return run_routine(inner, bound, node, state, context, ways)
            return call(inner, bound, node, state, context, ways)
        case Closure(function=name):
            return _call_routine(callee, context.machine.outline.routines[name], arguments, node, state, context, ways)
        case ClassReference(name=name):
            return _construct(context.machine.outline.classes[name], arguments, node, state, context, ways)
        case Field(base=base, name=name) if name in MAPPING_METHODS and is_container(base, state, context):
            return [(state, call_method(base, name, arguments, node, state, context))]
        case Instance(class_name=name) | Allocated(class_name=str(name)) if name in context.machine.outline.classes:
            routine = method(context.machine.outline, name, "__call__")
            if routine is not None:
                return call(Closure(routine.name, 0, callee), arguments, node, state, context, ways)
    return _call_unknown(callee, arguments, node, state, context, ways)


def _call_routine(
    callee: Closure, routine: Routine, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways
) -> Valued:
    decorators = [] if callee.is_bare else _own_decorators(routine, context)
    if decorators:
        return _call_decorated(callee, decorators, arguments, node, state, context, ways)
    if routine.function.is_async or routine.function.is_generator:
        # The body runs when somebody awaits or iterates it; until then it is a value that carries its arguments.
        if isinstance(node, ir.Call):
            context.machine.started[node.at] = node
        return [(state, Partial(callee, arguments.positional, arguments.keywords, is_started=True))]
    return run_routine(callee, arguments, node, state, context, ways)


def _own_decorators(routine: Routine, context: Context) -> list[Closure]:
    """Decorators that are functions of the module, innermost first."""
    outline = context.machine.outline
    written = [decorator.id for decorator in routine.function.decorators if isinstance(decorator, ir.Name)]
    names = [resolve(outline, name, routine.name) for name in written]
    return [Closure(name, 0) for name in reversed(names) if name in outline.routines]


def _call_decorated(
    callee: Closure,
    decorators: list[Closure],
    arguments: Arguments,
    node: ir.Node,
    state: State,
    context: Context,
    ways: Ways,
) -> Valued:
    """Call what the decorators make of the function, the receiver as its first argument."""
    wrapped: Valued = [(state, msgspec.structs.replace(callee, receiver=None, is_bare=True))]
    for decorator in decorators:
        wrapped = [
            outcome
            for path, function in wrapped
            for outcome in run_routine(decorator, Arguments((function,)), node, path, context, ways)
        ]
    receiver = () if callee.receiver is None else (callee.receiver,)
    given = Arguments((*receiver, *arguments.positional), arguments.keywords)
    return [outcome for path, function in wrapped for outcome in call(function, given, node, path, context, ways)]


def run_routine(
    callee: Closure, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways
) -> Valued:
    """Read through the routine, unless nothing is to be learned from it or the walk is deep enough."""
    machine = context.machine
    routine = machine.outline.routines[callee.function]
    is_read = _is_read(routine, callee, arguments, context)
    if not is_read or not _is_in_reach(routine, context):
        if machine.summaries[routine.name].may_raise:
            kinds = ("error", "cancel") if routine.function.is_async else ("error",)
            given = (callee.receiver, *arguments.everything())
            subjects = tuple(part for value in given if value is not None for part in involved(value))
            may_raise(state, node.at, routine.function.name, context, ways, kinds, subjects)
        return [(state, Result(node.at, routine.function.name, context.turns))]
    return read_through(callee, routine, arguments, node, state, context, ways)


def _is_in_reach(routine: Routine, context: Context) -> bool:
    """Whether the walk is not inside the routine already, nor inside too many others."""
    is_inside = any(place.function == routine.name for place in context.stack) or routine.name == context.routine
    return not is_inside and len(context.stack) < CALLS_DEEP


def _is_read(routine: Routine, callee: Closure, arguments: Arguments, context: Context) -> bool:
    """Whether a walk learns something from reading through a call; in other modules it is stricter about what.

    Raises:
        BudgetSpentError: what another module does to a container was not read to its end.
    """
    summary = context.machine.summaries[routine.name]
    if not context.machine.reads_all:
        return summary.builds_key if label_of(routine.name) else summary.builds
    if not label_of(routine.name):
        return summary.is_worth_reading
    if context.machine.steps_elsewhere > STEPS_ELSEWHERE:
        if summary.touches:
            raise BudgetSpentError
        return False
    if summary.touches or summary.builds_key:
        return True
    given = arguments.everything()
    return summary.calls_parameters and any(isinstance(value, Closure | Partial | Field | Global) for value in given)


def read_through(
    callee: Closure, routine: Routine, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways
) -> Valued:
    """Run the routine's body in a frame of its own."""
    machine = context.machine
    machine.entered.add(routine.name)
    stack = (*context.stack, Place(context.routine, node.at))
    frame = machine.frame_number(stack, routine.name, context.turns)
    machine.parents[frame] = callee.frame
    before = frozenset(state.contents)
    state.frames[frame] = bind_parameters(callee, routine, arguments, state, context)
    _note_origins(routine, node, frame, state, context)
    inner = context.but(
        routine=routine.name,
        frame=frame,
        stack=stack,
        class_name=class_of(callee.receiver, machine.outline) if callee.receiver else context.class_name,
        handled=None,
        entry_turns=len(context.turns),
        on_yield=None,
    )
    body_ways = Ways(raises=ways.raises, is_guarded=ways.is_guarded, seen=ways.seen)
    ended = machine.run(routine.function.body, [state], inner, body_ways)
    outcomes = [(path, NONE) for path in ended] + body_ways.returns
    if not _makes_closures(routine, context):
        for path, result in outcomes:
            path.leave_frame(frame, before, result)
    return list(outcomes)


def _note_origins(routine: Routine, node: ir.Node, frame: int, state: State, context: Context) -> None:
    """Remember which attribute or variable of the caller each parameter was read from."""
    if not isinstance(node, ir.Call):
        awaited = node.value.at if isinstance(node, ir.Await) else node.at
        node = context.machine.started.get(awaited, node)
    if not isinstance(node, ir.Call):
        return
    names = [p.name for p in routine.function.parameters if p.kind == "positional"]
    is_bound = bool(names) and routine.takes_receiver and isinstance(node.function, ir.Attribute)
    written = [argument for argument in node.arguments if argument.name is None]
    pairs = [*zip(names[is_bound:], written, strict=False), *((a.name, a) for a in node.arguments)]
    for name, argument in pairs:
        value = state.frames[frame].get(name or "")
        if name is not None and value is not None and isinstance(argument.value, ir.Name | ir.Attribute):
            sources = written_key(argument.value, value, state, context).sources
            context.machine.origins[(frame, name)] = (value, sources)


def _makes_closures(routine: Routine, context: Context) -> bool:
    return routine.name in context.machine.around_closures


def bind_parameters(
    callee: Closure, routine: Routine, arguments: Arguments, state: State, context: Context
) -> dict[str, Value]:
    """The frame that a call begins with; what is not given gets its default, or a symbol of its own."""
    positional = list(arguments.positional)
    if callee.receiver is not None and routine.takes_receiver:
        positional.insert(0, callee.receiver)
    keywords = dict(arguments.keywords)
    defaults = dict(callee.defaults)
    frame: dict[str, Value] = {}
    for parameter in routine.function.parameters:
        if parameter.kind == "positional" and positional and not _is_spread(positional[0]):
            frame[parameter.name] = positional.pop(0)
        elif parameter.kind == "star":
            frame[parameter.name] = _collect(parameter.name, routine, "list", [(None, v) for v in positional], state)
            positional = []
        elif parameter.kind == "double-star":
            rest: list[tuple[Value | None, Value]] = [(Text(name), value) for name, value in keywords.items()]
            frame[parameter.name] = _collect(parameter.name, routine, "dict", rest, state)
        elif parameter.name in keywords:
            frame[parameter.name] = keywords.pop(parameter.name)
        elif parameter.name in defaults:
            frame[parameter.name] = defaults[parameter.name]
        elif isinstance(parameter.default, ir.Constant):
            frame[parameter.name] = Constant(parameter.default.value)
        elif isinstance(parameter.default, ir.Text):
            frame[parameter.name] = Text(parameter.default.value)
        else:
            frame[parameter.name] = Result(routine.function.at, parameter.name, context.turns)
    return frame


def _is_spread(value: Value) -> bool:
    return isinstance(value, Applied) and value.function == "*"


def _collect(
    name: str, routine: Routine, kind: str, pairs: list[tuple[Value | None, Value]], state: State
) -> Allocated:
    made = Allocated(routine.function.at, (), "dict" if kind == "dict" else "list", None)
    made = msgspec.structs.replace(made, class_name=name)
    state.contents[made] = tuple(pairs)
    return made


def _construct(
    blueprint: Blueprint, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways
) -> Valued:
    """An object of the module's own class: its fields are known if its constructor is."""
    made = Allocated(node.at, context.turns, "record", blueprint.name)
    routine = method(context.machine.outline, blueprint.name, "__init__")
    if routine is not None and not _is_in_reach(routine, context):
        if context.machine.summaries[routine.name].may_raise:
            may_raise(state, node.at, blueprint.name, context, ways)
        return [(state, made)]
    if routine is not None:
        state.contents[made] = ()
        return [
            (path, made)
            for path, _ in read_through(Closure(routine.name, 0, made), routine, arguments, node, state, context, ways)
        ]
    names = blueprint.fields if blueprint.is_plain_data else ()
    given = {**dict(zip(names, arguments.positional, strict=False)), **dict(arguments.keywords)}
    ordered = [name for name in names if name in given] + [name for name in given if name not in names]
    state.contents[made] = tuple((Text(name), given[name]) for name in ordered)
    if not blueprint.is_plain_data and (blueprint.bases and arguments.positional):
        may_raise(state, node.at, blueprint.name, context, ways)
    return [(path, made) for path in run_callbacks(arguments, node, state, context, ways)]


def _call_unknown(
    callee: Value, arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways
) -> Valued:
    """A call that cannot be read: a pure one gives a value of its arguments, any other may raise and call back."""
    name = word(callee.name).rpartition(".")[2] if isinstance(callee, Global | Field) else None
    known = known_result(callee, name, arguments, node, state, context)
    if known is not None:
        return [(state, known)]
    fresh = name in FRESH_FUNCTIONS
    pure = pure_result(callee, name, arguments, node, state, context)
    raising = node.at != context.awaited and (not isinstance(node, ir.Call) or call_may_raise(node))
    before = state.copy() if raising and matters(state, context, ways) else None
    paths = run_callbacks(arguments, node, state, context, ways) if pure is None else [state]
    if before is not None and not _takes_over(before, paths):
        subjects = tuple(part for value in _inputs(callee, arguments) for part in involved(value))
        may_raise(before, node.at, _called(node, callee), context, ways, subjects=subjects)
    if pure is not None:
        return [(state, pure)]
    if isinstance(callee, Partial | Closure):
        return [(path, Result(node.at, "call", context.turns)) for path in paths]
    made = _unknown_object(name, arguments, node, paths, context)
    inputs = _inputs(callee, arguments)
    result = made if made is not None else Result(node.at, _called(node, callee), context.turns, fresh, inputs)
    timed_out = _timed_out(name, inputs, arguments, node, paths, context)
    return [*((path, result) for path in paths), *((path, FALSE) for path in timed_out)]


def _timed_out(
    name: str | None,
    inputs: tuple[Value, ...],
    arguments: Arguments,
    node: ir.Node,
    paths: list[State],
    context: Context,
) -> list[State]:
    """The paths after a `wait` with a timeout for an entry's value that ended without it: it says so, or returns."""
    has_limit = arguments.keyword("timeout") is not None or (len(arguments.positional) == 1 and len(inputs) > 1)
    if name != "wait" or not has_limit or context.is_cleanup:
        return []
    ended = []
    for path in paths:
        given = [*inputs, *(inner for value in inputs for inner in known_elements(value, path) or ())]
        subjects = tuple(part for value in given for part in involved(value))
        if any(is_waited_for(held.insertion.parts, subjects) for held in path.entries.values()):
            late = path.copy()
            late.mark(Mark("raise", context.place(node.at), name, subjects, waits=True))
            ended.append(late)
    return ended


def _inputs(callee: Value, arguments: Arguments) -> tuple[Value, ...]:
    """What a result is about, two calls deep: enough for `wait_for(queue.get(), 5)`, and no chain grows without end."""
    given = (*((callee.base,) if isinstance(callee, Field) else ()), *arguments.everything())
    return tuple(_shallow(value) for value in given)


def _shallow(value: Value) -> Value:
    if not isinstance(value, Result):
        return value
    return msgspec.structs.replace(value, inputs=tuple(map(bare, value.inputs)))


def _takes_over(before: State, after: list[State]) -> bool:
    """Whether the call was handed an eviction (`add_done_callback`, `finalize`): that is taken to succeed."""
    return any(slot not in path.entries for path in after for slot in before.entries)


def _unknown_object(
    name: str | None, arguments: Arguments, node: ir.Node, paths: list[State], context: Context
) -> Allocated | None:
    """An object of a class from elsewhere: by custom a class has a capital, and a keyword names the field it fills."""
    if name is None or not name[:1].isupper() or not arguments.keywords:
        return None
    made = Allocated(node.at, context.turns, "record", name)
    for path in paths:
        path.contents[made] = tuple((Text(key), value) for key, value in arguments.keywords)
    return made


def _called(node: ir.Node, callee: Value) -> str:
    if isinstance(node, ir.Call):
        return dotted(node.function) or spell(callee)
    return spell(callee)
