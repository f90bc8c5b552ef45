"""Locks that are taken by `acquire()` and given back by `release()`: a `finally` between the two knows of neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.find import owners_of
from leaklint.repairs.layout import place_of
from leaklint.repairs.mirror import is_named_as_lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch

RISK = "the lock of the eviction is taken by hand, and would not be held where something raises before that"


def takes_locks_by_hand(layout: Layout, stretch: Stretch) -> bool:
    """Whether a call between insertion and eviction takes a lock that another gives back behind the eviction."""
    place = place_of(layout, stretch.evicting)
    before, behind = place.block.statements[: place.index], place.block.statements[place.index + 1 :]
    for owner, part in owners_of(layout, stretch.evicting):
        above = place_of(layout, owner)
        if isinstance(owner, ir.Try) and part == "body":
            before, behind = (*above.block.statements[: above.index], *before), (*behind, *owner.final)
        if above.block is stretch.block:
            break
    taken = _called(before, "acquire", after=stretch.insertion)
    return not taken.isdisjoint(_called(behind, "release", after=stretch.evicting))


def _called(statements: Iterable[ir.Statement], method: str, after: ir.Statement) -> set[str]:
    """The names of the locks that one of the statements, and nothing inside it, calls a method of."""
    return {
        name
        for statement in statements
        if isinstance(statement, ir.Evaluate | ir.Assign) and statement.at > after.at
        for call in below(statement)
        if isinstance(call, ir.Call) and isinstance(call.function, ir.Attribute) and call.function.name == method
        if is_named_as_lock(name := last_part(call.function.value) or "")
    }
