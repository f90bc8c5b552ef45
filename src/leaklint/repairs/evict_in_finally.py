"""LKL102, LKL103: put the eviction into a `finally`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs import replaced, resumed
from leaklint.repairs.await_reply import plans_for_a_reply
from leaklint.repairs.changes import (
    AddFinally,
    Change,
    FinallyFrom,
    InsertBefore,
    RemoveStatement,
    ReplaceExpression,
    ReplaceStatement,
    StretchTry,
    WrapInTry,
)
from leaklint.repairs.cleanup import Cleanup, cleanup_at, locks_between, said, under
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
from leaklint.repairs.guards import helpers_only_evict, only_evicts, require_evicted_on_both_sides
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.leftover import is_emptied, without
from leaklint.repairs.members import first_to_move
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.register_early import plans_for_a_late_registration
from leaklint.repairs.replaced import replaces_an_earlier_entry
from leaklint.repairs.resumed import resumes_what_stays
from leaklint.repairs.stretch import Stretch, cleanup_of, finally_around, is_strict, require_bound, stretch_of
from leaklint.repairs.value_ended import last_that_ends, plan_with_ending_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def plans_for_a_skipped_eviction(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to evict on every way out, the best first."""
    risk = _risk(intent)
    for plan in _plans(intent):
        is_safe = isinstance(plan, Plan) and plan.risk is None
        yield msgspec.structs.replace(plan, risk=risk) if risk is not None and is_safe else plan


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
    if isinstance(stretch.sibling(stretch.last), ir.With):
        yield from plans_in_a_manager(intent)
    if not helpers_only_evict(intent):
        yield from plans_in_the_helper(intent)
        yield from plans_on_exception(intent, stretch)
        raise RefusedError("the helper that evicts does other things before, which can raise")
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
        ways = [partial(plan_with_ending_before, intent, stretch, start) for start in _starts(stretch)]
        ways += [partial(_moved, intent, stretch, start) for start in _starts(stretch)]
        ways += [partial(_around, intent, stretch, start) for start in (stretch.first + 1, stretch.first)]
        ways += [partial(_named, intent, stretch, start) for start in _starts(stretch)]
    yield from plans_for_a_late_registration(intent, stretch)
    if final is None and intent.report.code == "LKL103":
        ways += [partial(_before_the_jump, intent, stretch)]
    yield from (made for made in map(_made, ways) if made is not None)
    yield from plans_on_exception(intent, stretch)


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
        case ir.With(body=body) | ir.For(body=body, otherwise=()) | ir.If(body=body, otherwise=()):
            return all(_is_all_cleanup(inner, cleanup) for inner in body)
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


def _around(intent: Intent, stretch: Stretch, start: int) -> Plan:
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
    leftover = without(intent, stretch, start, stretch.last)
    if first is last and isinstance(first, ir.Try) and not first.final:
        return Plan((AddFinally(first, lines), *leftover.changes))
    return Plan((WrapInTry(first, last, lines), *leftover.changes))


def _named(intent: Intent, stretch: Stretch, start: int) -> Plan:
    """An eviction whose value is used at once: the `finally` binds the value."""
    layout, statement = intent.layout, stretch.evicting
    if stretch.is_helper or stretch.sibling(stretch.last) is not statement or start >= stretch.last:
        raise RefusedError("what the eviction returns is used at once")
    is_with_insertion = start == stretch.first
    if is_with_insertion and stretch.sibling(start) is not stretch.insertion:
        raise RefusedError("what the eviction returns is used at once")
    removal = expression_of(statement, stretch.eviction)
    if evaluation_order(layout, statement, removal) != "kept" or not isinstance(
        statement, ir.Return | ir.Assign | ir.Evaluate
    ):
        raise RefusedError("what the eviction returns is used at once")
    first, last = stretch.sibling(start), stretch.sibling(stretch.last - 1)
    require_bound(layout, stretch, [ir.Evaluate(removal.at, removal)], first, last)
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
