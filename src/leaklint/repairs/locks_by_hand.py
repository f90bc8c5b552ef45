"""Locks that are taken by `acquire()` and given back by `release()`: a `finally` between the two knows of neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.mirror import is_named_as_lock

if TYPE_CHECKING:
    from leaklint.repairs.stretch import Stretch

RISK = "a lock is taken and given back by hand on the way to the eviction, and may not be held where something raises"


def takes_locks_by_hand(stretch: Stretch) -> bool:
    """Whether a lock is taken, or given back, by a call between an insertion and its eviction."""
    between = stretch.block.statements[stretch.first : stretch.last + 1]
    return any(
        call.function.name in ("acquire", "release") and is_named_as_lock(last_part(call.function.value) or "")
        for statement in between
        for call in below(statement)
        if isinstance(call, ir.Call) and isinstance(call.function, ir.Attribute)
    )
