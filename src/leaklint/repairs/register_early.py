"""An eviction that is arranged for too late: a callback of an exit stack, a key that joins its list behind the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.changes import InsertAfter, InsertBefore, RemoveStatement
from leaklint.repairs.find import names_read, owners_of, shared_block, standing_in
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import comments_within, extent, text_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import Stretch, require_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTERS = frozenset(
    "callback push push_async_callback push_async_exit add_done_callback enter_context addCleanup".split()
)


def plans_for_a_late_registration(intent: Intent, stretch: Stretch) -> Iterator[Plan]:
    """Yield the plans that arrange for the eviction beside the insertion."""
    layout = intent.layout
    for late in _late(intent, stretch):
        if comments_within(layout, extent(layout, late).start, extent(layout, late).end):
            continue
        block = shared_block(layout, [stretch.insertion, late])
        first, index = standing_in(layout, stretch.insertion, block), standing_in(layout, late, block)
        if first is None or index is None or index <= first + 1 or block.statements[index] is not late:
            continue
        inserting = block.statements[first]
        try:
            require_bound(layout, stretch, [late], block.statements[first + 1], block.statements[index - 1])
        except RefusedError:
            continue
        text = (text_of(layout, late.at),)
        yield Plan((RemoveStatement(late), InsertAfter(inserting, text)))
        try:
            require_bound(layout, stretch, [late], inserting, inserting)
        except RefusedError:
            continue
        yield Plan((RemoveStatement(late), InsertBefore(inserting, text)))


def _late(intent: Intent, stretch: Stretch) -> Iterator[ir.Statement]:
    """The statements that arrange for the eviction: a registration, or what fills the list that is gone through."""
    match stretch.evicting:
        case ir.Evaluate(value=ir.Call(function=ir.Attribute(name=name))) if name in REGISTERS:
            yield stretch.evicting
    layout = intent.layout
    names: set[str] = set()
    for owner, _ in owners_of(layout, stretch.evicting):
        if isinstance(owner, ir.For):
            names |= names_read(owner.iterable)
    for node in below(stretch.function):
        match node:
            case ir.Evaluate(value=ir.Call(function=ir.Attribute(value=ir.Name(id=name), name="append" | "add"))):
                if name in names and node.at in layout.places and _only_tracks(stretch.function, name):
                    yield node


def _only_tracks(function: ir.Function, name: str) -> bool:
    """Whether a list is made, filled in one place and gone through in one, and nothing else."""
    return sum(isinstance(node, ir.Name) and node.id == name for node in below(function)) <= 3
