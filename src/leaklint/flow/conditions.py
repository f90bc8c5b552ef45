"""Tests: which branches a path may take, and what it knows afterwards. The same test later gives the same answer."""

from __future__ import annotations

from leaklint import ir
from leaklint.flow.caches import container, membership
from leaklint.flow.machine import Context, Ways
from leaklint.flow.state import PATHS_KEPT, State, condense
from leaklint.values import (
    FALSE,
    NONE,
    TRUE,
    Allocated,
    Applied,
    ClassReference,
    Closure,
    Constant,
    Entry,
    Field,
    Group,
    Instance,
    Template,
    Text,
    Value,
)

Branches = tuple[list[State], list[State], list[Value]]
"""The paths on which a test holds, those on which it does not, and the values that it asked about."""


def branch(test: ir.Expression, state: State, context: Context, ways: Ways) -> Branches:
    """Evaluate a test on one path."""
    match test:
        case ir.Not(value=value):
            holds, fails, about = branch(value, state, context, ways)
            return fails, holds, about
        case ir.Boolean(operator=operator, values=values):
            return _branch_boolean(operator, values, state, context, ways)
    holding: list[State] = []
    failing: list[State] = []
    asked: list[Value] = []
    for path, tested in context.machine.evaluate(test, state, context, ways):
        asked.append(tested)
        for truth, outcome in fork(tested, path):
            (holding if truth else failing).append(outcome)
    return holding, failing, asked


def _branch_boolean(
    operator: str, values: tuple[ir.Expression, ...], state: State, context: Context, ways: Ways
) -> Branches:
    decided: list[State] = []
    open_paths = [state]
    asked: list[Value] = []
    for value in values:
        still_open: list[State] = []
        for path in open_paths:
            holds, fails, about = branch(value, path, context, ways)
            asked.extend(about)
            decided.extend(fails if operator == "and" else holds)
            still_open.extend(holds if operator == "and" else fails)
        open_paths = condense(still_open, PATHS_KEPT)
    decided = condense(decided, PATHS_KEPT)
    return (open_paths, decided, asked) if operator == "and" else (decided, open_paths, asked)


def fork(value: Value, state: State) -> list[tuple[bool, State]]:
    """The one or two ways on from a test of `value`, each knowing how it came out."""
    positive, is_negated = _normal(value)
    known = decide(positive, state)
    if known is not None:
        return [(known is not is_negated, state)]
    other = state.copy()
    if isinstance(positive, Entry) and (positive.cache, positive.key) not in state.entries:
        # What was not put in by this operation is there or not, as far as a test of its truth can tell.
        positive = _truth_of(positive)
    state.facts[positive] = True
    other.facts[positive] = False
    return [(not is_negated, state), (is_negated, other)]


def _normal(value: Value) -> tuple[Value, bool]:
    """The test without its negations, and whether there was an odd number of them."""
    is_negated = False
    while isinstance(value, Applied):
        match value.function, value.arguments:
            case "not", (inner,):
                value, is_negated = inner, not is_negated
            case "is not" | "!=" as operator, arguments:
                value, is_negated = Applied("is" if operator == "is not" else "==", arguments), not is_negated
            case "not in", arguments:
                value, is_negated = Applied("in", arguments), not is_negated
            case "is" | "==", (inner, Constant(value="None")):
                return _truth_of(inner), not is_negated
            case _:
                break
    return value, is_negated


def _truth_of(value: Value) -> Value:
    """An entry looked up is there or not: `c.get(key) is None` asks the same as `key not in c`."""
    return membership(value.cache, value.key) if isinstance(value, Entry) else value


def _is_nonempty(entry: Entry, state: State) -> bool | None:
    """Whether an entry holds a container with something in it, or is there at all if it is no container."""
    held = state.entries.get((entry.cache, entry.key))
    if any(cache == entry for cache, _ in state.entries):
        return True
    if held is not None and isinstance(held.value, Allocated) and held.value.kind != "record":
        return None
    return state.facts.get(membership(entry.cache, entry.key))


def decide(value: Value, state: State) -> bool | None:
    """Whether a test is known to hold."""
    if value in state.facts:
        return state.facts[value]
    match value:
        case Entry():
            return _is_nonempty(value, state)
        case Constant():
            return value not in (NONE, FALSE, Constant("0"))
        case Text(value=text):
            return bool(text)
        case Template() | Closure() | Instance():
            return True
        case Group(items=items):
            return bool(items)
        case Allocated(kind="record"):
            return True
        case Allocated() if value not in state.published:
            return bool(state.contents.get(value))
        case Applied(function="==" | "is", arguments=(left, right)) if left == right:
            return True
        case Applied(function="==" | "is", arguments=(left, right)) if _are_apart(left, right):
            return False
        case Applied(function="is", arguments=(left, Constant())) if isinstance(left, Allocated | Template | Closure):
            return False
        case _:
            return None


def _are_apart(left: Value, right: Value) -> bool:
    """Whether two texts are different ones, or two constants of one class: `State.BUSY` and `State.IDLE`."""
    match left, right:
        case (Text(value=one), Text(value=other)):
            return one != other
        case (Field(base=ClassReference() as one, name=name), Field(base=ClassReference() as other, name=other_name)):
            return one == other and name != other_name and name.isupper() and other_name.isupper()
        case _:
            return False


def truth_value(value: Value, state: State) -> Value:
    """The value as `True` or `False` where that is known, else itself."""
    known = decide(value, state)
    return value if known is None else TRUE if known else FALSE


def compared(left: Value, operator: str, right: Value, state: State, context: Context) -> Value:
    """The value of a comparison; a container is named as it outlives the walk."""
    if operator in ("in", "not in"):
        right = container(right, state, context.machine.outline)
        if isinstance(right, Applied) and right.function == "keys":
            right = right.arguments[0]
    return Applied(operator, (left, right))
