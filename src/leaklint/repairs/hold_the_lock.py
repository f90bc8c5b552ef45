"""LKL203: hold the lock that guards the container around its eviction.

The lock is taken as the guarded places take it. What the eviction goes by (`if key in cache:`) comes under the lock
too, for between look and eviction others may run; what is done with the evicted value stays outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.guarding import Site, built_type, guarding_lock, is_asynchronous, shared_sites
from leaklint.ir_walk import below, dotted, last_part
from leaklint.model import MODULES_APART
from leaklint.repairs.brief import is_brief, looks_at
from leaklint.repairs.changes import Change, InsertBefore, ReplaceExpression, WrapInWith
from leaklint.repairs.cleanup import is_lock
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import expression_of, function_of, owners_of, statement_around
from leaklint.repairs.held_already import may_take, require_not_held
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.mirror import require_same_meaning
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import RefusedError
from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.model import Span
    from leaklint.repairs.layout import Layout

HELD_BY_A_CALLER = "a caller that cannot be seen from here may hold the lock already, and would wait for itself"
HELD_BEFORE = "a caller that cannot be seen from here may hold another lock, whose next holder waits for this one"


def plans_for_an_unlocked_eviction(intent: Intent) -> Iterator[Plan]:
    """Yield the one way: the eviction under the lock."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    sites = shared_sites(intent.evidence, intent.report.story.insertion.cache)
    lock = guarding_lock(sites, intent.evidence)
    name = cache_name(lock) if lock is not None else None
    if lock is None or name is None:
        raise RefusedError("no lock is known")
    statement = statement_around(layout, eviction.place.at)
    function = function_of(layout, statement)
    removal, cache = _removal(statement, eviction.place.at)
    guarded = [site for site in sites if site.is_guarded_by(lock)]
    header = _header(layout, guarded, name, function, cache)
    if header.startswith("async ") and not function.is_async:
        raise RefusedError("the lock is taken with `async with`, which the function that evicts cannot do")
    is_reentrant = (built_type(lock, intent.evidence) or "").rpartition(".")[2] == "RLock"
    if not is_reentrant:
        require_not_held(layout, function, name)
    text = text_of(layout, cache.at)
    if is_asynchronous(lock, intent.evidence):
        changes: tuple[Change, ...] = (_from_the_look(layout, statement, text, name, header),)
    else:
        changes = _with_what_it_goes_by(layout, statement, removal, text, header)
    yield Plan(changes, HELD_BEFORE if is_reentrant else HELD_BY_A_CALLER)


def _removal(statement: ir.Statement, span: Span) -> tuple[ir.Expression | None, ir.Expression]:
    """The call that evicts, None where that is a statement of its own, and what it evicts from."""
    if any(isinstance(node, ir.Lambda) and node.at.contains(span) for node in below(statement)):
        raise RefusedError("the eviction is in a lambda, which cannot hold a lock")
    match statement:
        case ir.Delete(targets=(ir.Subscript(value=cache), *_)):
            return None, cache
        case ir.Augment(target=ir.Name() | ir.Attribute() as cache):
            return None, cache
        case ir.Assign(targets=(ir.Name() | ir.Attribute() as cache,)) if span in (statement.at, cache.at):
            return None, cache
    match expression_of(statement, span):
        case ir.Call(function=ir.Attribute(value=cache)) as call:
            return call, cache
    raise RefusedError(f"the eviction on line {span.line} is in no form that can be told from what is around it")


def _header(layout: Layout, guarded: list[Site], name: str, function: ir.Function, cache: ir.Expression) -> str:
    """The header of the `with` of a guarded place, as it means the same in `function`."""
    found: dict[str, ir.Function] = {}
    for site in guarded:
        for access in site.accesses:
            for place in (*access.stack, access.place):
                found |= _headers_around(layout, place.at, name)
    if not found:
        raise RefusedError("no `with` of this file takes the lock by its name")
    if len({header.partition("with")[0] for header in found}) > 1:
        raise RefusedError("the lock is taken both with `with` and with `async with`")
    at_hand = [_why_not_at_hand(layout, header, there, function, cache) for header, there in found.items()]
    if None not in at_hand:
        raise RefusedError(at_hand[0] or "")
    return list(found)[at_hand.index(None)]


def _headers_around(layout: Layout, span: Span, name: str) -> dict[str, ir.Function]:
    """The headers that take the lock of that name around a place, each with the function that it stands in."""
    if span.line >= MODULES_APART:
        return {}
    statement = statement_around(layout, span)
    return {
        f"{'async with' if owner.is_async else 'with'} {text_of(layout, item.context.at)}:": function_of(layout, owner)
        for owner, _ in owners_of(layout, statement)
        if isinstance(owner, ir.With)
        for item in owner.items
        if is_lock(item) and last_part(item.context) == name
    }


def _why_not_at_hand(
    layout: Layout, header: str, there: ir.Function, here: ir.Function, cache: ir.Expression
) -> str | None:
    """Why the lock does not go by the same name here, or may be another object's; None if all is well."""
    lock = header.partition("with ")[2].rstrip(":")
    root = lock.partition(".")[0]
    if there is not here:
        try:
            require_same_meaning(layout, root, there, here, ())
        except RefusedError:
            return f"the lock cannot be reached as `{lock}` where the eviction is"
    if root in ("self", "cls") and (dotted(cache) or "").partition(".")[0] != root:
        return f"`{lock}` may be the lock of another object than the container's"
    return None


def _with_what_it_goes_by(
    layout: Layout, statement: ir.Statement, removal: ir.Expression | None, cache: str, header: str
) -> tuple[Change, ...]:
    """The statement under the lock with the looks that it goes by; else the bare eviction, if nothing is asked."""
    first = last = statement
    for owner, _ in owners_of(layout, statement):
        if isinstance(owner, ir.If | ir.While | ir.For) and looks_at(layout, _asked(owner), cache):
            first = last = owner
    if not is_brief(layout, last, cache):
        if last is not statement:
            line = last.at.line
            raise RefusedError(f"the eviction goes by line {line}, and too much is done from there on to hold the lock")
        return _alone(layout, statement, removal, header)
    place = place_of(layout, last)
    for sibling in reversed(place.block.statements[: place.index]):
        if not is_brief(layout, sibling, cache):
            break
        first = sibling if looks_at(layout, sibling, cache) else first
    return (WrapInWith(first, last, header),)


def _asked(owner: ir.If | ir.While | ir.For) -> ir.Expression:
    return owner.iterable if isinstance(owner, ir.For) else owner.test


def _alone(layout: Layout, statement: ir.Statement, removal: ir.Expression | None, header: str) -> tuple[Change, ...]:
    """The value is evicted under the lock and gets a name; the statement does what it did with that."""
    if removal is None or evaluation_order(layout, statement, removal) not in ("kept", "reads"):
        raise RefusedError("the eviction cannot be parted from what its statement does besides")
    text = text_of(layout, removal.at)
    if "\n" in text:
        raise RefusedError("the eviction is a part of its statement, and stands on several lines")
    if not is_brief(layout, removal, text_of(layout, removal.function.value.at)):  # type: ignore[union-attr]  # a method call
        raise RefusedError("the key is built where it is evicted, by what should not run under a lock")
    name = free_name("evicted", function_of(layout, statement), layout.names)
    lines = (header, f"    {name} = {text}")
    return InsertBefore(statement, lines), ReplaceExpression(removal.at, name)


def _from_the_look(layout: Layout, statement: ir.Statement, cache: str, lock_name: str, header: str) -> WrapInWith:
    """Everything from the first look on, for under an asyncio lock others run where it waits in between."""
    place = place_of(layout, statement)
    before = place.block.statements[: place.index]
    first = next((index for index, one in enumerate(before) if looks_at(layout, one, cache)), None)
    waits = [index for index, one in enumerate(before) if any(isinstance(node, ir.Await) for node in below(one))]
    if first is None or not waits or waits[-1] < first:
        raise RefusedError("the function waits between look and eviction, and they are not side by side for one lock")
    if any(may_take(layout, one, lock_name) for one in (*before[first:], statement)):
        raise RefusedError("the lock is taken between look and eviction, and would be waited for by its own holder")
    if not is_brief(layout, statement, cache):
        raise RefusedError("the evicted value is waited for in the statement that evicts it")
    return WrapInWith(before[first], statement, header)
