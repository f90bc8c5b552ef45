"""Loops: each body is walked twice on unknown iterables, once per element on known ones."""

from __future__ import annotations

from leaklint import ir
from leaklint.flow.conditions import branch, decide, fork
from leaklint.flow.events import Mark
from leaklint.flow.generators import resume, run_generator, suspend
from leaklint.flow.iteration import element, is_filled, known_elements
from leaklint.flow.machine import Context, Ways, may_raise
from leaklint.flow.state import Raised, State
from leaklint.flow.targets import bind
from leaklint.ir_walk import in_scope
from leaklint.values import Applied, Constant, Partial, Result, Turn, Value

PASSES = 2
DECIDED_PASSES = 10
"""A `while keys:` over a known list goes on until the list is empty, but no longer than this."""


def run_for(node: ir.For, state: State, context: Context, ways: Ways) -> list[State]:
    """`for` with its `else`."""
    ended: list[State] = []
    _forget_counters(node.body, node, state, context)
    for path, iterable in context.machine.evaluate(node.iterable, state, context, ways):
        if isinstance(iterable, Partial) and iterable.is_started:
            ended.extend(_over_generator(node, iterable, path, context, ways))
        else:
            ended.extend(_over_iterable(node, iterable, path, context, ways))
    return context.machine.condense(ended)


def _over_iterable(node: ir.For, iterable: Value, state: State, context: Context, ways: Ways) -> list[State]:
    known = known_elements(iterable, state)
    items: list[Value | None] = list(known) if known is not None else [None] * PASSES
    exhausted: list[State] = []
    left: list[State] = []
    current = [state]
    if known is None:
        # The same iterable is empty in every loop or in none: what one loop puts in, the next one takes out.
        branches = fork(is_filled(iterable, state), state)
        current = [path for truth, path in branches if truth]
        exhausted.extend(path for truth, path in branches if not truth)
    for number, item in enumerate(items, 1):
        inner = context.but(turns=(*context.turns, Turn(node.at, number)), is_conditional=False)
        current = _one_pass(node, iterable, item, current, inner, ways, left)
        if known is None:
            exhausted.extend(path.copy() for path in current) if number < PASSES else None
    exhausted.extend(current)
    return left + context.machine.run(node.otherwise, context.machine.condense(exhausted), context, ways)


def _one_pass(
    node: ir.For,
    iterable: Value,
    item: Value | None,
    states: list[State],
    context: Context,
    ways: Ways,
    left: list[State],
) -> list[State]:
    for path in states:
        if node.is_async:
            may_raise(path, node.at, "async for", context, ways, ("error", "cancel"))
        value = item if item is not None else element(iterable, node.at, context.turns, path)
        bind(node.target, value, node.target.at, path, context, ways)
    return _run_body(node.body, states, context, ways, left)


def _run_body(
    body: tuple[ir.Statement, ...], states: list[State], context: Context, ways: Ways, left: list[State]
) -> list[State]:
    """One pass; the paths that reach the next one. Those that break out are added to `left`."""
    inner = Ways(returns=ways.returns, raises=ways.raises, is_guarded=ways.is_guarded, seen=ways.seen)
    ended = context.machine.run(body, states, context, inner)
    left.extend(inner.breaks)
    return context.machine.condense([*ended, *inner.continues])


def _over_generator(node: ir.For, generator: Partial, state: State, context: Context, ways: Ways) -> list[State]:
    """Run the generator's body; at each `yield` the loop's body runs once with what is yielded.

    A generator that the loop's body leaves behind is closed when it is dropped, and what it does then comes first. One
    that yields again instead of ending stays where it is.
    """
    depth = len(state.suspended)
    inside = ways.nested()
    stuck: list[State] = []

    def on_yield(path: State, value: Value, generator_ways: Ways) -> list[State]:
        if len(path.suspended) > depth:
            stuck.append(path)
            return []
        bind(node.target, value, node.target.at, path, context, generator_ways)
        inner = ways.nested()
        resumed = _run_body(node.body, [path], context, inner, inner.breaks)
        closed = Raised("cancel", "GeneratorExit", Mark("raise", context.place(node.at), "yield"))
        for leaving in suspend(inner):
            generator_ways.add_raise(leaving, closed)
        return resumed

    ended = run_generator(generator, node, state, context, inside, on_yield)
    left = Ways(returns=ways.returns, raises=ways.raises, seen=ways.seen)
    for path, raised in inside.raises:
        if len(path.suspended) > depth:
            stuck.append(path)
        else:
            ways.add_raise(path, raised)
    exhausted = resume([*ended, *stuck], left, depth)
    return left.breaks + context.machine.run(node.otherwise, exhausted, context, ways)


def _forget_counters(body: tuple[ir.Statement, ...], at: ir.Node, state: State, context: Context) -> None:
    """A number that the body counts up is another one on every pass."""
    frame = state.frames.get(context.frame, {})
    for statement in body:
        for node in in_scope(statement):
            if isinstance(node, ir.Augment) and isinstance(node.target, ir.Name):
                name = node.target.id
                if isinstance(frame.get(name), Constant):
                    frame[name] = Result(at.at, name, context.turns)


def run_while(node: ir.While, state: State, context: Context, ways: Ways) -> list[State]:
    """`while` with its `else`."""
    exhausted: list[State] = []
    left: list[State] = []
    current = [state]
    _forget_counters(node.body, node, state, context)
    for number in range(1, DECIDED_PASSES + 1):
        inner = context.but(turns=(*context.turns, Turn(node.at, number)), is_conditional=False)
        entering: list[State] = []
        for path in current:
            before = set(path.facts)
            holds, fails, asked = branch(node.test, path, inner, ways)
            if number == 1:
                _know_filled(asked, holds, fails, before)
            is_decided = any(decide(value, path) is not None and value not in path.facts for value in asked)
            exhausted.extend(fails)
            if number <= PASSES or (is_decided and not fails and not is_endless(node.test)):
                entering.extend(_without_new_facts(kept, before) for kept in holds)
        if not entering:
            break
        current = _run_body(node.body, entering, inner, ways, left)
    exhausted.extend(current if not is_endless(node.test) else [])
    return left + context.machine.run(node.otherwise, context.machine.condense(exhausted), context, ways)


def _know_filled(asked: list[Value], holds: list[State], fails: list[State], before: set[Value]) -> None:
    """`while queue:` runs at least once if and only if what the queue was made from has elements."""
    if len(asked) != 1 or not isinstance(asked[0], Applied) or asked[0].function not in ("list", "deque", "sorted"):
        return
    for paths, truth in ((holds, True), (fails, False)):
        for path in list(paths):
            fact = is_filled(asked[0], path)
            if path.facts.get(fact, truth) is not truth:
                paths.remove(path)
            path.facts[fact] = truth
            before.add(fact)


def _without_new_facts(state: State, before: set[Value]) -> State:
    """A loop's test may come out differently next time, so what it told is not kept."""
    state.facts = {fact: truth for fact, truth in state.facts.items() if fact in before}
    return state


def is_endless(test: ir.Expression) -> bool:
    """Whether a loop with this test ends by a jump or an exception alone."""
    return isinstance(test, ir.Constant) and test.value in ("True", "1")
