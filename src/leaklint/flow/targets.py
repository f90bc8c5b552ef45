"""Binding: what an assignment, a loop or a `with … as` does to its target."""

from __future__ import annotations

from leaklint import ir
from leaklint.flow.caches import evict
from leaklint.flow.fields import store_attribute, store_item
from leaklint.flow.iteration import part_of
from leaklint.flow.machine import Context, Ways, value_of
from leaklint.flow.state import State
from leaklint.model import Span
from leaklint.outline import resolve
from leaklint.values import Allocated, Applied, Constant, Global, Item, Value


def bind(target: ir.Expression, value: Value, at: Span, state: State, context: Context, ways: Ways) -> None:
    """Give the target its value; the target's own parts are taken on their first path."""
    match target:
        case ir.Name(id=name):
            _set_variable(name, value, at, state, context)
        case ir.Attribute(value=base, name=name):
            store_attribute(value_of(base, state, context, ways), name, value, at, state, context)
        case ir.Subscript(value=base, index=index):
            container = value_of(base, state, context, ways)
            key = value_of(index, state, context, ways)
            store_item(container, key, value, target, state, context)
        case ir.Display(items=items):
            for position, item in enumerate(items):
                inner = item.value if isinstance(item, ir.Starred) else item
                bind(inner, _part(item, value, position, len(items), state), at, state, context, ways)
        case ir.Starred(value=inner):
            bind(inner, value, at, state, context, ways)


def _set_variable(name: str, value: Value, at: Span, state: State, context: Context) -> None:
    routine = context.machine.outline.routines.get(context.routine)
    frame = context.frame
    if routine is not None and name in routine.function.nonlocal_names:
        frame = context.machine.parents.get(frame, frame)
    if routine is not None and name in routine.function.global_names:
        if isinstance(value, Allocated):
            variable = Global(resolve(context.machine.outline, name, context.routine))
            state.published[value] = variable
            evict(variable, None, at, state, context)
        return
    state.frames.setdefault(frame, {})[name] = value


def _part(item: ir.Expression, value: Value, position: int, count: int, state: State) -> Value:
    if isinstance(item, ir.Starred):
        return Applied("rest", (value, Constant(str(position))))
    known = part_of(value, position, state)
    if known is not None:
        return known
    if isinstance(value, Applied) and value.function == "picked":
        return Applied("picked", (Item(value.arguments[0], Constant(str(position))),))
    return Item(value, Constant(str(position)))
