"""Calls of functions that are known by their name: what they give back, where the walk can say it."""

from __future__ import annotations

from leaklint import ir
from leaklint.flow.caches import class_of
from leaklint.flow.iteration import element, known_elements
from leaklint.flow.machine import Arguments, Context, born
from leaklint.flow.state import State
from leaklint.outline import Outline, ancestry
from leaklint.pure import PURE_FUNCTIONS, PURE_METHODS
from leaklint.values import (
    NONE,
    TRUE,
    Allocated,
    Applied,
    ClassReference,
    Field,
    Global,
    Group,
    Instance,
    Partial,
    Text,
    Value,
)


def known_result(
    callee: Value, name: str | None, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> Value | None:
    """What a call gives that neither raises nor calls anything: `type`, `isinstance`, `replace`, `cast`, `partial`."""
    given = arguments.positional
    match name, given:
        case "type", (value,) if isinstance(callee, Global):
            owner = class_of(value, context.machine.outline)
            return ClassReference(owner) if owner is not None else None
        case "isinstance", (value, classes) if _is_instance(value, classes, context.machine.outline):
            return TRUE
        case (("replace" | "_replace"), _) if arguments.keywords:
            return _replaced(callee, arguments, node, state, context)
        case "cast", (_, value):
            return value
        case "partial", (first, *rest):
            return Partial(first, tuple(rest), arguments.keywords)
        case _:
            return None


def _is_instance(value: Value, classes: Value, outline: Outline) -> bool:
    """Whether the object is known to be of one of the classes. That it is not is never known: bases may be unread."""
    if not isinstance(value, Instance | Allocated) or value.class_name is None:
        return False
    asked = classes.items if isinstance(classes, Group) else (classes,)
    own = {blueprint.name for blueprint in ancestry(outline, value.class_name)}
    return any(isinstance(one, ClassReference) and one.name in own for one in asked)


def _replaced(callee: Value, arguments: Arguments, node: ir.Node, state: State, context: Context) -> Value:
    """`dataclasses.replace(old, name=value)` and `old._replace(name=value)`: the old fields, some of them new."""
    old = arguments.positional[0] if arguments.positional else callee.base if isinstance(callee, Field) else NONE
    made = Allocated(node.at, context.turns, "record", old.class_name if isinstance(old, Allocated) else None)
    fields: dict[Value | None, Value] = dict(state.contents.get(old, ())) if isinstance(old, Allocated) else {}
    fields.update({Text(name): value for name, value in arguments.keywords})
    state.contents[made] = tuple(fields.items())
    return made


def pure_result(
    callee: Value, name: str | None, arguments: Arguments, node: ir.Node, state: State, context: Context
) -> Value | None:
    """The value of a call whose result depends on its arguments alone; None of any other call."""
    if name is None or (arguments.keywords and name not in ("enumerate", "zip", "sorted", "range", "dict")):
        return None
    if isinstance(callee, Global) and name in ("list", "set", "dict", "deque") and not arguments.positional:
        return _empty(name, node, context)
    if isinstance(callee, Field) and isinstance(callee.base, Applied) and name in ("pop", "popleft"):
        return element(callee.base, node.at, context.turns, state)
    copied = _copied(name, arguments, node, state, context) if isinstance(callee, Global) else None
    if copied is not None:
        return copied
    if name in PURE_FUNCTIONS and (isinstance(callee, Global) or _is_of_module(callee, context)):
        return born(Applied(name, arguments.positional), node.at, context)
    if isinstance(callee, Field) and name in PURE_METHODS:
        return born(Applied(name, (callee.base, *arguments.positional)), node.at, context)
    return None


def _copied(name: str | None, arguments: Arguments, node: ir.Node, state: State, context: Context) -> Value | None:
    """`list(keys)`, `sorted(keys)` of a container whose elements are known: another one with the same."""
    if name not in ("list", "sorted", "reversed", "set", "deque", "tuple") or len(arguments.positional) != 1:
        return None
    known = known_elements(arguments.positional[0], state)
    if known is None:
        return None
    made = Allocated(node.at, context.turns, "set" if name == "set" else "list")
    state.contents[made] = tuple((None, value) for value in known)
    return made


def _empty(name: str, node: ir.Node, context: Context) -> Allocated:
    kind = name if name in ("set", "dict") else "list"
    return Allocated(node.at, context.turns, kind)  # type: ignore[arg-type]  # one of the three by the line above


def _is_of_module(callee: Value, context: Context) -> bool:
    """Whether the function is reached through an imported module: `hashlib.sha256`."""
    return (
        isinstance(callee, Field)
        and isinstance(callee.base, Global)
        and callee.base.name in context.machine.outline.imports
    )
