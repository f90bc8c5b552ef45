"""The statements from an insertion to its eviction, in the block that has both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import below
from leaklint.model import Span
from leaklint.repairs.cleanup import Cleanup, cleanup_at
from leaklint.repairs.find import (
    binds,
    expression_of,
    function_of,
    names_bound,
    names_read,
    owners_of,
    shared_block,
    standing_in,
    statement_around,
)
from leaklint.repairs.layout import place_of, statements_within
from leaklint.repairs.places import Block
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaklint.flow.events import Eviction
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout


class Stretch(msgspec.Struct, frozen=True, eq=False):
    """Insertion and eviction in one function: their statements, and the indexes of the siblings that they are in.

    `eviction` is the call or subscript of this function that evicts or leads to the eviction; `strict` says that a
    missing key is an error there.
    """

    function: ir.Function
    insertion: ir.Statement
    evicting: ir.Statement
    eviction: Span
    block: Block
    first: int
    last: int
    is_helper: bool
    strict: bool

    def sibling(self, index: int) -> ir.Statement:
        """A statement of the block."""
        return self.block.statements[index]


def stretch_of(intent: Intent) -> Stretch:
    """Return the stretch of a report. Raises RefusedError where insertion and eviction are not in one function."""
    layout, insertion, eviction = intent.layout, intent.report.story.insertion, intent.report.eviction
    assert eviction is not None
    depth = shared_depth(insertion.stack, eviction.stack)
    inserting = statement_around(layout, place_at(insertion.stack, insertion.place, depth).at)
    place = place_at(eviction.stack, eviction.place, depth)
    evicting = statement_around(layout, place.at)
    function = function_of(layout, inserting)
    if function_of(layout, evicting) is not function:
        raise RefusedError("the entry is inserted and evicted by different functions")
    block = shared_block(layout, [inserting, evicting])
    first, last = standing_in(layout, inserting, block), standing_in(layout, evicting, block)
    assert first is not None
    assert last is not None
    is_helper = depth < len(eviction.stack)
    return Stretch(function, inserting, evicting, place.at, block, first, last, is_helper, is_strict(layout, eviction))


def is_strict(layout: Layout, eviction: Eviction) -> bool:
    """Whether the eviction raises where the key is missing, as far as it can be told."""
    try:
        return cleanup_at(layout, eviction.place.at).strict
    except RefusedError:
        statement = statement_around(layout, eviction.place.at)
        calls = [node for node in below(statement) if isinstance(node, ir.Call) and node.at == eviction.place.at]
        return not any(
            isinstance(call.function, ir.Attribute)
            and (call.function.name == "discard" or (call.function.name == "pop" and len(call.arguments) > 1))
            for call in calls
        )


def cleanup_of(layout: Layout, stretch: Stretch) -> Cleanup:
    """Return the cleanup as it stands in the function."""
    if stretch.is_helper:
        removal = expression_of(stretch.evicting, stretch.eviction)
        return cleanup_at(layout, stretch.eviction, key=removal)
    return cleanup_at(layout, stretch.eviction, by_name=True)


def locals_of(function: ir.Function) -> set[str]:
    """The variables of a function, its parameters included."""
    names = {parameter.name for parameter in function.parameters}
    for statement in function.body:
        names |= names_bound(statement)
    return names - {*function.global_names, *function.nonlocal_names}


def require_bound(
    layout: Layout, stretch: Stretch, needed: Iterable[ir.Statement], first: ir.Statement, last: ir.Statement
) -> None:
    """Raise RefusedError unless all variables that statements read mean the same from before `first` to `last` on."""
    needed = tuple(needed)
    own = {name for statement in needed for name in names_bound(statement)}
    names = {name for statement in needed for name in names_read(statement)} - own
    names &= locals_of(stretch.function)
    known = {parameter.name for parameter in stretch.function.parameters}
    for statement in statements_within(layout, stretch.function.at):
        if (statement.at.line, statement.at.column) < (first.at.line, first.at.column):
            known |= binds(statement)
    missing = sorted(names - known)
    if missing:
        raise RefusedError(f"`{missing[0]}` is bound only after the entry is in")
    start, end = place_of(layout, first), place_of(layout, last)
    for sibling in start.block.statements[start.index : end.index + 1]:
        changed = sorted(names_bound(sibling) & names)
        if changed:
            raise RefusedError(f"`{changed[0]}` is bound anew between insertion and eviction")


def finally_around(layout: Layout, statement: ir.Statement, block: Block) -> ir.Try | None:
    """The `try` of `block`, or inside a statement of it, in whose `finally` a statement is."""
    for owner, part in owners_of(layout, statement):
        if isinstance(owner, ir.Try) and part == "final":
            return owner
        if place_of(layout, owner).block is block:
            return None
    return None
