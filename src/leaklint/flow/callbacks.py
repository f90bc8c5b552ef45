"""Callables handed to a call that cannot be read: it is taken to call them, and to await coroutines it gets.

What they are called with is found, in this order: the arguments that travel behind the callable (`submit(fn, key)`),
the elements of the iterable behind it (`map(fn, keys)`), and what travels beside it under an agreeing name: an argument
`state_id`, or that field of the objects in a list, for a parameter `state_id` or `work_state_id`.
"""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.flow.iteration import element, known_elements, named_content
from leaklint.flow.machine import Arguments, Context, Ways, value_of
from leaklint.flow.methods import MAPPING_METHODS, is_container
from leaklint.flow.state import Raised, State
from leaklint.ir_walk import last_part
from leaklint.routine import Routine
from leaklint.values import (
    Allocated,
    Applied,
    Closure,
    Constant,
    Element,
    Field,
    Group,
    Partial,
    Result,
    Turn,
    Value,
    last_name,
    within,
    word,
)


def run_callbacks(arguments: Arguments, node: ir.Node, state: State, context: Context, ways: Ways) -> list[State]:
    """The paths after every callable among the arguments was called. What it raises may be swallowed or come out."""
    paths = [state]
    for position, value in enumerate(arguments.positional):
        paths = _run(value, position, arguments, node, paths, context, ways)
        if _takes_the_rest(value, arguments.positional[position + 1 :], context):
            break
    for name, value in arguments.keywords:
        paths = _run(value, None if name != "target" else -1, arguments, node, paths, context, ways)
    return paths


def _takes_the_rest(value: Value, behind: tuple[Value, ...], context: Context) -> bool:
    """Whether the callable is handed what stands behind it, and calls some of it: `submit(attempt, key, work)`."""
    routine = _routine(value, context)
    if routine is None or not context.machine.summaries[routine.name].calls_parameters:
        return False
    bound = len(value.positional) if isinstance(value, Partial) else 0
    places = [parameter for parameter in routine.function.parameters if parameter.kind == "positional"]
    return 0 < len(behind) <= len(places) - bound - routine.takes_receiver


def _run(
    value: Value,
    position: int | None,
    arguments: Arguments,
    node: ir.Node,
    paths: list[State],
    context: Context,
    ways: Ways,
) -> list[State]:
    for started in list(_callables(value, paths[0], context)) if paths else ():
        following: list[State] = []
        for path in paths:
            for given in _possible_arguments(started, position, arguments, node, path, context):
                path = _call_once(started, given, node, path, context, ways, following)
            following.append(path)
        paths = context.machine.condense(following)
    return paths


def _call_once(
    callee: Value,
    given: Arguments,
    node: ir.Node,
    path: State,
    context: Context,
    ways: Ways,
    swallowed: list[State],
) -> State:
    """One call; its first normal path goes on, the others and the swallowed exceptions are kept beside it."""
    inner = ways.nested()
    stand_in = ir.Await(node.at, ir.Opaque(node.at, ())) if isinstance(callee, Partial) and callee.is_started else node
    before = set(path.entries)
    reached = _later(callee, node, path, context)
    outcomes: list[State] = []
    for after, value in context.machine.call(callee, given, stand_in, path, context, inner):
        if isinstance(value, Partial) and value.is_started:
            body = ir.Await(node.at, ir.Opaque(node.at, ()))
            outcomes.extend(done for done, _ in context.machine.call(value, Arguments(), body, after, context, inner))
        else:
            outcomes.append(after)
    first, *others = context.machine.condense(outcomes or [path])
    for after in (first, *others):
        after.frames.get(context.frame, {}).update(reached)
    is_cleanup = bool(before - first.entries.keys())
    for after, raised in inner.raises:
        if is_cleanup and not _fails_later(callee, raised, context):
            continue
        if not is_cleanup and not _keeps_exceptions(node):
            ways.add_raise(after, raised)
        # A swallowed exception is of interest only if it leaves an entry that the normal path takes out.
        if after.entries.keys() - first.entries.keys():
            swallowed.append(after.copy())
    swallowed.extend(others)
    return first


_HANDING_OVER = frozenset(
    """
    add_done_callback apply_async call_at call_later call_soon call_soon_threadsafe create_task ensure_future
    run_coroutine_threadsafe run_in_executor start_soon submit Process Task Thread Timer
    """.split()
)


def _fails_later(callee: Value, raised: Raised, context: Context) -> bool:
    """Whether it is a wait in a coroutine or a generator that fails, which is no mere cleanup if it evicts afterwards.

    A consumer may stop at any `yield`; who cancels a task ends all, as a rule.
    """
    routine = _routine(callee, context)
    if routine is None or not isinstance(callee, Partial) or not callee.is_started or not raised.mark.waits:
        return False
    return routine.function.is_generator or not raised.mark.is_cancelled


def _keeps_exceptions(node: ir.Node) -> bool:
    """Whether what the callable raises comes out of this call: of those that only start it, it does not."""
    return isinstance(node, ir.Call) and last_part(node.function) in _HANDING_OVER


def _later(callee: Value, node: ir.Node, state: State, context: Context) -> dict[str, Value]:
    """A done-callback runs after the loop has gone on: what it reads from the loop's variables is no longer theirs.

    Those variables are given values of their own for the call; the true ones are returned, to be put back.
    """
    turns = context.turns[context.entry_turns :]
    if (
        not turns
        or not _runs_after_the_loop(node, state, context)
        or not isinstance(callee, Closure)
        or callee.frame != context.frame
    ):
        return {}
    frame = state.frames.get(context.frame, {})
    changing = {name: value for name, value in frame.items() if _changes(value, context)}
    frame.update({name: Applied("later", (value,)) for name, value in changing.items()})
    return changing


def _runs_after_the_loop(node: ir.Node, state: State, context: Context) -> bool:
    """Whether the callable runs when the loop has gone on: a done-callback, one of a stack entered outside the loop."""
    if not isinstance(node, ir.Call) or not isinstance(node.function, ir.Attribute):
        return False
    if node.function.name == "add_done_callback":
        return True
    if node.function.name not in ("callback", "push_async_callback"):
        return False
    stack = value_of(node.function.value, state, context, Ways())
    return isinstance(stack, Result) and len(stack.turns) < len(context.turns)


def _changes(value: Value, context: Context) -> bool:
    """Whether the value belongs to one pass of a loop of the current routine."""
    return any(isinstance(part, Element | Result) and len(part.turns) > context.entry_turns for part in within(value))


def _callables(value: Value, state: State, context: Context) -> Iterator[Value]:
    """The routines, containers' methods and coroutines in an argument; a list of coroutines is all of them."""
    match value:
        case Closure() | Partial():
            yield value
        case Field(base=base, name=name) if name in MAPPING_METHODS and is_container(base, state, context):
            yield value
        case Allocated(kind="list" | "set") | Group():
            for inner in known_elements(value, state) or ():
                if isinstance(inner, Partial):
                    yield inner
        case Applied(function="*", arguments=(inner,)):
            yield from _callables(inner, state, context)
        case _:
            return


def _possible_arguments(
    callee: Value, position: int | None, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> list[Arguments]:
    """What the callable may be called with, one item per call."""
    if isinstance(callee, Partial) and callee.is_started:
        return [Arguments()]
    behind = arguments.positional[position + 1 :] if position is not None and position >= 0 else ()
    passed_on = arguments.keyword("args")
    given = known_elements(passed_on, state) if passed_on is not None else None
    if given is not None:
        return [Arguments(tuple(given))]
    name = last_part(node.function) if isinstance(node, ir.Call) else None
    routine = _routine(callee, context)
    if name is not None and "map" in name and behind:
        calls = _mapped(behind, node, state, context)
        return [Arguments(_spread(call.positional)) for call in calls] if "star" in name else calls
    if behind:
        takes_many = routine is not None and len(routine.function.parameters) > 1 + routine.takes_receiver
        is_spread = takes_many or len(_spread(behind)) == 1 or (routine is None and _has_default(behind))
        return [Arguments(_spread(behind) if is_spread else behind, arguments.keywords)]
    if routine is None:
        return [Arguments()]
    return _agreeing(callee, routine, arguments, node, state, context)


def _spread(given: tuple[Value, ...]) -> tuple[Value, ...]:
    """A lone tuple stands for the arguments in it: `apply_async(fn, (row, key))`."""
    return given[0].items if len(given) == 1 and isinstance(given[0], Group) else given


def _has_default(given: tuple[Value, ...]) -> bool:
    """Whether a lone tuple is a key and a default: `Timer(60, cache.pop, (key, None))`, not `(row, column)`."""
    inside = _spread(given)
    return len(inside) == 2 and isinstance(inside[1], Constant)


def _routine(callee: Value, context: Context) -> Routine | None:
    inner = callee.callee if isinstance(callee, Partial) else callee
    return context.machine.outline.routines[inner.function] if isinstance(inner, Closure) else None


def _mapped(iterables: tuple[Value, ...], node: ir.Node, state: State, context: Context) -> list[Arguments]:
    columns = [_elements(iterable, node, state, context) for iterable in iterables]
    return [Arguments(tuple(row)) for row in zip(*columns, strict=False)]


def _elements(iterable: Value, node: ir.Node, state: State, context: Context) -> list[Value]:
    known = known_elements(iterable, state)
    if known is not None:
        return known
    return [element(iterable, node.at, (*context.turns, Turn(node.at, number)), state) for number in (1, 2)]


def _agreeing(
    callee: Value, routine: Routine, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> list[Arguments]:
    """Match what travels beside the callable with its parameters by name, one call per element of a list."""
    bound = len(callee.positional) if isinstance(callee, Partial) else 0
    is_method = isinstance(callee, Closure) and callee.receiver is not None and routine.takes_receiver
    parameters = [p for p in routine.function.parameters if p.kind in ("positional", "keyword")][is_method + bound :]
    if not parameters:
        return [Arguments()]
    named = [*_named(arguments, node), *arguments.keywords]
    calls = []
    for values in _beside(arguments, state):
        fields = [*named, *(pair for value in values for pair in named_content(value, state))]
        chosen = {p.name: found for p in parameters if (found := _by_name(p.name, fields)) is not None}
        for parameter in parameters:
            typed = [v for v in values if isinstance(v, Allocated) and _is_of_class(v, parameter.annotation)]
            if parameter.name not in chosen and typed and typed[0].class_name is not None:
                chosen[parameter.name] = typed[0]
        if not chosen and len(parameters) == 1 and len(values) == 1:
            chosen[parameters[0].name] = values[0]
        calls.append(Arguments((), tuple(chosen.items())))
    return calls


def _is_of_class(value: Allocated, annotation: ir.Expression | None) -> bool:
    return value.class_name is not None and word(value.class_name) == last_part(annotation)


def _named(arguments: Arguments, node: ir.Node) -> list[tuple[str, Value]]:
    names = [last_part(argument.value) for argument in node.arguments] if isinstance(node, ir.Call) else []
    written = [(name, value) for name, value in zip(names, arguments.positional, strict=False) if name is not None]
    return [*written, *((name, value) for value in arguments.positional if (name := last_name(value)) is not None)]


def _beside(arguments: Arguments, state: State) -> list[list[Value]]:
    """For each call one list of values that go into it: the elements of the first known list, else what is given."""
    for value in arguments.everything():
        is_pairs = isinstance(value, Applied) and value.function in ("zip", "enumerate", "items")
        if is_pairs or (isinstance(value, Allocated) and value.kind in ("list", "set")):
            elements = known_elements(value, state)
            if elements is not None and not any(isinstance(inner, Partial) for inner in elements):
                return [[inner] for inner in elements]
    records = [value for value in arguments.everything() if isinstance(value, Allocated) and value.kind == "record"]
    return [list(records)]


def _by_name(parameter: str, named: list[tuple[str, Value]]) -> Value | None:
    """The value under the same name, or under one that the parameter's name ends with, or that ends with it."""
    for matches in (_equals, _ends_with):
        for name, value in named:
            if matches(parameter, name):
                return value
    return None


def _equals(parameter: str, name: str) -> bool:
    return parameter == name


def _ends_with(parameter: str, name: str) -> bool:
    return parameter.endswith(f"_{name}") or name.endswith(f"_{parameter}")
