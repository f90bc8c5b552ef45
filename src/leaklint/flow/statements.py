"""Runs statements symbolically, following every path to the way it leaves by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from leaklint import ir
from leaklint.flow.blocks import run_try, run_with
from leaklint.flow.caches import about, container, evict, forget, is_picked_from, sweep
from leaklint.flow.conditions import Branches, branch
from leaklint.flow.dull import pass_over
from leaklint.flow.events import Guard, Mark
from leaklint.flow.exceptions import exception_name
from leaklint.flow.expressions import closure
from leaklint.flow.loops import run_for, run_while
from leaklint.flow.machine import Arguments, Context, Ways, may_raise, note
from leaklint.flow.methods import call_method
from leaklint.flow.state import PATHS_APART, Raised, State
from leaklint.flow.targets import bind
from leaklint.may_raise import SAFE_METHODS, is_invariant
from leaklint.values import NONE, Allocated, Applied, Constant, Result, Value, bare, within, word

Slots = list[tuple[Value, Value]]


def run(body: tuple[ir.Statement, ...], states: list[State], context: Context, ways: Ways) -> list[State]:
    """The paths that reach the end of the statements; all others are added to `ways`."""
    for statement in body:
        if not states:
            break
        context.machine.step(is_elsewhere=":" in context.routine)
        if context.machine.is_dull(statement, context.routine):
            states = [after for state in states for after in pass_over(statement, state, context, ways)]
            continue
        together = _RUNNERS_TOGETHER.get(type(statement))
        if together is not None:
            # A few paths have ways out of their own; of all others alike exceptions are followed once.
            groups = [[state] for state in states[:PATHS_APART]] + [states[PATHS_APART:]]
            states = context.machine.condense(
                after for group in groups if group for after in together(statement, group, context, ways)
            )
            continue
        runner = _RUNNERS[type(statement)]
        states = context.machine.condense(
            after for state in states for after in runner(statement, state, context, ways)
        )
    return states


def _values(expression: ir.Expression, state: State, context: Context, ways: Ways) -> list[tuple[State, Value]]:
    return context.machine.evaluate(expression, state, context, ways)


def _assign(node: ir.Assign, state: State, context: Context, ways: Ways) -> list[State]:
    if node.value is None:
        return [state]
    outcomes = _values(node.value, state, context, ways)
    for path, value in outcomes:
        for target in node.targets:
            bind(target, value, node.at, path, context, ways)
    return [path for path, _ in outcomes]


def _augment(node: ir.Augment, state: State, context: Context, ways: Ways) -> list[State]:
    """`cache |= {key: value}` inserts; what is counted up or built on becomes another value."""
    is_counted_down = node.operator == "-" and isinstance(node.target, ir.Subscript)
    if node.operator in ("+", "|", "-") and not is_counted_down:
        before = _values(node.target, state, context.but(augmented=node.target.at), ways)
        states = []
        for path, old in before:
            for after, added in _values(node.value, path, context, ways):
                states.append(_change(node, old, added, after, context, ways))
        return states
    return [path for path, _ in _values(node.value, state, context, ways)]


def _change(node: ir.Augment, old: Value, added: Value, state: State, context: Context, ways: Ways) -> State:
    outline = context.machine.outline
    is_container = isinstance(old, Allocated) or isinstance(added, Allocated)
    if is_container and node.operator in ("+", "|"):
        name = "extend" if node.operator == "+" else "update"
        call_method(old, name, Arguments((added,)), node, state, context)
        return state
    if is_container and isinstance(added, Allocated):
        for key, value in state.contents.get(added, ()):
            evict(container(old, state, outline), value if key is None else key, node.at, state, context)
        return state
    if node.operator == "-" and is_picked_from(added, container(old, state, outline)):
        sweep(container(old, state, outline), node.at, state, context)
        return state
    if isinstance(node.target, ir.Name) and isinstance(added, Constant) and context.turns:
        # A number that a loop counts up: another one on every pass.
        bind(node.target, Result(node.at, node.target.id, context.turns), node.at, state, context, ways)
        return state
    changed = context.machine.evaluate(ir.Binary(node.at, node.target, node.operator, node.value), state, context, ways)
    if not isinstance(node.target, ir.Subscript):
        bind(node.target, changed[0][1], node.at, state, context, ways)
    return state


def _delete(node: ir.Delete, state: State, context: Context, ways: Ways) -> list[State]:
    states = [state]
    for target in node.targets:
        states = [after for path in states for after in _delete_one(target, path, context, ways)]
    return states


def _delete_one(target: ir.Expression, state: State, context: Context, ways: Ways) -> list[State]:
    match target:
        case ir.Subscript(value=base, index=index):
            states = []
            for path, container_value in _values(base, state, context, ways):
                for after, key in _values(index, path, context, ways):
                    call_method(container_value, "__delitem__", Arguments((key,)), target, after, context)
                    states.append(after)
            return states
        case ir.Name(id=name):
            state.frames.get(context.frame, {}).pop(name, None)
        case ir.Display(items=items):
            states = [state]
            for item in items:
                states = [after for path in states for after in _delete_one(item, path, context, ways)]
            return states
    return [state]


def _evaluate(node: ir.Evaluate, state: State, context: Context, ways: Ways) -> list[State]:
    return [path for path, _ in _values(node.value, state, context, ways)]


def _return(node: ir.Return, state: State, context: Context, ways: Ways) -> list[State]:
    outcomes = _values(node.value, state, context, ways) if node.value is not None else [(state, NONE)]
    for path, value in outcomes:
        note(path, "return", node.at, context, value)
        ways.returns.append((path, value))
    return []


def _raise(node: ir.Raise, state: State, context: Context, ways: Ways) -> list[State]:
    paths = _values(node.exception, state, context, ways) if node.exception is not None else [(state, NONE)]
    raised = node.exception.function if isinstance(node.exception, ir.Call) else node.exception
    name = exception_name(raised, context.machine.outline, context.routine)
    for path, _ in paths:
        mark = Mark("raise", context.place(node.at), "raise")
        if node.exception is None and context.handled is not None:
            ways.add_raise(path, context.handled)
        else:
            path.mark(mark)
            is_type = name is not None and word(name)[:1].isupper()
            ways.add_raise(path, Raised("error", name if is_type else None, mark))
    return []


def _assert(node: ir.Assert, state: State, context: Context, ways: Ways) -> list[State]:
    holds, fails, _ = branch(node.test, state, context, ways)
    for path in fails if not is_invariant(node.test) else ():
        may_raise(path, node.at, "assert", context, ways)
    return holds


def _break(node: ir.Break, state: State, context: Context, ways: Ways) -> list[State]:
    note(state, "break", node.at, context)
    ways.breaks.append(state)
    return []


def _continue(node: ir.Continue, state: State, context: Context, ways: Ways) -> list[State]:
    note(state, "continue", node.at, context)
    ways.continues.append(state)
    return []


def _nothing(node: ir.Statement, state: State, context: Context, ways: Ways) -> list[State]:
    return [state]


def _if(node: ir.If, states: list[State], context: Context, ways: Ways) -> list[State]:
    """Paths with the same entries that ask the same take each side together."""
    together: dict[object, tuple[Guard, Branches]] = {}
    for state in states:
        entries = frozenset(state.entries)
        before = tuple(state.frames.get(context.frame, {}).values()) if entries else ()
        holds, fails, asked = branch(node.test, state, context, ways)
        guard = Guard(context.place(node.at), tuple(asked), _outcomes(asked, before))
        _, both = together.setdefault((guard, entries), (guard, ([], [], asked)))
        both[0].extend(holds)
        both[1].extend(fails)
    sides = together.values()
    return [after for guard, branches in sides for after in _run_sides(node, guard, branches, context, ways)]


def _run_sides(node: ir.If, guard: Guard, branches: Branches, context: Context, ways: Ways) -> list[State]:
    holds, fails, asked = branches
    otherwise = msgspec.structs.replace(guard, is_otherwise=True)
    inner = context.but(is_conditional=True, guards=(*context.guards, otherwise))
    negated = msgspec.structs.replace(guard, is_negated=isinstance(node.test, ir.Not))
    entered = context.but(is_conditional=True, guards=(*context.guards, negated))
    questioned = {slot for path in (*holds, *fails) for value in asked for slot in about(value, path)}
    sides = [_run_side(node.body, holds, entered, ways), _run_side(node.otherwise, fails, inner, ways)]
    return _settle(sides, questioned, ways)


def _outcomes(asked: list[Value], before: tuple[Value, ...]) -> frozenset[Value]:
    """What calls that could fail have brought, of all that a test asks about: the variables had it before."""
    results = {part for value in asked for part in within(value) if isinstance(part, Result) and part.inputs}
    results = {part for part in results if part.callee.rpartition(".")[2] not in SAFE_METHODS}
    if not results:
        return frozenset()
    known = {part for value in before for part in within(value)}
    return frozenset(bare(part) for part in results if part in known)


class _Side:
    """What one side of a branch came to, jumps included."""

    def __init__(self, ended: list[State], ways: Ways) -> None:
        self.ended = ended
        self.ways = ways

    def paths(self) -> list[State]:
        """Every path of this side that goes on in some way without an exception."""
        return [*self.ended, *(path for path, _ in self.ways.returns), *self.ways.breaks, *self.ways.continues]


def _run_side(body: tuple[ir.Statement, ...], paths: list[State], context: Context, ways: Ways) -> _Side:
    inner = ways.nested()
    return _Side(context.machine.run(body, paths, context, inner), inner)


def _settle(sides: list[_Side], questioned: set[tuple[Value, Value]], ways: Ways) -> list[State]:
    """Join the sides. An entry that the test asked about and one side evicts is gone on the other side too.

    A side that is not to evict it leaves it in whatever raises there.
    """
    for slot in questioned:
        holding = [[path for path in side.paths() if slot in path.entries] for side in sides]
        if all(len(kept) == len(side.paths()) for kept, side in zip(holding, sides, strict=True)):
            continue
        for kept, side in zip(holding, sides, strict=True):
            keeps = bool(kept) and len(kept) == len(side.paths())
            raising = [path for path, _ in side.ways.raises if slot in path.entries] if keeps else []
            for path in (*kept, *raising):
                forget([slot], path)
    for side in sides:
        ways.returns.extend(side.ways.returns)
        ways.breaks.extend(side.ways.breaks)
        ways.continues.extend(side.ways.continues)
        for path, raised in side.ways.raises:
            ways.add_raise(path, raised)
    return [path for side in sides for path in side.ended]


def _match(node: ir.Match, state: State, context: Context, ways: Ways) -> list[State]:
    """One case after another; a literal pattern is the same test wherever it stands."""
    ended: list[State] = []
    for path, subject in _values(node.subject, state, context, ways):
        remaining = [path]
        for number, case in enumerate(node.cases):
            remaining, done = _run_case(case, number, subject, remaining, context, ways)
            ended.extend(done)
        ended.extend(remaining)
    return ended


def _run_case(
    case: ir.Case, number: int, subject: Value, states: list[State], context: Context, ways: Ways
) -> tuple[list[State], list[State]]:
    """The paths that go on to the next case, and those that are through with the statement."""
    passed_by: list[State] = []
    entering: list[State] = []
    for state in states:
        matching = state.copy() if not case.catches_all else state
        if not case.catches_all:
            passed_by.append(state)
        for name in case.bound:
            matching.frames.setdefault(context.frame, {})[name] = Applied(
                "case", (subject, Constant(f"{number}{name}"))
            )
        if case.guard is None:
            entering.append(matching)
        else:
            holds, fails, _ = branch(case.guard, matching, context, ways)
            entering.extend(holds)
            passed_by.extend(fails)
    return passed_by, context.machine.run(case.body, entering, context.but(is_conditional=True), ways)


def _define(node: ir.Define, state: State, context: Context, ways: Ways) -> list[State]:
    paths = [state]
    for expression in node.function.decorators:
        paths = [after for path in paths for after, _ in _values(expression, path, context, ways)]
    made = [outcome for path in paths for outcome in closure(node.function, path, context, ways)]
    for path, value in made:
        path.frames.setdefault(context.frame, {})[node.function.name] = value
    paths = [path for path, _ in made]
    name = context.machine.outline.names_at[node.function.at]
    if node.function.decorators and not context.machine.outline.routines[name].is_context_manager:
        for path in paths:
            may_raise(path, node.at, "decorator", context, ways)
    return paths


_RUNNERS: dict[type[ir.Node], Callable[[Any, State, Context, Ways], list[State]]] = {
    ir.Assign: _assign,
    ir.Augment: _augment,
    ir.Delete: _delete,
    ir.Evaluate: _evaluate,
    ir.Return: _return,
    ir.Raise: _raise,
    ir.Assert: _assert,
    ir.Break: _break,
    ir.Continue: _continue,
    ir.Pass: _nothing,
    ir.Import: _nothing,
    ir.While: run_while,
    ir.For: run_for,
    ir.With: run_with,
    ir.Match: _match,
    ir.Define: _define,
    ir.DefineClass: _nothing,
}
_RUNNERS_TOGETHER: dict[type[ir.Node], Callable[[Any, list[State], Context, Ways], list[State]]] = {
    ir.If: _if,
    ir.Try: run_try,
}
