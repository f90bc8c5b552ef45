"""Cleanups that end an entry's value before they evict the entry: said for another key, the eviction comes first.

A value whose end raises would keep its entry otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.carry import Swap
from leaklint.repairs.cleanup import Cleanup, cache_of, is_ended_at_once, key_swaps, lines_of, under
from leaklint.repairs.ending import ends, only_ends, says_it
from leaklint.repairs.layout import offsets, place_of, text_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.repairs.layout import Layout


class ClosingFirst(msgspec.Struct, frozen=True):
    """The statements before an eviction that end the value; `fetch` gives it a name; `outermost` has all of them in."""

    fetch: ir.Assign | None
    endings: tuple[ir.Statement, ...]
    outermost: ir.Statement

    @property
    def name(self) -> str | None:
        """The name that the cleanup gives the value."""
        target = self.fetch.targets[0] if self.fetch is not None else None
        return target.id if isinstance(target, ir.Name) else None


def closing_first(layout: Layout, cleanup: Cleanup) -> ClosingFirst | None:
    """Return what ends the value before it is evicted, None if nothing does."""
    cache = cache_of(cleanup.removal)
    if cache is None or cleanup.gets is not None:
        return None
    if cleanup.strict and is_ended_at_once(cleanup):
        return ClosingFirst(None, cleanup.statements, cleanup.statements[0])
    place = place_of(layout, cleanup.statements[0])
    above = place.block.statements[: place.index]
    subject = entry_of(layout, cleanup)
    found = _ended_by_name(layout, above, cache, cleanup.key) or _ended_in_place(layout, above, subject)
    if found is None:
        return None
    fetch, endings = found
    first = fetch or endings[0]
    owner = place.block.owner
    asks = isinstance(owner, ir.If) and _asks_for_key(layout, owner, cache, cleanup.key)
    is_whole = place.index == len(endings) + (fetch is not None) and len(place.block.statements) == place.index + 1
    return ClosingFirst(fetch, endings, owner if owner is not None and asks and is_whole else first)


def with_endings(cleanup: Cleanup, closing: ClosingFirst) -> Cleanup:
    """Return the cleanup with what ends the value before it."""
    fetch = () if closing.fetch is None else (closing.fetch,)
    return msgspec.structs.replace(cleanup, statements=(*fetch, *closing.endings, *cleanup.statements))


def entry_of(layout: Layout, cleanup: Cleanup) -> str:
    """The entry as the code says it: `self._clients[key]`."""
    cache = cache_of(cleanup.removal)
    assert cache is not None
    return f"{text_of(layout, cache.at)}[{text_of(layout, cleanup.key.at)}]"


def _ended_in_place(
    layout: Layout, above: Sequence[ir.Statement], subject: str
) -> tuple[ir.Assign | None, tuple[ir.Statement, ...]] | None:
    count = 0
    while count < len(above) and only_ends(layout, above[-count - 1], subject):
        count += 1
    return (None, tuple(above[len(above) - count :])) if count else None


def _ended_by_name(
    layout: Layout, above: Sequence[ir.Statement], cache: ir.Expression, key: ir.Expression
) -> tuple[ir.Assign | None, tuple[ir.Statement, ...]] | None:
    for index in range(len(above) - 1, -1, -1):
        match above[index]:
            case ir.Assign(targets=(ir.Name(id=name),), value=value) as fetch if value is not None:
                endings = tuple(above[index + 1 :])
                is_fetch = _is_entry(layout, value, cache, key)
                return (fetch, endings) if is_fetch and _all_end(layout, endings, name) else None
    return None


def _all_end(layout: Layout, statements: Sequence[ir.Statement], name: str) -> bool:
    return bool(statements) and all(only_ends(layout, one, name) for one in statements)


def _is_entry(layout: Layout, value: ir.Expression, cache: ir.Expression, key: ir.Expression) -> bool:
    """`cache[key]` and `cache.get(key)`."""
    match value:
        case ir.Subscript(value=container, index=index):
            pass
        case ir.Call(function=ir.Attribute(value=container, name="get"), arguments=(ir.Argument(value=index), *_)):
            pass
        case _:
            return False
    return _same(layout, container, cache) and _same(layout, index, key)


def _asks_for_key(layout: Layout, guard: ir.If, cache: ir.Expression, key: ir.Expression) -> bool:
    match guard:
        case ir.If(test=ir.Compare(left=left, operator="in", right=right), otherwise=()):
            return _same(layout, left, key) and _same(layout, right, cache)
        case _:
            return False


def _same(layout: Layout, left: ir.Expression, right: ir.Expression) -> bool:
    return text_of(layout, left.at) == text_of(layout, right.at)


def evicted_then_closed(
    layout: Layout, cleanup: Cleanup, closing: ClosingFirst, key: str, name: str
) -> tuple[str, ...]:
    """Return the lines that evict `key`, then end its value by the name `name`."""
    cache = cache_of(cleanup.removal)
    assert cache is not None
    entry = entry_of(layout, cleanup)
    swaps = key_swaps(layout, msgspec.structs.replace(cleanup, statements=closing.endings), key)
    for statement in closing.endings:
        for node in below(statement):
            is_entry = isinstance(node, ir.Subscript) and text_of(layout, node.at) == entry
            is_removal = isinstance(node, ir.Call) and node.at == cleanup.removal.at
            if isinstance(node, ir.Node) and (is_entry or is_removal or _is_name(node, closing.name)):
                swaps.append(Swap(*offsets(layout, node.at), name))
    lines = [line for statement in closing.endings for line in lines_of(layout, statement, swaps)]
    if not all(_asks(statement, closing.name) for statement in closing.endings):
        lines = list(under([f"if {name} is not None:"], lines))
    return (f"{name} = {text_of(layout, cache.at)}.pop({key}, None)", *lines)


def _is_name(node: ir.Node, name: str | None) -> bool:
    return isinstance(node, ir.Name) and node.id == name


def _asks(statement: ir.Statement, name: str | None) -> bool:
    return isinstance(statement, ir.If) and isinstance(statement.test, ir.Name | ir.Compare) and name is not None


def require_all_endings_known(
    layout: Layout, cleanup: Cleanup, function: ir.Function, *, by_name: bool = False
) -> None:
    """Raise RefusedError where the function ends the value in a statement that is no part of the known cleanup.

    With `by_name` a statement counts only if what it calls has a name that says the end.
    """
    known = [statement.at for statement in cleanup.statements]
    subjects = [cleanup.gets] if cleanup.gets is not None else []
    if cache_of(cleanup.removal) is not None:
        subjects.append(entry_of(layout, cleanup))
    for node in below(function):
        if not isinstance(node, ir.Evaluate) or any(at.contains(node.at) for at in known):
            continue
        if any(ends(layout, node, subject) for subject in subjects) and (not by_name or says_it(node)):
            raise RefusedError(f"what line {node.at.line} does with the value cannot be repeated for another key")
