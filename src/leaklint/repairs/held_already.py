"""Whether a lock may be held already where a function takes it: what calls the function, or hands it on, in sight.

The analysis has said before that no way it walked holds a lock there; this is about the ways that it did not walk.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, in_scope, last_part
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout

_ON_ITS_OWN = frozenset(
    "Thread Timer call_at call_later call_soon call_soon_threadsafe create_task ensure_future run_coroutine_threadsafe "
    "run_in_executor start_new_thread start_soon submit to_thread".split()
)
"""What lets a function run where the one that hands it over holds nothing for it."""


class _Calls(msgspec.Struct, frozen=True, eq=False):
    """Who calls whom in a file, by name."""

    callers: dict[str, set[str]]
    """The functions that call one of a name."""
    handed_on: dict[str, int]
    """Names of functions that somebody gets to call them, each with the line."""
    holding: dict[str, list[ir.With]]
    """The `with` statements by the names that they hold."""
    takers: dict[str, set[str]]
    """The functions that mention a name, as those do that take the lock."""


def require_not_held(layout: Layout, function: ir.Function, lock_name: str) -> None:
    """Raise RefusedError where code in sight may hold the lock of that name when it comes to `function`."""
    calls = _read(layout)
    names = _leading_to(calls, {function.name})
    handed_on = sorted(names & set(calls.handed_on))
    if handed_on:
        line = calls.handed_on[handed_on[0]]
        raise RefusedError(f"`{handed_on[0]}` is handed on in line {line}, and whoever calls it may hold the lock")
    for statement in calls.holding.get(lock_name, ()):
        for node in (inner for one in statement.body for inner in below(one)):
            if _called_here(node) in names or (_is_asked_by_python(names) and _asks_an_object(layout, node)):
                raise RefusedError(
                    f"the lock is held on line {statement.at.line} already, from where `{function.name}` may be called"
                )


def may_take(layout: Layout, statement: ir.Statement, lock_name: str) -> bool:
    """Whether a statement takes the lock of that name, or calls a function of the file that may."""
    calls = _read(layout)
    names = _leading_to(calls, calls.takers.get(lock_name, set()))
    return any(
        _called_here(node) in names or (isinstance(node, ir.Name | ir.Attribute) and last_part(node) == lock_name)
        for node in below(statement)
    )


@functools.lru_cache(maxsize=2)
def _read(layout: Layout) -> _Calls:
    """Read a file once for all repairs of it."""
    found, plain = _Calls({}, {}, {}, {}), set[str]()
    for function in (node for node in below(layout.module) if isinstance(node, ir.Function)):
        if _is_no_method(function):
            plain.add(function.name)
        for node in in_scope(function):
            if (name := _called_here(node)) is not None:
                found.callers.setdefault(name, set()).add(function.name)
            if isinstance(node, ir.Name | ir.Attribute) and (word := last_part(node)) is not None:
                found.takers.setdefault(word, set()).add(function.name)
    _add_surroundings(found, layout, plain)
    return found


def _add_surroundings(found: _Calls, layout: Layout, plain: set[str]) -> None:
    """Add what is held where, and who is handed on; `plain` are the functions that are no methods."""
    called: set[int] = set()
    # Outer nodes come first: a call before the name that it calls.
    for node in below(layout.module):
        match node:
            case ir.Call():
                called.add(id(node.function))
                if last_part(node.function) in _ON_ITS_OWN:
                    called.update(id(argument.value) for argument in node.arguments)
            case ir.With(items=items):
                for item in items:
                    found.holding.setdefault(last_part(item.context) or "", []).append(node)
            case ir.Name(id=name) if id(node) not in called and name in plain:
                found.handed_on[name] = node.at.line
            case ir.Attribute(value=ir.Name(), name=name) if id(node) not in called:
                found.handed_on[name] = node.at.line


def _is_no_method(function: ir.Function) -> bool:
    owner = function.qualified_name.rpartition(".")[0]
    return not owner or owner.endswith("<locals>")


def _called_here(node: msgspec.Struct) -> str | None:
    """The name of a function that is called by itself, or as a method of a variable; of `self._clients.pop` none."""
    match node:
        case ir.Call(function=ir.Name(id=name) | ir.Attribute(value=ir.Name() | ir.Call(), name=name)):
            return name
        case _:
            return None


def _leading_to(calls: _Calls, functions: set[str]) -> set[str]:
    """The functions of these names, and all that call one of them or something that does."""
    names, pending = set(functions), [*functions]
    while pending:
        more = calls.callers.get(pending.pop(), set()) - names
        names |= more
        pending += more
    return names


def _is_asked_by_python(names: set[str]) -> bool:
    """Whether Python itself calls one of the functions: `__delitem__`."""
    return any(name.startswith("__") and name.endswith("__") for name in names)


def _asks_an_object(layout: Layout, node: msgspec.Struct) -> bool:
    """Whether a node may let Python call methods of a variable: `del self[key]`, `key in self`, `self.pop(key)`."""
    match node:
        case ir.Subscript(value=ir.Name()) | ir.Compare(right=ir.Name()):
            return True
        case ir.Call(function=ir.Attribute(value=ir.Name(), name=name)):
            return name not in layout.by_name.called
        case _:
            return False
