"""Where a function ends the value of an entry, and how far behind it the entry is still asked for.

What is found here is what an eviction can rely on: the key means the same behind the end as it did at the lookup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at
from leaklint.ir_walk import below, in_scope
from leaklint.repairs.find import expression_of, function_of, names_read, owners_of, standing_in, statement_around
from leaklint.repairs.layout import place_of
from leaklint.repairs.lookup import Lookup, binders, cache_names, is_cache, lookup_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from leaklint.flow.events import Release
    from leaklint.model import Span
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout

_JUMPS = ir.Return | ir.Raise | ir.Break | ir.Continue


class End(msgspec.Struct, frozen=True, eq=False):
    """The statement that ends a value; `anchor` is the last of its block that needs the entry, itself or one behind."""

    function: ir.Function
    statement: ir.Statement
    lookup: Lookup
    anchor: ir.Statement


def end_of(intent: Intent, release: Release) -> End:
    """Return the end of a value as its function has it.

    Raises RefusedError where the entry cannot go right behind it.
    """
    layout = intent.layout
    statement = statement_around(layout, release.place.at)
    function = function_of(layout, statement)
    word = cache_name(release.cache)
    call = expression_of(statement, release.place.at)
    value = value_of(statement)
    ended = value.value if isinstance(value, ir.Await) else value
    if word is None or ended is None or ended.at != call.at or not isinstance(call, ir.Call):
        raise RefusedError("the value is ended in the middle of a statement, or only later")
    if any(isinstance(one.value, ir.Attribute) and one.value.name == release.method for one in call.arguments):
        raise RefusedError("the method that ends the value is handed on, to be called later")
    lookup = lookup_of(layout, function, call, word)
    end = End(function, statement, lookup, _last_that_asks(layout, function, statement, word))
    _require_not_put_in_again(intent, release, end)
    _require_same_key(end)
    return end


def value_of(statement: ir.Statement) -> ir.Expression | None:
    """Return what a statement does first and last: its value."""
    match statement:
        case ir.Evaluate(value=value) | ir.Return(value=value) | ir.Assign(value=value):
            return value
        case _:
            return None


def suspends(end: End) -> bool:
    """Whether others can run between the lookup and the end: an `await`, a `yield`."""
    first, last = _start(end.lookup.statement.at), _end(end.anchor.at)
    return any(
        isinstance(node, ir.Await | ir.Yield) or (isinstance(node, ir.For | ir.With) and node.is_async)
        for node in in_scope(end.function)
        if isinstance(node, ir.Node) and first <= _start(node.at) < last
    )


def repeats(layout: Layout, end: End) -> bool:
    """Whether the entry is looked up in a loop."""
    return any(isinstance(owner, ir.For | ir.While) for owner, _ in owners_of(layout, end.lookup.statement))


def asks_behind(layout: Layout, function: ir.Function, statement: ir.Statement, word: str) -> list[ir.Node]:
    """Return the mentions of the container that may be reached from `statement` and stand behind it."""
    names = cache_names(function, word)
    behind = [
        node
        for node in below(function)
        if is_cache(node, names) and isinstance(node, ir.Node) and _is_after(layout, function, statement, node)
    ]
    siblings = place_of(layout, statement).block.statements
    is_last = isinstance(siblings[-1], ir.Return | ir.Raise)
    has_finally = any(isinstance(owner, ir.Try | ir.With) for owner, _ in owners_of(layout, statement))
    if is_last and not has_finally:
        behind = [node for node in behind if any(sibling.at.contains(node.at) for sibling in siblings)]
    return [node for node in behind if not _is_on_another_branch(layout, statement, node)]


def _is_after(layout: Layout, function: ir.Function, statement: ir.Statement, node: ir.Node) -> bool:
    """Whether a node stands behind a statement, or in a nested function, which may run behind it."""
    is_nested = any(
        isinstance(inner, ir.Function) and inner is not function and inner.at.contains(node.at)
        for inner in below(function)
    )
    return is_nested or _start(node.at) >= _end(statement.at)


def _is_on_another_branch(layout: Layout, statement: ir.Statement, node: ir.Node) -> bool:
    """Whether an `if` or `match` leads to the one or to the other."""
    other = statement_around(layout, node.at)
    parts = {id(owner): part for owner, part in owners_of(layout, other)}
    return any(
        isinstance(owner, ir.If | ir.Match) and parts.get(id(owner), part) != part
        for owner, part in owners_of(layout, statement)
    )


def _last_that_asks(layout: Layout, function: ir.Function, statement: ir.Statement, word: str) -> ir.Statement:
    place = place_of(layout, statement)
    last = place.index
    for node in asks_behind(layout, function, statement, word):
        index = standing_in(layout, statement_around(layout, node.at), place.block)
        if index is None:
            raise RefusedError("the entry is asked for again behind the end of its value")
        last = max(last, index)
    passed = place.block.statements[place.index : last]
    if any(isinstance(node, _JUMPS) for sibling in passed for node in below(sibling)):
        raise RefusedError("the entry is asked for again behind the end of its value")
    return place.block.statements[last]


def _require_not_put_in_again(intent: Intent, release: Release, end: End) -> None:
    """Refuse where what is in the container behind the end may be another value than the one that was ended."""
    looked_up = _start(end.lookup.expression.at)
    for walk in intent.evidence.walks:
        if walk.function != release.place.function:
            continue
        for insertion in walk.insertions:
            at = place_at(insertion.stack, insertion.place, 0).at
            if cache_name(insertion.cache) == cache_name(release.cache) and _start(at) > looked_up:
                raise RefusedError("the function puts an entry in between, which is not the one that was ended")


def _require_same_key(end: End) -> None:
    """Refuse a key that may have changed between the lookup and the end."""
    names = names_read(end.lookup.key) & locals_of(end.function)
    first, last = _start(end.lookup.statement.at), _end(end.anchor.at)
    loops = [node for node in below(end.function) if isinstance(node, ir.For | ir.While)]
    around_both = [loop for loop in loops if _holds(loop, end.anchor.at) and _holds(loop, end.lookup.statement.at)]
    around_end = [loop for loop in loops if _holds(loop, end.anchor.at) and loop not in around_both]
    for name in sorted(names):
        bound = [node.at for node in binders(end.function, name)]
        if any(first <= _start(at) < last for at in bound) or any(
            _holds(loop, at) for loop in around_end for at in bound
        ):
            raise RefusedError(f"`{name}` is bound anew before the value is ended")
    shared = {name for node in below(end.function) if isinstance(node, ir.Function) for name in node.nonlocal_names}
    if names & shared:
        raise RefusedError("the key can be changed by a nested function")
    for loop in around_both:
        if not any(_holds(loop, node.at) for name in names for node in binders(end.function, name)):
            raise RefusedError("a loop ends the value of the same key again and again")


def _holds(loop: ir.Node, at: Span) -> bool:
    return loop.at.contains(at)


def _start(at: Span) -> tuple[int, int]:
    return at.line, at.column


def _end(at: Span) -> tuple[int, int]:
    return at.end_line, at.end_column
