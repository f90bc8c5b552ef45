"""What is done behind an eviction, up to the end of the statement around it that is put into a `try`.

An eviction that goes into the `finally` of that `try` comes after all of it. Where others could tell, or could have put
in an entry of their own by then, it must stay where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.cleanup import is_lock, locks_around
from leaklint.repairs.find import standing_in
from leaklint.repairs.gaps import can_raise
from leaklint.repairs.layout import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leaklint.repairs.layout import Layout
    from leaklint.repairs.places import Block

_LEAVES = ir.Return | ir.Raise | ir.Break | ir.Continue


def shown_behind(
    layout: Layout, statement: ir.Statement, block: Block, end: int, word: str | None
) -> tuple[ir.Statement, ...]:
    """What shows when it is done behind a statement, up to the sibling at `end` of `block`.

    That is what can raise, and so call others, and what reads the container that goes by `word`.
    """
    return tuple(one for one in _done_behind(layout, statement, block, end) if _shows(one, word))


def lets_others_in(layout: Layout, eviction: ir.Statement, shown: Iterable[ir.Statement]) -> bool:
    """Whether another operation may put in an entry of its own between an eviction and one behind what is `shown`."""
    pauses = any(isinstance(node, ir.Await | ir.Yield) for one in shown for node in below(one))
    # Tasks only change where one waits; threads do where a lock is given back, which the later eviction takes again.
    return pauses or not all(header.startswith("async ") for header in locks_around(layout, eviction))


def _shows(statement: ir.Statement, word: str | None) -> bool:
    reads = (node for node in below(statement) if isinstance(node, ir.Name | ir.Attribute))
    if isinstance(statement, ir.Raise):
        return False
    return can_raise(statement) or any(last_part(node) == word for node in reads)


def _done_behind(layout: Layout, statement: ir.Statement, block: Block, end: int) -> Iterator[ir.Statement]:
    """The statements that follow in each block inside `block`, the innermost first.

    Behind a jump there is only what it passes through.
    """
    place, leaves = place_of(layout, statement), False
    while place.block is not block:
        following = () if leaves else place.block.statements[place.index + 1 :]
        yield from following
        owner, part = place.block.owner, place.block.part
        if owner is None or standing_in(layout, owner, block) is None:
            return
        if isinstance(owner, ir.Try):
            yield from owner.otherwise if part == "body" and not leaves else ()
            yield from owner.final if part != "final" else ()
        elif isinstance(owner, ir.With) and owner.is_async and not all(is_lock(item) for item in owner.items):
            # It is left with a wait.
            yield ir.Evaluate(owner.at, ir.Await(owner.at, owner.items[0].context))
        leaves = leaves or (bool(following) and isinstance(following[-1], _LEAVES))
        place = place_of(layout, owner)
    yield from () if leaves else block.statements[place.index + 1 : end + 1]
