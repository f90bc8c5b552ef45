"""The gaps between an insertion and its eviction: statements that can raise while the entry is in, block by block.

Insertion and eviction may each stand deeper than the block that both are in. What stands between the two is then in
several blocks: behind the insertion on the way out to the shared one, in that one, and before the eviction further in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import ir
from leaklint.ir_walk import in_scope
from leaklint.may_raise import call_may_raise
from leaklint.repairs.cleanup import is_lock
from leaklint.repairs.find import owners_of, standing_in
from leaklint.repairs.layout import place_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch

Condition: TypeAlias = ir.If | ir.Match


class Gap(msgspec.Struct, frozen=True, eq=False):
    """The siblings from `first` to `last`, of which both can raise with the entry in."""

    first: ir.Statement
    last: ir.Statement


def gaps_before(layout: Layout, stretch: Stretch, evicting: ir.Statement, *, in_final: bool) -> tuple[Gap, ...]:
    """Return the gaps up to `evicting`; `in_final` counts those of a `finally` that evicts further down.

    Raises RefusedError where something that can raise cannot be put into a `try` without what comes behind it.
    """
    runs = [
        *_behind(layout, stretch),
        stretch.block.statements[stretch.first + 1 : stretch.last],
        *_before(layout, stretch, evicting, in_final=in_final),
    ]
    return _trimmed(runs)


def gaps_with_the_end(layout: Layout, stretch: Stretch) -> tuple[Gap, ...]:
    """Return the gaps with all of the statement that evicts in the last of them."""
    return _trimmed([*_behind(layout, stretch), stretch.block.statements[stretch.first + 1 : stretch.last + 1]])


def _trimmed(runs: Sequence[Sequence[ir.Statement]]) -> tuple[Gap, ...]:
    """What can raise of each run, without the statements around it that cannot."""
    found = []
    for run in runs:
        risky = [statement for statement in run if can_raise(statement)]
        if risky:
            found.append(Gap(risky[0], risky[-1]))
    if not found:
        raise RefusedError("nothing that can raise stands between insertion and eviction")
    return tuple(found)


def _behind(layout: Layout, stretch: Stretch) -> Iterator[tuple[ir.Statement, ...]]:
    """What follows the insertion in each block inside the shared one, the innermost first."""
    place = place_of(layout, stretch.insertion)
    while place.block is not stretch.block:
        yield place.block.statements[place.index + 1 :]
        owner = place.block.owner
        assert owner is not None
        if not isinstance(owner, ir.If | ir.Match) and not _only_locks(owner):
            raise RefusedError("the entry is inserted in a loop or a `try` of its own")
        place = place_of(layout, owner)


def _before(
    layout: Layout, stretch: Stretch, evicting: ir.Statement, *, in_final: bool
) -> Iterator[tuple[ir.Statement, ...]]:
    """What stands before the eviction in each block inside the shared one, the innermost first.

    A `finally` is reached whatever its `try` does, so that what is outside of it is in no gap up to the `try` itself.
    """
    found: list[tuple[ir.Statement, ...]] = []
    place = place_of(layout, evicting)
    while place.block is not stretch.block:
        owner, part = place.block.owner, place.block.part
        assert owner is not None
        found.append(place.block.statements[: place.index])
        if isinstance(owner, ir.Try) and part == "final":
            found = found if in_final else []
        elif not _lets_through(layout, evicting, owner, part):
            raise RefusedError("the eviction stands inside a statement that can fail or be repeated on the way to it")
        place = place_of(layout, owner)
    yield from found


def _lets_through(layout: Layout, evicting: ir.Statement, owner: ir.Statement, part: str) -> bool:
    """Whether a statement can be entered without an exception, and is entered once."""
    match owner:
        case ir.If(test=test):
            return not can_raise(ir.Evaluate(test.at, test)) or _is_in_final(layout, evicting, owner)
        case ir.Match(subject=subject):
            return not can_raise(ir.Evaluate(subject.at, subject)) or _is_in_final(layout, evicting, owner)
        case ir.Try():
            return part == "body"
        case ir.With():
            return _only_locks(owner) or _is_in_final(layout, evicting, owner)
        case _:
            return False


def _is_in_final(layout: Layout, evicting: ir.Statement, owner: ir.Statement) -> bool:
    """Whether the `finally` that evicts is around a statement: what it does to get there is taken to work."""
    return any(
        isinstance(outer, ir.Try) and part == "final" and outer.at.contains(owner.at)
        for outer, part in owners_of(layout, evicting)
    )


def _only_locks(owner: ir.Statement) -> bool:
    return isinstance(owner, ir.With) and all(is_lock(item) for item in owner.items)


def can_raise(statement: ir.Statement) -> bool:
    """Whether a statement can raise, going by the may-raise model."""
    if isinstance(statement, ir.Define | ir.DefineClass):
        scope = statement.function if isinstance(statement, ir.Define) else statement.definition
        return bool(scope.decorators) or isinstance(statement, ir.DefineClass)
    for node in in_scope(statement):
        match node:
            case ir.Await() | ir.Yield() | ir.Raise() | ir.Assert() | ir.Import():
                return True
            case ir.Call() if call_may_raise(node):
                return True
            case ir.For(is_async=True) | ir.With(is_async=True) | ir.Clause(is_async=True):
                return True
    return False


def conditions_on(layout: Layout, stretch: Stretch, evicting: ir.Statement) -> tuple[Condition, ...]:
    """Return the conditions inside the shared block that an eviction stands under, the innermost first."""
    owners = (
        owner for owner, _ in owners_of(layout, evicting) if standing_in(layout, owner, stretch.block) is not None
    )
    return tuple(owner for owner in owners if isinstance(owner, ir.If | ir.Match))
