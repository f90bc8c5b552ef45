"""Code that may run under a lock: nothing in it waits, and all that it calls is the container and what Python has."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.pure import PURE_FUNCTIONS, PURE_METHODS
from leaklint.repairs.layout import text_of

if TYPE_CHECKING:
    import msgspec

    from leaklint.repairs.layout import Layout

_SLOW = (ir.Await, ir.Yield, ir.Lambda, ir.Define, ir.DefineClass, ir.With)


def is_brief(layout: Layout, node: msgspec.Struct, cache: str) -> bool:
    """Whether all that a statement does may be done under the lock of the container that `cache` is the text of."""
    return not any(isinstance(inner, _SLOW) or _waits(inner) for inner in below(node)) and all(
        _is_quick(layout, inner, cache) for inner in below(node) if isinstance(inner, ir.Call)
    )


def looks_at(layout: Layout, node: msgspec.Struct, cache: str) -> bool:
    """Whether a statement reads the container of that text."""
    return any(
        isinstance(inner, ir.Name | ir.Attribute) and text_of(layout, inner.at) == cache for inner in below(node)
    )


def _waits(node: msgspec.Struct) -> bool:
    match node:
        case ir.For(is_async=True) | ir.Clause(is_async=True):
            return True
        case _:
            return False


def _is_quick(layout: Layout, call: ir.Call, cache: str) -> bool:
    match call.function:
        case ir.Attribute(value=value) if text_of(layout, value.at) == cache:
            return True
        case ir.Attribute(name=name):
            return name in PURE_METHODS
        case ir.Name(id=name) if name not in layout.names:
            return name in PURE_FUNCTIONS or _is_exception(name)
        case _:
            return False


def _is_exception(name: str) -> bool:
    known = getattr(builtins, name, None)
    return isinstance(known, type) and issubclass(known, BaseException)
