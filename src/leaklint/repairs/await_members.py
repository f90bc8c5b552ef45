"""LKL102 where a set keeps what is waited for: take each member out again when the wait is over.

A loop may put in several before one wait for all of them. They are tracked then beside the line that puts them in, each
with the key of its set if the sets are kept in a mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.containers import Kind, default_factory, kind_of_value
from leaklint.ir_walk import dotted, last_part
from leaklint.repairs.changes import Change, InsertAfter, InsertBefore, WrapInTry
from leaklint.repairs.cleanup import locks_between, under
from leaklint.repairs.find import owners_of, standing_in
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import text_of
from leaklint.repairs.named_key import MOVED_ON, moves_on
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import Stretch, require_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.repairs.layout import Layout


class Membership(msgspec.Struct, frozen=True, eq=False):
    """`container.add(member)`, or `container[key].add(member)` where a mapping keeps the sets."""

    container: ir.Expression
    key: ir.Expression | None
    member: ir.Expression

    @property
    def parts(self) -> tuple[ir.Expression, ...]:
        """What changes from one member to the next: its set's key, and itself."""
        return (self.member,) if self.key is None else (self.key, self.member)


def membership(statement: ir.Statement) -> Membership | None:
    """Return what a statement puts into which set, if that is all it does."""
    match statement:
        case ir.Evaluate(
            value=ir.Call(
                function=ir.Attribute(value=cache, name="add"), arguments=(ir.Argument(value=member, name=None),)
            )
        ):
            match cache:
                case ir.Subscript(value=container, index=key):
                    return Membership(container, key, member)
                case _:
                    return Membership(cache, None, member)
        case _:
            return None


def plan_for_a_member(intent: Intent, stretch: Stretch, found: Membership) -> Plan:
    """A `finally` behind the wait that takes out what was put in."""
    layout = intent.layout
    if dotted(found.container) is None or not _is_of_sets(layout, found):
        raise RefusedError("nothing says that what the entry goes into is a set")
    if any(moves_on(intent, stretch, part) for part in found.parts):
        raise RefusedError(MOVED_ON)
    locks = locks_between(layout, stretch.insertion, stretch.block)
    loops = [
        owner
        for owner, _ in owners_of(layout, stretch.insertion)
        if isinstance(owner, ir.For | ir.While) and standing_in(layout, owner, stretch.block) is not None
    ]
    if loops:
        if locks:
            raise RefusedError("the loop that puts the entries in takes a lock for each")
        return Plan(_tracked(intent, stretch, found), needs_match=True)
    texts = [text_of(layout, part.at) for part in found.parts]
    first, last = stretch.sibling(stretch.first + 1), stretch.sibling(stretch.last)
    require_bound(layout, stretch, _evaluated(found.container, *found.parts), first, last)
    return Plan((WrapInTry(first, last, under(locks, _eviction(intent, found, texts))),))


def _tracked(intent: Intent, stretch: Stretch, found: Membership) -> tuple[Change, ...]:
    layout = intent.layout
    first, last = stretch.sibling(stretch.first), stretch.sibling(stretch.last)
    require_bound(layout, stretch, _evaluated(found.container), first, last)
    words = [part.id for part in found.parts if isinstance(part, ir.Name)]
    if len(set(words)) < len(found.parts):
        raise RefusedError("the loop gives no names to the key and to what it puts in")
    tracked = free_name("added", stretch.function, layout.names)
    names = [free_name(f"added_{word}", stretch.function, layout.names) for word in words]
    collected = words[0] if len(words) == 1 else f"({', '.join(words)})"
    lines = under((f"for {', '.join(names)} in {tracked}:",), _eviction(intent, found, names))
    return (
        InsertBefore(first, (f"{tracked} = []",)),
        WrapInTry(first, last, lines),
        InsertAfter(stretch.insertion, (f"{tracked}.append({collected})",)),
    )


def _eviction(intent: Intent, found: Membership, texts: Sequence[str]) -> tuple[str, ...]:
    """Take one member out; who has taken out its whole set meanwhile has taken it out too."""
    container = text_of(intent.layout, found.container.at)
    if found.key is None:
        return (f"{container}.discard({texts[0]})",)
    key, member = texts
    return under((f"if {key} in {container}:",), (f"{container}[{key}].discard({member})",))


def _evaluated(*expressions: ir.Expression) -> list[ir.Statement]:
    return [ir.Evaluate(expression.at, expression) for expression in expressions]


def _is_of_sets(layout: Layout, found: Membership) -> bool:
    """Whether all that is assigned to a container of that name in the module is a set, or a mapping that makes sets."""
    values = layout.by_name.assigned.get(last_part(found.container) or "", [])
    if found.key is None:
        return bool(values) and all(kind_of_value(value) is Kind.SET for value in values)
    return bool(values) and all(default_factory(value) == "set" for value in values)
