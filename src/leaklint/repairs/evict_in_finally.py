"""LKL102, LKL103: put the eviction into a `finally`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, dotted
from leaklint.repairs import locks_by_hand, replaced, resumed, taken_meanwhile
from leaklint.repairs.await_reply import plans_for_a_reply
from leaklint.repairs.changes import (
    AddFinally,
    Change,
    ExtendFinally,
    FinallyFrom,
    InsertBefore,
    RemoveStatement,
    ReplaceExpression,
    ReplaceStatement,
    StretchTry,
    WrapInTry,
)
from leaklint.repairs.cleanup import Cleanup, cleanup_at, locks_between, said, under
from leaklint.repairs.counted import CLAUSE
from leaklint.repairs.evict_on_exception import plans_on_exception
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import (
    expression_of,
    function_of,
    owners_of,
    shared_block,
    standing_in,
    statement_around,
)
from leaklint.repairs.gaps import can_raise
from leaklint.repairs.guards import helpers_only_evict, only_evicts, require_evicted_on_both_sides
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.leftover import all_kept, is_emptied, without
from leaklint.repairs.locks_by_hand import takes_locks_by_hand
from leaklint.repairs.members import first_to_move
from leaklint.repairs.moving_key import with_own_key
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.register_early import plans_for_a_late_registration
from leaklint.repairs.replaced import replaces_an_earlier_entry
from leaklint.repairs.resumed import resumes_what_stays
from leaklint.repairs.stretch import Stretch, cleanup_of, finally_around, is_strict, require_bound, stretch_of
from leaklint.repairs.taken_meanwhile import looks_up_the_container, may_hide_the_exception
from leaklint.repairs.value_ended import last_that_ends, plan_with_ending_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def plans_for_a_skipped_eviction(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to evict on every way out, the best first."""
    risk = _risk(intent)
    for plan in _plans(intent):
        yield _at_risk(plan, risk) if isinstance(plan, Plan) else plan


def _at_risk(plan: Plan, risk: str | None) -> Plan:
    return plan if risk is None or plan.risk is not None else msgspec.structs.replace(plan, risk=risk)


def _risk(intent: Intent) -> str | None:
    """Why the entry may be wanted although the operation has failed, or may be another's by then."""
    if replaces_an_earlier_entry(intent):
        return replaced.RISK
    return resumed.RISK if resumes_what_stays(intent) else None


def _plans(intent: Intent) -> Iterator[Plan | Refusal]:
    story, eviction = intent.report.story, intent.report.eviction
    if eviction is None or not any(eviction == own for own, _ in story.attempts):
        yield from plans_for_a_reply(intent)
        return
    try:
        stretch = stretch_of(intent)
    except RefusedError:
        yield from plans_in_a_manager(intent)
        raise
    intent, stretch = _to_the_last(intent, stretch)
    for plan in _plans_for_a_stretch(intent, stretch):
        yield with_own_key(intent, stretch, plan) if isinstance(plan, Plan) else plan


def _to_the_last(intent: Intent, stretch: Stretch) -> tuple[Intent, Stretch]:
    """The report as it would be told of the last eviction, before which a `finally` would take the entry out early."""
    for removal in intent.report.story.removals:
        other = msgspec.structs.replace(
            intent, report=msgspec.structs.replace(intent.report, eviction=removal.eviction)
        )
        with suppress(RefusedError):
            found = stretch_of(other)
            if found.block is stretch.block and found.first == stretch.first and found.last > stretch.last:
                intent, stretch = other, found
    return intent, stretch


def _plans_for_a_stretch(intent: Intent, stretch: Stretch) -> Iterator[Plan | Refusal]:
    """Yield the ways where one function inserts and evicts."""
    by_hand = takes_locks_by_hand(intent.layout, stretch)
    for plan in _in_order_of_safety(intent, stretch):
        yield _at_risk(plan, locks_by_hand.RISK) if by_hand and isinstance(plan, Plan) else plan


def _in_order_of_safety(intent: Intent, stretch: Stretch) -> Iterator[Plan | Refusal]:
    if not may_hide_the_exception(intent, stretch):
        yield from _plans_with_a_finally(intent, stretch)
        yield from plans_on_exception(intent, stretch)
        return
    unsafe: list[Plan] = []
    guarded = (made for made in (_made(partial(_where_it_raises, intent, stretch)),) if made is not None)
    for plan in chain(plans_on_exception(intent, stretch), guarded, _plans_with_a_finally(intent, stretch)):
        is_hiding = isinstance(plan, Plan) and (looks_up_the_container(stretch) or _moves_an_eviction(plan))
        if isinstance(plan, Plan) and (plan.risk is not None or is_hiding):
            unsafe.append(_at_risk(plan, taken_meanwhile.RISK))
        else:
            yield plan
    yield from unsafe


def _moves_an_eviction(plan: Plan) -> bool:
    """Whether a plan does more than to add an eviction that does not mind a missing key."""
    return any(
        not isinstance(change, WrapInTry | AddFinally | InsertBefore)
        and not (isinstance(change, ReplaceExpression) and change.text == "BaseException")
        for change in plan.changes
    )


def _plans_with_a_finally(intent: Intent, stretch: Stretch) -> Iterator[Plan | Refusal]:
    if isinstance(stretch.sibling(stretch.last), ir.With):
        yield from plans_in_a_manager(intent)
    if not helpers_only_evict(intent):
        yield from plans_in_the_helper(intent)
        yield Refusal("the helper that evicts does other things before, which can raise")
        return
    final = finally_around(intent.layout, stretch.evicting, stretch.block)
    if final is not None:
        ways: list[Callable[[], Plan | None]] = [
            partial(_earlier, intent, stretch, final, start) for start in _starts(stretch)
        ]
        ways += [partial(_without_guard, intent, stretch, final)]
        if intent.report.code == "LKL103":
            ways += [partial(_before_the_jump, intent, stretch)]
        ways += [partial(_around_all, intent, stretch, start) for start in _starts(stretch)]
    else:
        ways = [partial(_into_the_final, intent, stretch), partial(_to_the_final_before, intent, stretch)]
        ways += [partial(plan_with_ending_before, intent, stretch, start) for start in _starts(stretch)]
        ways += [partial(_moved, intent, stretch, start) for start in _starts(stretch)]
        ways += [partial(_around, intent, stretch, start) for start in (stretch.first + 1, stretch.first)]
        ways += [partial(_around, intent, stretch, stretch.first + 1, keeps=True)]
        ways += [partial(_named, intent, stretch, start) for start in _starts(stretch)]
    yield from plans_for_a_late_registration(intent, stretch)
    if final is None and intent.report.code == "LKL103":
        ways += [partial(_before_the_jump, intent, stretch)]
    yield from (made for made in map(_made, ways) if made is not None)


def plans_in_the_helper(intent: Intent) -> Iterator[Plan]:
    """Where a function works and then evicts: a `try` around its work."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    evicting = statement_around(layout, eviction.stack[-1].at if is_helper_call(intent) else eviction.place.at)
    function = function_of(layout, evicting)
    place = place_of(layout, evicting)
    first = 1 if isinstance(function.body[0], ir.Evaluate) and isinstance(function.body[0].value, ir.Text) else 0
    if place.block.statements is not function.body or place.index <= first:
        return
    stretch = Stretch(
        function,
        evicting,
        evicting,
        evicting.at,
        place.block,
        first - 1,
        place.index,
        False,
        is_strict(layout, eviction),
    )
    parts = (evicting,)
    require_bound(layout, stretch, parts, stretch.sibling(first), stretch.sibling(place.index - 1))
    yield Plan((FinallyFrom(stretch.sibling(first), stretch.sibling(place.index - 1), evicting, evicting),))


def is_helper_call(intent: Intent) -> bool:
    """Whether the innermost function does nothing but evict, so that its call is the eviction."""
    eviction = intent.report.eviction
    assert eviction is not None
    return bool(eviction.stack) and only_evicts(intent.layout, statement_around(intent.layout, eviction.place.at))


def plans_in_a_manager(intent: Intent) -> Iterator[Plan | Refusal]:
    """Where a context manager of the module evicts behind its `yield`: the `yield` goes into a `try`."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    evicting = statement_around(layout, eviction.place.at)
    function = function_of(layout, evicting)
    pauses = [node for node in below(function) if isinstance(node, ir.Yield)]
    if len(pauses) != 1:
        return
    pausing = statement_around(layout, pauses[0].at)
    block = shared_block(layout, [pausing, evicting])
    first, last = standing_in(layout, pausing, block), standing_in(layout, evicting, block)
    if first is None or last is None or first >= last:
        return
    # The entries come in while the manager is suspended, so that the `yield` is where protection begins.
    stretch = Stretch(
        function, pausing, evicting, eviction.place.at, block, first - 1, last, False, is_strict(layout, eviction)
    )
    made = _made(partial(_moved, intent, stretch, first))
    if made is not None:
        yield made


def _made(way: Callable[[], Plan | None]) -> Plan | Refusal | None:
    try:
        return way()
    except RefusedError as error:
        return error.refusal


def _starts(stretch: Stretch) -> tuple[int, ...]:
    """Where protection may begin: behind the insertion, or with it if it can raise when the entry is in."""
    return tuple(index for index in (stretch.first + 1, stretch.first) if index < stretch.last)


def _moved(intent: Intent, stretch: Stretch, start: int) -> Plan:
    """The eviction goes into the `finally` as it stands."""
    layout = intent.layout
    moved = stretch.sibling(stretch.last)
    cleanup = cleanup_of(layout, stretch)
    end = last_that_ends(intent, stretch, start, _end_of_cleanup(stretch, cleanup, moved))
    if not _is_all_cleanup(moved, cleanup):
        raise RefusedError("the eviction stands among other things")
    start, index = first_to_move(layout, stretch, start)
    parts, moved = stretch.block.statements[index : end + 1], stretch.sibling(index)
    first, last = stretch.sibling(start), stretch.sibling(index - 1)
    require_bound(layout, stretch, parts, first, last)
    leftover = without(intent, stretch, start, index - 1)
    is_loose = start == stretch.first or leftover.keeps or _goes_through_a_list(moved)
    changes: list[Change] = [FinallyFrom(first, last, moved, stretch.sibling(end)), *leftover.changes]
    if first is not last and isinstance(first, ir.Try) and is_emptied(intent, stretch, first):
        changes[0] = FinallyFrom(first, last, moved, stretch.sibling(end), absorbs=True)
        changes = [changes[0], *without(intent, stretch, start, start).changes]
    elif first is not last and isinstance(last, ir.Try) and is_emptied(intent, stretch, last):
        leftover = without(intent, stretch, index - 1, index - 1)
        changes = [FinallyFrom(last, last, moved, stretch.sibling(end)), StretchTry(last, first), *leftover.changes]
    if stretch.strict and is_loose:
        changes += _tolerant_in_place(intent, stretch, cleanup)
    return Plan(tuple(changes))


def _end_of_cleanup(stretch: Stretch, cleanup: Cleanup, moved: ir.Statement) -> int:
    return stretch.last + (len(cleanup.statements) - 1 if cleanup.statements[0] is moved else 0)


def _goes_through_a_list(moved: ir.Statement) -> bool:
    return any(isinstance(node, ir.For | ir.While) for node in below(moved))


def _is_all_cleanup(statement: ir.Statement, cleanup: Cleanup) -> bool:
    """Whether a statement does nothing but evict, under locks and in loops."""
    match statement:
        case _ if any(statement is one for one in cleanup.statements):
            return True
        case ir.With(body=(*body, ir.Evaluate(value=call)), items=(item,)) if body and _tells_who_waits(item, call):
            return all(_is_all_cleanup(inner, cleanup) for inner in body)
        case ir.With(body=body) | ir.For(body=body, otherwise=()) | ir.If(body=body, otherwise=()):
            return all(_is_all_cleanup(inner, cleanup) for inner in body)
        case _:
            return False


def _tells_who_waits(item: ir.WithItem, call: ir.Expression) -> bool:
    """Whether a call is `condition.notify_all()` under `with condition:`, for those who wait until the entry is out."""
    match call:
        case ir.Call(function=ir.Attribute(value=owner, name="notify" | "notify_all")):
            return dotted(owner) is not None and dotted(owner) == dotted(item.context)
        case _:
            return False


def _tolerant_in_place(intent: Intent, stretch: Stretch, cleanup: Cleanup) -> list[Change]:
    if stretch.is_helper:
        raise RefusedError("the helper that evicts does not take a missing key")
    lines = said(intent.layout, cleanup)
    statement = cleanup.statements[0]
    if isinstance(statement, ir.Delete):
        return [ReplaceStatement(statement, lines[0])]
    if cleanup.gets is not None and len(cleanup.statements) > 1:
        raise RefusedError("what is done with the evicted value needs one")
    text = lines[0].partition(" = ")[2] if cleanup.gets is not None else lines[0]
    return [ReplaceExpression(cleanup.removal.at, text.removeprefix("await "))]


def _around(intent: Intent, stretch: Stretch, start: int, *, keeps: bool = False) -> Plan:
    """A `finally` that says the eviction again, around all that stands up to the eviction and with it."""
    layout = intent.layout
    cleanup = cleanup_of(layout, stretch)
    if stretch.is_helper and stretch.strict:
        raise RefusedError("the helper that evicts does not take a missing key")
    if cleanup.gets is not None and len(cleanup.statements) == 1:
        raise RefusedError("the evicted value is used")
    if start > stretch.last:
        raise RefusedError("nothing stands between insertion and eviction")
    first, last = stretch.sibling(start), stretch.sibling(stretch.last)
    require_bound(layout, stretch, cleanup.statements, first, last)
    loops = [owner for owner, _ in owners_of(layout, stretch.evicting) if isinstance(owner, ir.For | ir.While)]
    if any(last.at.contains(loop.at) for loop in loops):
        raise RefusedError("the eviction stands in a loop of its own")
    require_evicted_on_both_sides(intent, stretch, cleanup)
    lines = under(locks_between(layout, cleanup.statements[0], stretch.block), said(layout, cleanup))
    leftover = (all_kept if keeps else without)(intent, stretch, start, stretch.last)
    if first is last and isinstance(first, ir.Try) and not first.final:
        return Plan((AddFinally(first, lines), *leftover.changes))
    return Plan((WrapInTry(first, last, lines), *leftover.changes))


def _where_it_raises(intent: Intent, stretch: Stretch) -> Plan | None:
    """An eviction under a condition about the entry, said again where an exception comes before it."""
    layout, guard, start = intent.layout, stretch.sibling(stretch.last), stretch.first + 1
    if stretch.is_helper or not isinstance(guard, ir.If) or guard.otherwise or start >= stretch.last:
        return None
    cleanup = cleanup_of(layout, stretch)
    header = f"if {text_of(layout, guard.test.at)}:"
    if cleanup.statements != guard.body or "\n" in header:
        return None
    first, last = stretch.sibling(start), stretch.sibling(stretch.last - 1)
    require_bound(layout, stretch, (guard,), first, last)
    all_kept(intent, stretch, start, stretch.last - 1)
    return Plan((WrapInTry(first, last, (*under((header,), said(layout, cleanup)), "raise"), CLAUSE),))


def _into_the_final(intent: Intent, stretch: Stretch) -> Plan | None:
    """The eviction at the end of a `try` goes to the beginning of the `finally` that the `try` has already."""
    layout, around = intent.layout, stretch.sibling(stretch.last)
    is_next = stretch.first + 1 == stretch.last
    if not isinstance(around, ir.Try) or not around.final or not is_next or stretch.is_helper:
        return None
    cleanup = cleanup_of(layout, stretch)
    end = around.otherwise or around.body
    if cleanup.gets is not None or end[-len(cleanup.statements) :] != cleanup.statements:
        return None
    require_bound(layout, stretch, cleanup.statements, around, around)
    leftover = without(intent, stretch, stretch.last, stretch.last)
    lines = said(layout, cleanup)
    return Plan(
        (ExtendFinally(around, lines, first=True), *map(RemoveStatement, cleanup.statements), *leftover.changes)
    )


def _to_the_final_before(intent: Intent, stretch: Stretch) -> Plan | None:
    """The eviction right behind a `try` goes to the end of its `finally`, of which nothing can raise."""
    layout, before = intent.layout, stretch.sibling(stretch.last - 1)
    if not isinstance(before, ir.Try) or not before.final or stretch.first < stretch.last - 2 or stretch.is_helper:
        return None
    cleanup = cleanup_of(layout, stretch)
    if cleanup.statements != (stretch.sibling(stretch.last),) or any(map(can_raise, before.final)):
        return None
    require_bound(layout, stretch, cleanup.statements, before, before)
    leftover = without(intent, stretch, stretch.last - 1, stretch.last - 1)
    end = ExtendFinally(before, said(layout, cleanup))
    return Plan((end, *map(RemoveStatement, cleanup.statements), *leftover.changes))


def _named(intent: Intent, stretch: Stretch, start: int) -> Plan:
    """An eviction whose value is used at once: the `finally` binds the value."""
    layout, statement = intent.layout, stretch.evicting
    if stretch.is_helper or stretch.sibling(stretch.last) is not statement or start >= stretch.last:
        raise RefusedError("what the eviction returns is used at once")
    is_bare = isinstance(statement, ir.Evaluate) and statement.value.at == stretch.eviction
    is_with_insertion = start == stretch.first
    if is_bare or (is_with_insertion and stretch.sibling(start) is not stretch.insertion):
        raise RefusedError("what the eviction returns is used at once")
    removal = expression_of(statement, stretch.eviction)
    if evaluation_order(layout, statement, removal) != "kept" or not isinstance(
        statement, ir.Return | ir.Assign | ir.Evaluate
    ):
        raise RefusedError("what the eviction returns is used at once")
    first, last = stretch.sibling(start), stretch.sibling(stretch.last - 1)
    require_bound(layout, stretch, [ir.Evaluate(removal.at, removal)], first, last)
    all_kept(intent, stretch, start, stretch.last - 1)
    name = free_name("entry", stretch.function, layout.names)
    text = text_of(layout, removal.at)
    if is_with_insertion and stretch.strict:
        cleanup = cleanup_at(layout, stretch.eviction, value_is_used=True)
        text = said(layout, cleanup)[0]
    lines = (f"{name} = {text}",)
    return Plan((WrapInTry(first, last, lines), ReplaceExpression(removal.at, name)))


def _without_guard(intent: Intent, stretch: Stretch, final: ir.Try) -> Plan:
    """The eviction of a `finally` without the condition that it is under."""
    layout = intent.layout
    cleanup = cleanup_of(layout, stretch)
    guards = [
        owner
        for owner, _ in owners_of(layout, cleanup.statements[0])
        if isinstance(owner, ir.If) and final.at.contains(owner.at) and owner.at != final.at
    ]
    if not guards:
        raise RefusedError("the eviction in the `finally` is under no condition")
    guard = guards[-1]
    lines = under(locks_between(layout, cleanup.statements[0], place_of(layout, guard).block), said(layout, cleanup))
    if not guard.otherwise and all(_is_all_cleanup(inner, cleanup) for inner in guard.body):
        return Plan((InsertBefore(guard, lines), RemoveStatement(guard)))
    return Plan((InsertBefore(guard, lines), *map(RemoveStatement, cleanup.statements)))


def _earlier(intent: Intent, stretch: Stretch, final: ir.Try, start: int) -> Plan:
    """The `try` whose `finally` evicts begins right behind the insertion."""
    if final is not stretch.sibling(stretch.last):
        raise RefusedError("the `finally` that evicts is inside another statement")
    if final.handlers or final.otherwise:
        raise RefusedError("the `try` whose `finally` evicts has handlers, which must not see more exceptions")
    if stretch.strict and start == stretch.first:
        raise RefusedError("the eviction does not take a missing key")
    require_bound(intent.layout, stretch, final.final, stretch.sibling(start), stretch.sibling(stretch.last - 1))
    all_kept(intent, stretch, start, stretch.last - 1)
    return Plan((StretchTry(final, stretch.sibling(start)),))


def _around_all(intent: Intent, stretch: Stretch, start: int) -> Plan:
    """Another `try` around the one that evicts, whose handlers must see no more than they did."""
    layout = intent.layout
    cleanup = cleanup_of(layout, stretch)
    if stretch.strict and stretch.is_helper:
        raise RefusedError("the helper that evicts does not take a missing key")
    first, last = stretch.sibling(start), stretch.sibling(stretch.last)
    require_bound(layout, stretch, cleanup.statements, first, last)
    require_evicted_on_both_sides(intent, stretch, cleanup)
    all_kept(intent, stretch, start, stretch.last)
    lines = under(locks_between(layout, cleanup.statements[0], stretch.block), said(layout, cleanup))
    return Plan((WrapInTry(first, last, lines),))


def _before_the_jump(intent: Intent, stretch: Stretch) -> Plan:
    """The eviction once more, before the jump that leaves it out."""
    layout = intent.layout
    jump = statement_around(layout, intent.report.place.at)
    if not isinstance(jump, ir.Return | ir.Break | ir.Continue):
        raise RefusedError("the exit that leaves the entry in is no statement of its own")
    cleanup = cleanup_of(layout, stretch)
    require_evicted_on_both_sides(intent, stretch, cleanup)
    require_bound(layout, stretch, cleanup.statements, jump, jump)
    locks = locks_between(layout, cleanup.statements[0], stretch.block)
    return Plan((InsertBefore(jump, under(locks, said(layout, cleanup))),))
