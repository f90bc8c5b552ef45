"""Groups that are evicted when they are empty: who evicts a group must take out the member first that was put in.

A number that counts up and down is such a group, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.gaps import can_raise
from leaklint.repairs.layout import text_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch

_ADDS = frozenset("add append appendleft insert put put_nowait setdefault".split())
_TOLERANT = frozenset({"discard"})
_REMOVES = frozenset({"discard", "pop", "remove"})


def first_to_move(layout: Layout, stretch: Stretch, start: int) -> tuple[int, int]:
    """Return where protection begins and the first sibling that goes into the `finally` with a group's eviction.

    These are `start` and the statement that evicts where no group is asked whether it is empty. Raises RefusedError
    where the member that was put in is taken out elsewhere, or may not be in when an exception comes.
    """
    group = _asked_for_emptiness(layout, stretch.sibling(stretch.last))
    joining = None if group is None else _joining(layout, stretch, group)
    if group is None or joining is None:
        between = stretch.block.statements[stretch.first + 1 : stretch.last]
        if group is not None and any(_takes_out(layout, one, group, _REMOVES) for one in between):
            raise RefusedError("the group's member is taken out, and where it is put in is not seen")
        return start, stretch.last
    index = stretch.last - 1
    leaving = stretch.sibling(index)
    if index <= joining or not _takes_out(layout, leaving, group, _REMOVES):
        raise RefusedError("the group's member is taken out apart from the group")
    if not _takes_out(layout, leaving, group, _TOLERANT):
        if any(can_raise(one) for one in stretch.block.statements[stretch.first + 1 : joining + 1]):
            raise RefusedError("the group's member may not be in yet when something raises")
        start = max(start, joining + 1)
    if start >= index:
        raise RefusedError("nothing stands between the group's member and its removal")
    return start, index


def _asked_for_emptiness(layout: Layout, statement: ir.Statement) -> str | None:
    """`members` of `if not members:`, `if len(members) == 0:` and `if members <= 0:`, as the code says it."""
    match statement:
        case ir.If(test=ir.Not(value=group), otherwise=()):
            pass
        case ir.If(
            test=ir.Compare(left=ir.Call(function=ir.Name(id="len"), arguments=(ir.Argument(value=group),))),
            otherwise=(),
        ):
            pass
        case ir.If(test=ir.Compare(left=group, operator="==" | "<=" | "<", right=ir.Constant()), otherwise=()):
            pass
        case _:
            return None
    return text_of(layout, group.at) if isinstance(group, ir.Name | ir.Attribute | ir.Subscript) else None


def _joining(layout: Layout, stretch: Stretch, group: str) -> int | None:
    """The index of the sibling from the insertion on that puts something into the group."""
    for index in range(stretch.first, stretch.last):
        if any(_puts_in(layout, node, group) for node in below(stretch.sibling(index))):
            return index
    return None


def _puts_in(layout: Layout, node: object, group: str) -> bool:
    match node:
        case ir.Call(function=ir.Attribute(value=owner, name=name)) if name in _ADDS:
            return group in (text_of(layout, owner.at), _entry_got(layout, owner))
        case ir.Augment(target=target, operator="+"):
            return text_of(layout, target.at) == group
        case ir.Assign(targets=targets, value=value):
            entries = [target for target in targets if isinstance(target, ir.Subscript)]
            counts_up = any(text_of(layout, entry.at) == group for entry in entries) and _adds_one(layout, value, group)
            return counts_up or any(text_of(layout, entry.value.at) == group for entry in entries)
        case _:
            return False


def _adds_one(layout: Layout, value: ir.Expression | None, group: str) -> bool:
    """Whether a value is `count + 1` or `counts.get(key, 0) + 1` for the count `counts[key]`."""
    match value:
        case ir.Binary(left=left, operator="+"):
            return group in (text_of(layout, left.at), _entry_got(layout, left))
        case _:
            return False


def _entry_got(layout: Layout, got: ir.Expression) -> str | None:
    """`groups[key]` for `groups.setdefault(key, …)` and `groups.get(key, …)`."""
    match got:
        case ir.Call(
            function=ir.Attribute(value=groups, name="setdefault" | "get"), arguments=(ir.Argument(value=key), *_)
        ):
            return f"{text_of(layout, groups.at)}[{text_of(layout, key.at)}]"
        case _:
            return None


def _takes_out(layout: Layout, statement: ir.Statement, group: str, ways: frozenset[str]) -> bool:
    match statement:
        case ir.Evaluate(value=ir.Call(function=ir.Attribute(value=owner, name=name), arguments=arguments)):
            way = "discard" if name == "pop" and len(arguments) > 1 else name
            return way in ways and text_of(layout, owner.at) == group
        case ir.Augment(target=owner, operator="-"):
            return "remove" in ways and text_of(layout, owner.at) == group
        case ir.Delete(targets=(ir.Subscript(value=owner),)):
            return "remove" in ways and text_of(layout, owner.at) == group
        case _:
            return False
