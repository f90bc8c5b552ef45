"""Whether an operation ends what an earlier one has under its key and puts its own in place.

The earlier one is woken only after that. A `finally` of it would evict what is not its own any more, and whoever waits
for that would wait for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.endings import is_ending
from leaklint.ir_walk import below
from leaklint.model import MODULES_APART
from leaklint.repairs.find import function_of, statement_around
from leaklint.repairs.layout import text_of

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout

RISK = "the next operation under this key ends this one's entry and puts in its own, which this one would then evict"

_READING = frozenset({"get", "pop", "setdefault"})


class Slot(msgspec.Struct, frozen=True):
    """An entry as the code writes it: container and key."""

    cache: str
    key: str


def replaces_an_earlier_entry(intent: Intent) -> bool:
    """Whether the function that inserts ends an entry under the same key before."""
    layout, at = intent.layout, intent.report.story.insertion.place.at
    if at.line >= MODULES_APART:
        return False
    inserting = statement_around(layout, at)
    slot, function = _filled(layout, inserting), function_of(layout, inserting)
    if slot is None:
        return False
    nodes = [node for node in below(function) if isinstance(node, ir.Node) and node.at < inserting.at]
    names = {name for node in nodes for name in _named(layout, node, slot)}
    return any(_ends(layout, node, slot, names) for node in nodes)


def _filled(layout: Layout, statement: ir.Statement) -> Slot | None:
    match statement:
        case ir.Assign(targets=targets):
            for target in targets:
                if isinstance(target, ir.Subscript):
                    return Slot(text_of(layout, target.value.at), text_of(layout, target.index.at))
    return None


def _named(layout: Layout, node: ir.Node, slot: Slot) -> set[str]:
    """The variables that a node binds to the entry."""
    match node:
        case ir.Assign(targets=targets, value=value) if _is_entry(layout, value, slot):
            return {target.id for target in targets if isinstance(target, ir.Name)}
        case ir.Walrus(target=ir.Name(id=name), value=value) if _is_entry(layout, value, slot):
            return {name}
        case _:
            return set()


def _ends(layout: Layout, node: ir.Node, slot: Slot, names: set[str]) -> bool:
    match node:
        case ir.Call(function=ir.Attribute(value=ended, name=name)) if is_ending(name):
            return _is_entry(layout, ended, slot) or (isinstance(ended, ir.Name) and ended.id in names)
        case _:
            return False


def _is_entry(layout: Layout, value: ir.Expression | None, slot: Slot) -> bool:
    """`cache[key]`, `cache.get(key)`, `cache.pop(key, None)`, with the words of the insertion."""
    match value:
        case ir.Subscript(value=cache, index=key):
            return Slot(text_of(layout, cache.at), text_of(layout, key.at)) == slot
        case ir.Call(function=ir.Attribute(value=cache, name=name), arguments=(ir.Argument(value=key), *_)):
            return name in _READING and Slot(text_of(layout, cache.at), text_of(layout, key.at)) == slot
        case _:
            return False
