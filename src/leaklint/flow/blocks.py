"""`try` and `with`: where exceptions are caught, and what runs on every way out."""

from __future__ import annotations

from collections.abc import Callable

from leaklint import ir
from leaklint.flow.caches import class_of
from leaklint.flow.exceptions import Catch, catches
from leaklint.flow.generators import resume, run_generator, suspend
from leaklint.flow.machine import Arguments, Context, Ways, may_raise
from leaklint.flow.releases import note_with
from leaklint.flow.state import Raised, State
from leaklint.flow.targets import bind
from leaklint.ir_walk import below, last_part
from leaklint.outline import method
from leaklint.values import NONE, Closure, Constant, Partial, Value

Finish = Callable[[State, Ways], list[State]]


def run_try(node: ir.Try, states: list[State], context: Context, ways: Ways) -> list[State]:
    """`try` with its handlers, `else` and `finally`."""
    inner = ways.nested(is_guarded=True) if node.final or node.handlers else ways.nested()
    ended = _run_handlers(node, states, context, inner)
    if not node.final:
        _pass_on(inner, ways)
        return ended
    last = _last_eviction(node.final, context)

    def finish(path: State, outer: Ways) -> list[State]:
        inside = context.but(final_guards=len(context.guards))
        return _run_cleanup(node.final, last, [path], inside, outer)

    return _through(finish, ended, inner, ways)


def _run_handlers(node: ir.Try, states: list[State], context: Context, ways: Ways) -> list[State]:
    if not node.handlers:
        body_ended = context.machine.run(node.body, states, context, ways)
        return context.machine.run(node.otherwise, body_ended, context, ways)
    inner = ways.nested(is_guarded=True)
    body_ended = context.machine.run(node.body, states, context, inner)
    ended = context.machine.run(node.otherwise, body_ended, context, ways)
    for path, raised in inner.raises:
        ended.extend(_handle(node.handlers, path, raised, context, ways))
    ways.returns.extend(inner.returns)
    ways.breaks.extend(inner.breaks)
    ways.continues.extend(inner.continues)
    return context.machine.condense(ended)


def _handle(
    handlers: tuple[ir.Handler, ...], state: State, raised: Raised, context: Context, ways: Ways
) -> list[State]:
    """Give the exception to each handler that may catch it; it goes up where none does for certain."""
    ended: list[State] = []
    for handler in handlers:
        verdict = catches(handler.caught, raised, context.machine.outline, context.routine)
        if verdict is Catch.NEVER:
            continue
        path = state if verdict is Catch.ALWAYS else state.copy()
        inner = context.but(handled=raised)
        last = _last_eviction(handler.body, context)
        ended.extend(_run_cleanup(handler.body, last, [path], inner, ways))
        if verdict is Catch.ALWAYS:
            return ended
    ways.add_raise(state, raised)
    return ended


def _run_cleanup(
    body: tuple[ir.Statement, ...], last: int, states: list[State], context: Context, ways: Ways
) -> list[State]:
    """A cleanup is taken to reach its last eviction: up to there nothing raises but `raise`."""
    states = context.machine.run(body[: last + 1], states, context.but(is_cleanup=True), ways)
    return context.machine.run(body[last + 1 :], states, context, ways)


def _last_eviction(body: tuple[ir.Statement, ...], context: Context) -> int:
    """The index of the last statement that evicts something, itself or by a call; -1 if none does."""
    evicting = [number for number, statement in enumerate(body) if _evicts(statement, context)]
    return evicting[-1] if evicting else -1


def _evicts(statement: ir.Statement, context: Context) -> bool:
    evicting = context.machine.evicting_words
    for node in below(statement):
        if isinstance(node, ir.Delete):
            return True
        if isinstance(node, ir.Call) and last_part(node.function) in evicting:
            return True
        if isinstance(node, ir.Assign) and any(isinstance(target, ir.Attribute) for target in node.targets):
            return True
    return False


def _pass_on(inner: Ways, ways: Ways) -> None:
    ways.returns.extend(inner.returns)
    ways.breaks.extend(inner.breaks)
    ways.continues.extend(inner.continues)
    for path, raised in inner.raises:
        ways.add_raise(path, raised)


def _through(finish: Finish, ended: list[State], inner: Ways, ways: Ways) -> list[State]:
    """Send every way out through the cleanup; each then goes on as it was going."""
    for path, value in inner.returns:
        ways.returns.extend((after, value) for after in finish(path, ways))
    for path in inner.breaks:
        ways.breaks.extend(finish(path, ways))
    for path in inner.continues:
        ways.continues.extend(finish(path, ways))
    for path, raised in inner.raises:
        for after in finish(path, ways):
            ways.add_raise(after, raised)
    return [after for path in ended for after in finish(path, ways)]


def run_with(node: ir.With, state: State, context: Context, ways: Ways) -> list[State]:
    """`with` of one or several items, each around the next."""
    return _enter(node, 0, [state], context, ways)


def _enter(node: ir.With, index: int, states: list[State], context: Context, ways: Ways) -> list[State]:
    if index == len(node.items):
        return context.machine.run(node.body, states, context, ways)
    ended: list[State] = []
    for state in states:
        for path, manager in context.machine.evaluate(node.items[index].context, state, context, ways):
            ended.extend(_enter_one(node, index, manager, path, context, ways))
    return context.machine.condense(ended)


def _enter_one(node: ir.With, index: int, manager: Value, state: State, context: Context, ways: Ways) -> list[State]:
    item = node.items[index]
    if isinstance(manager, Partial) and manager.is_started:
        return _around_generator(node, index, manager, state, context, ways)
    owner = class_of(manager, context.machine.outline)
    enter, leave = ("__aenter__", "__aexit__") if node.is_async else ("__enter__", "__exit__")
    if owner is not None and method(context.machine.outline, owner, leave) is not None:
        return _around_object(node, index, manager, owner, (enter, leave), state, context, ways)
    if node.is_async:
        may_raise(state, item.context.at, "async with", context, ways, ("error", "cancel"))
    note_with(manager, item.context.at, state, context)
    if item.target is not None:
        bind(item.target, manager, item.target.at, state, context, ways)
    inner_context = context.but(locks=(*context.locks, manager))
    if not _suppresses(item.context):
        return _enter(node, index + 1, [state], inner_context, ways)
    inner = ways.nested(is_guarded=True)
    ended = _enter(node, index + 1, [state], inner_context, inner)
    handler = _suppressing_handler(item.context)
    for path, raised in inner.raises:
        ended.extend(_handle((handler,), path, raised, context, ways))
    inner.raises = []
    _pass_on(inner, ways)
    return ended


def _suppresses(expression: ir.Expression) -> bool:
    return isinstance(expression, ir.Call) and last_part(expression.function) == "suppress"


def _suppressing_handler(expression: ir.Expression) -> ir.Handler:
    arguments = expression.arguments if isinstance(expression, ir.Call) else ()
    caught = ir.Display(expression.at, "tuple", tuple(argument.value for argument in arguments))
    return ir.Handler(expression.at, caught, None, ())


def _around_object(
    node: ir.With,
    index: int,
    manager: Value,
    owner: str,
    names: tuple[str, str],
    state: State,
    context: Context,
    ways: Ways,
) -> list[State]:
    """A class of the module with `__enter__` and `__exit__`: both are read."""
    ended: list[State] = []
    for path, value in _call_method(owner, names[0], manager, (), node, state, context, ways):
        item = node.items[index]
        if item.target is not None:
            bind(item.target, value, item.target.at, path, context, ways)
        inner = ways.nested(is_guarded=True)
        body_ended = _enter(node, index + 1, [path], context.but(locks=(*context.locks, manager)), inner)

        def finish(leaving: State, outer: Ways) -> list[State]:
            quiet = context.but(is_cleanup=True)
            nothing = (NONE, NONE, NONE)
            return [after for after, _ in _call_method(owner, names[1], manager, nothing, node, leaving, quiet, outer)]

        ended.extend(_through(finish, body_ended, inner, ways))
    return ended


def _call_method(
    owner: str,
    name: str,
    receiver: Value,
    given: tuple[Constant, ...],
    node: ir.With,
    state: State,
    context: Context,
    ways: Ways,
) -> list[tuple[State, Value]]:
    routine = method(context.machine.outline, owner, name)
    if routine is None:
        return [(state, receiver)]
    callee = Partial(Closure(routine.name, 0, receiver), (), (), is_started=True)
    stand_in = ir.Await(node.at, ir.Opaque(node.at, ()))
    return context.machine.call(callee, Arguments(given), stand_in, state, context, ways)


def _around_generator(
    node: ir.With, index: int, manager: Partial, state: State, context: Context, ways: Ways
) -> list[State]:
    """A `@contextmanager` function: the block runs at its `yield`, and its exceptions come out of the `yield`."""
    item = node.items[index]

    def on_yield(path: State, value: Value, generator_ways: Ways) -> list[State]:
        if item.target is not None:
            bind(item.target, value, item.target.at, path, context, generator_ways)
        inner = ways.nested(is_guarded=True)
        ended = _enter(node, index + 1, [path], context.but(locks=(*context.locks, manager)), inner)
        for after, raised in inner.raises:
            generator_ways.add_raise(after, raised)
        inner.raises = []
        return [*ended, *suspend(inner)]

    depth = len(state.suspended)
    return resume(run_generator(manager, node, state, context, ways, on_yield), ways, depth)
