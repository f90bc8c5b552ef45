"""Evaluates expressions symbolically: every path after one, with the value it has there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leaklint import ir
from leaklint.flow.caches import container
from leaklint.flow.conditions import branch, compared, fork
from leaklint.flow.fields import read_attribute, read_item
from leaklint.flow.iteration import element, is_filled, known_elements
from leaklint.flow.machine import Arguments, Context, Valued, Ways, born, may_raise
from leaklint.flow.names import meant
from leaklint.flow.state import PATHS_KEPT, State, condense, thin_out
from leaklint.flow.targets import bind
from leaklint.may_raise import is_only_cancelled
from leaklint.outline import method, resolve
from leaklint.values import (
    NONE,
    Allocated,
    Applied,
    Closure,
    Constant,
    Free,
    Global,
    Group,
    Instance,
    Partial,
    Result,
    Template,
    Text,
    Turn,
    Value,
    called_word,
    involved,
    template,
)


def evaluate(expression: ir.Expression, state: State, context: Context, ways: Ways) -> Valued:
    """The paths after the expression with its value on each. The given state may be changed."""
    context.machine.spend(state)
    return thin_out(_EVALUATORS[type(expression)](expression, state, context, ways))


def evaluate_all(
    expressions: Sequence[ir.Expression], state: State, context: Context, ways: Ways
) -> list[tuple[State, tuple[Value, ...]]]:
    """Several expressions in order. More than `PATHS_KEPT` ways through them are cut off, which only hides leaks."""
    paths: list[tuple[State, tuple[Value, ...]]] = [(state, ())]
    for expression in expressions:
        paths = [
            (after, (*values, value))
            for path, values in paths
            for after, value in evaluate(expression, path, context, ways)
        ][:PATHS_KEPT]
    return paths


def look_up(name: str, state: State, context: Context) -> Value:
    """A variable: of the routine, of one that it is nested in, of the module, or a builtin."""
    frame: int | None = context.frame
    while frame:
        found = state.frames.get(frame, {}).get(name)
        if found is not None:
            return found
        frame = context.machine.parents.get(frame)
    outline = context.machine.outline
    routine = outline.routines.get(context.routine)
    while routine is not None and routine.parent is not None:
        routine = outline.routines[routine.parent]
        if routine.class_name is not None and routine.takes_receiver and _is_first_parameter(name, routine.function):
            return Instance(routine.class_name)
        if name in outline.local_names[routine.name]:
            return Free(routine.name, name)
    return meant(resolve(outline, name, context.routine), outline)


def _is_first_parameter(name: str, function: ir.Function) -> bool:
    return bool(function.parameters) and function.parameters[0].name == name


def _name(node: ir.Name, state: State, context: Context, ways: Ways) -> Valued:
    return [(state, look_up(node.id, state, context))]


def _text(node: ir.Text, state: State, context: Context, ways: Ways) -> Valued:
    return [(state, Text(node.value))]


def _constant(node: ir.Constant, state: State, context: Context, ways: Ways) -> Valued:
    return [(state, Constant(node.value))]


def _template(node: ir.Template, state: State, context: Context, ways: Ways) -> Valued:
    paths = evaluate_all(node.parts, state, context, ways)
    return [(path, born(template(tuple(map(_unwrapped, values))), node.at, context)) for path, values in paths]


def _unwrapped(value: Value) -> Value:
    """A hole's value as the string shows it: `str(x)` looks like `x`."""
    if isinstance(value, Applied) and value.function == "str" and len(value.arguments) == 1:
        return value.arguments[0]
    return value


def _attribute(node: ir.Attribute, state: State, context: Context, ways: Ways) -> Valued:
    return [
        outcome
        for path, base in evaluate(node.value, state, context, ways)
        for outcome in read_attribute(base, node.name, node, path, context, ways)
    ]


def _subscript(node: ir.Subscript, state: State, context: Context, ways: Ways) -> Valued:
    paths = evaluate_all((node.value, node.index), state, context, ways)
    return [(path, read_item(base, index, node, path, context, ways)) for path, (base, index) in paths]


def _call(node: ir.Call, state: State, context: Context, ways: Ways) -> Valued:
    outcomes: Valued = []
    for path, callee in _callee(node.function, state, context, ways):
        values = evaluate_all([argument.value for argument in node.arguments], path, context, ways)
        for after, evaluated in values:
            arguments = _arguments(node, evaluated, after)
            outcomes.extend(context.machine.call(callee, arguments, node, after, context, ways))
    return outcomes


def _callee(function: ir.Expression, state: State, context: Context, ways: Ways) -> Valued:
    match function:
        case ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name=name) if context.class_name:
            owner = context.machine.outline.routines[context.routine].class_name
            found = method(context.machine.outline, context.class_name, name, above=owner)
            receiver = Instance(context.class_name)
            return [(state, Closure(found.name, 0, receiver) if found else Global(f"super.{name}"))]
    return evaluate(function, state, context, ways)


def _arguments(node: ir.Call, values: tuple[Value, ...], state: State) -> Arguments:
    positional: list[Value] = []
    keywords: list[tuple[str, Value]] = []
    for argument, value in zip(node.arguments, values, strict=True):
        if argument.name == "*":
            positional.extend(known_elements(value, state) or [Applied("*", (value,))])
        elif argument.name == "**":
            known = state.contents.get(value, ()) if isinstance(value, Allocated) else ()
            keywords.extend((key.value, held) for key, held in known if isinstance(key, Text))
        elif argument.name is None:
            positional.append(value)
        else:
            keywords.append((argument.name, value))
    return Arguments(tuple(positional), tuple(keywords))


def _display(node: ir.Display, state: State, context: Context, ways: Ways) -> Valued:
    outcomes: Valued = []
    for path, values in evaluate_all(node.items, state, context, ways):
        items: list[Value] = []
        for value in values:
            is_spread = isinstance(value, Applied) and value.function == "*"
            known = known_elements(value.arguments[0], path) if isinstance(value, Applied) and is_spread else None
            items.extend(known if known is not None else [value])
        if node.kind == "tuple":
            outcomes.append((path, born(Group(tuple(items)), node.at, context)))
        else:
            made = Allocated(node.at, context.turns, node.kind)
            path.contents[made] = tuple((None, item) for item in items)
            outcomes.append((path, made))
    return outcomes


def _mapping(node: ir.Mapping, state: State, context: Context, ways: Ways) -> Valued:
    expressions = [part for pair in node.pairs for part in (pair.key or ir.Constant(pair.value.at, "None"), pair.value)]
    outcomes: Valued = []
    for path, values in evaluate_all(expressions, state, context, ways):
        made = Allocated(node.at, context.turns, "dict")
        pairs: list[tuple[Value | None, Value]] = []
        for pair, key, value in zip(node.pairs, values[::2], values[1::2], strict=True):
            if pair.key is not None:
                pairs.append((key, value))
            elif isinstance(value, Allocated):
                pairs.extend(path.contents.get(value, ()))
        path.contents[made] = tuple(pairs)
        outcomes.append((path, made))
    return outcomes


def _comprehension(node: ir.Comprehension, state: State, context: Context, ways: Ways) -> Valued:
    kind = "list" if node.kind == "generator" else node.kind
    made = Allocated(node.at, context.turns, kind)
    state.contents[made] = ()
    outcomes: Valued = []
    for path, iterable in evaluate(node.clauses[0].iterable, state, context, ways):
        picked = _picked_from(node, iterable, path, context)
        if picked is not None:
            outcomes.append((path, picked))
            continue
        for after in _run_clauses(node, 0, iterable, [path], made, context, ways):
            outcomes.append((after, made))
    return outcomes


def _picked_from(node: ir.Comprehension, iterable: Value, state: State, context: Context) -> Value | None:
    """`[k for k, v in cache.items() if …]` picks keys of a container; it is named so, for a sweep over a cache."""
    clause = node.clauses[0]
    first = clause.target.items[0] if isinstance(clause.target, ir.Display) else clause.target
    is_plain = len(node.clauses) == 1 and clause.conditions and node.kind in ("list", "set", "generator")
    if not is_plain or not isinstance(node.element, ir.Name) or node.element != _at(first, node.element):
        return None
    if known_elements(iterable, state) is not None:
        return None
    while isinstance(iterable, Applied) and iterable.function in ("items", "list", "keys", "tuple"):
        iterable = iterable.arguments[0]
    return Applied("picked", (container(iterable, state, context.machine.outline),))


def _at(name: ir.Expression, other: ir.Name) -> ir.Expression:
    return ir.Name(other.at, name.id) if isinstance(name, ir.Name) else name


def _run_clauses(
    node: ir.Comprehension,
    depth: int,
    iterable: Value,
    states: list[State],
    made: Allocated,
    context: Context,
    ways: Ways,
) -> list[State]:
    """The clauses from `depth` on, as nested loops of two passes."""
    clause = node.clauses[depth]
    finished: list[State] = []
    for state in states:
        known = known_elements(iterable, state)
        passes = known if known is not None else [None, None]
        current = [state]
        if known is None:
            branches = fork(is_filled(iterable, state), state)
            current = [path for truth, path in branches if truth]
            finished.extend(path for truth, path in branches if not truth)
        for number, item in enumerate(passes, 1):
            inner = context.but(turns=(*context.turns, Turn(clause.iterable.at, number)))
            following: list[State] = []
            for path in current:
                if clause.is_async:
                    may_raise(path, clause.iterable.at, "async for", inner, ways, ("error", "cancel"))
                value = item if item is not None else element(iterable, clause.iterable.at, inner.turns, path)
                bind(clause.target, value, clause.target.at, path, inner, ways)
                following.extend(_run_pass(node, depth, path, made, inner, ways))
            current = context.machine.condense(following)
        finished.extend(current)
    return condense(finished, PATHS_KEPT)


def _run_pass(
    node: ir.Comprehension, depth: int, state: State, made: Allocated, context: Context, ways: Ways
) -> list[State]:
    passing = [state]
    skipped: list[State] = []
    for condition in node.clauses[depth].conditions:
        tested = [branch(condition, path, context, ways) for path in passing]
        passing = [path for holds, _, _ in tested for path in holds]
        skipped.extend(path for _, fails, _ in tested for path in fails)
    if depth + 1 < len(node.clauses):
        inner = node.clauses[depth + 1].iterable
        outcomes = [outcome for path in passing for outcome in evaluate(inner, path, context, ways)]
        done = [
            after
            for path, iterable in outcomes
            for after in _run_clauses(node, depth + 1, iterable, [path], made, context, ways)
        ]
        return done + skipped
    expressions = [node.element] if node.value is None else [node.element, node.value]
    done = []
    for path in passing:
        for after, values in evaluate_all(expressions, path, context, ways):
            pair = (None, values[0]) if node.value is None else (values[0], values[1])
            after.contents[made] = (*after.contents.get(made, ()), pair)
            done.append(after)
    return done + skipped


def _lambda(node: ir.Lambda, state: State, context: Context, ways: Ways) -> Valued:
    return closure(node.function, state, context, ways)


def closure(function: ir.Function, state: State, context: Context, ways: Ways) -> Valued:
    """A nested function as a value: it sees the variables of the frame that it was made in, and keeps its defaults."""
    given = [(p.name, p.default) for p in function.parameters if p.default is not None]
    name = context.machine.outline.names_at[function.at]
    return [
        (path, Closure(name, context.frame, None, tuple(zip((n for n, _ in given), values, strict=True))))
        for path, values in evaluate_all([default for _, default in given], state, context, ways)
    ]


def _conditional(node: ir.Conditional, state: State, context: Context, ways: Ways) -> Valued:
    holds, fails, _ = branch(node.test, state, context, ways)
    return [
        outcome
        for paths, chosen in ((holds, node.then), (fails, node.otherwise))
        for path in paths
        for outcome in evaluate(chosen, path, context, ways)
    ]


def _boolean(node: ir.Boolean, state: State, context: Context, ways: Ways) -> Valued:
    """`a or b` is `a` where it holds, else `b`; `and` the other way round."""
    finished: Valued = []
    open_paths = [state]
    for value in node.values[:-1]:
        still_open: list[State] = []
        for path in open_paths:
            for after, result in evaluate(value, path, context, ways):
                for truth, outcome in fork(result, after):
                    if truth is (node.operator == "or"):
                        finished.append((outcome, result))
                    else:
                        still_open.append(outcome)
        open_paths = condense(still_open, PATHS_KEPT)
    for path in open_paths:
        finished.extend(evaluate(node.values[-1], path, context, ways))
    return finished


def _not(node: ir.Not, state: State, context: Context, ways: Ways) -> Valued:
    return [(path, Applied("not", (value,))) for path, value in evaluate(node.value, state, context, ways)]


def _compare(node: ir.Compare, state: State, context: Context, ways: Ways) -> Valued:
    paths = evaluate_all((node.left, node.right), state, context, ways)
    return [(path, compared(left, node.operator, right, path, context)) for path, (left, right) in paths]


def _binary(node: ir.Binary, state: State, context: Context, ways: Ways) -> Valued:
    outcomes: Valued = []
    for path, (left, right) in evaluate_all((node.left, node.right), state, context, ways):
        value: Value = Applied(node.operator, (left, right))
        if node.operator == "+" and any(_is_text(side) for side in (left, right)):
            value = born(template((_unwrapped(left), _unwrapped(right))), node.at, context)
        elif (moved := _moved(node.operator, left, right)) is not None:
            value = moved
        elif node.operator == "+" and isinstance(left, Group) and isinstance(right, Group):
            value = born(Group((*left.items, *right.items)), node.at, context)
        elif node.operator in ("+", "|") and isinstance(left, Allocated) and isinstance(right, Allocated):
            value = Allocated(node.at, context.turns, left.kind)
            path.contents[value] = (*path.contents.get(left, ()), *path.contents.get(right, ()))
        outcomes.append((path, value))
    return outcomes


def _moved(operator: str, left: Value, right: Value) -> Value | None:
    """A number counted up or down twice, as one step: what was counted up and then down is what it was."""
    first, second = _step(left), _step(Applied(operator, (NONE, right)))
    if first is None or second is None or not isinstance(left, Applied):
        return None
    base, distance = left.arguments[0], first + second
    if not distance:
        return base
    return Applied("+" if distance > 0 else "-", (base, Constant(str(abs(distance)))))


def _step(value: Value) -> int | None:
    """By how much a number is counted up: `n + 1`, `n - 1`."""
    match value:
        case Applied(function="+" | "-" as operator, arguments=(_, Constant(value=number))) if number.isdecimal():
            return int(number) if operator == "+" else -int(number)
        case _:
            return None


def _is_text(value: Value) -> bool:
    return isinstance(value, Text | Template) or (isinstance(value, Applied) and value.function in ("str", "repr"))


def _await(node: ir.Await, state: State, context: Context, ways: Ways) -> Valued:
    outcomes: Valued = []
    for path, value in evaluate(node.value, state, context.but(awaited=node.value.at), ways):
        if isinstance(value, Partial) and value.is_started:
            arguments = Arguments(value.positional, value.keywords)
            started = Partial(value.callee, (), (), is_started=False)
            outcomes.extend(context.machine.call(started, arguments, node, path, context, ways))
        else:
            kinds = ("cancel",) if is_only_cancelled(node.value) else ("error", "cancel")
            around = context.but(is_cleanup=False) if _is_task_of_an_entry(value, path) else context
            may_raise(path, node.at, _spell(node.value), around, ways, kinds, tuple(involved(value)))
            outcomes.append((path, value))
    return outcomes


def _is_task_of_an_entry(value: Value, state: State) -> bool:
    """Whether it is the task that an entry has: a cleanup that awaits it, too, gets what went wrong in it."""
    is_task = isinstance(value, Result) and called_word(value) in ("create_task", "ensure_future")
    return is_task and any(held.insertion.value == value for held in state.entries.values())


def _spell(node: ir.Expression) -> str:
    from leaklint.ir_walk import dotted

    return dotted(node.function if isinstance(node, ir.Call) else node) or "await"


def _yield(node: ir.Yield, state: State, context: Context, ways: Ways) -> Valued:
    paths = evaluate(node.value, state, context, ways) if node.value is not None else [(state, NONE)]
    outcomes: Valued = []
    for path, value in paths:
        if context.on_yield is not None:
            outcomes.extend((after, NONE) for after in context.on_yield(path, value, ways))
            continue
        routine = context.machine.outline.routines.get(context.routine)
        if routine is None or not routine.is_always_resumed:
            kinds = ("error", "cancel") if routine and routine.is_context_manager else ("cancel",)
            may_raise(path, node.at, "yield", context, ways, kinds)
        outcomes.append((path, Result(node.at, "yield", context.turns)))
    return outcomes


def _starred(node: ir.Starred, state: State, context: Context, ways: Ways) -> Valued:
    return [(path, Applied("*", (value,))) for path, value in evaluate(node.value, state, context, ways)]


def _walrus(node: ir.Walrus, state: State, context: Context, ways: Ways) -> Valued:
    outcomes = evaluate(node.value, state, context, ways)
    for path, value in outcomes:
        bind(node.target, value, node.at, path, context, ways)
    return outcomes


def _opaque(node: ir.Opaque, state: State, context: Context, ways: Ways) -> Valued:
    paths = evaluate_all(node.children, state, context, ways)
    return [(path, Result(node.at, "expression", context.turns)) for path, _ in paths]


_EVALUATORS: dict[type[ir.Node], Callable[[Any, State, Context, Ways], Valued]] = {
    ir.Name: _name,
    ir.Text: _text,
    ir.Constant: _constant,
    ir.Template: _template,
    ir.Attribute: _attribute,
    ir.Subscript: _subscript,
    ir.Call: _call,
    ir.Display: _display,
    ir.Mapping: _mapping,
    ir.Comprehension: _comprehension,
    ir.Lambda: _lambda,
    ir.Conditional: _conditional,
    ir.Boolean: _boolean,
    ir.Not: _not,
    ir.Compare: _compare,
    ir.Binary: _binary,
    ir.Await: _await,
    ir.Yield: _yield,
    ir.Starred: _starred,
    ir.Walrus: _walrus,
    ir.Opaque: _opaque,
}
