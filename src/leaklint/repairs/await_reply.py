"""LKL102 where another function takes the entry out when a reply comes: take it out here too when the wait is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.repairs.await_members import membership, plan_for_a_member
from leaklint.repairs.changes import AddFinally, Change, ExtendFinally, StretchTry, WrapInTry
from leaklint.repairs.cleanup import locks_between, under
from leaklint.repairs.find import function_of, shared_block, standing_in, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import text_of
from leaklint.repairs.leftover import is_emptied, without
from leaklint.repairs.named_key import moves_on, name_the_key
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import Stretch, require_bound
from leaklint.values import is_waited_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def plans_for_a_reply(intent: Intent) -> Iterator[Plan]:
    """Yield the ways to evict when the wait is over."""
    layout, report = intent.layout, intent.report
    inserting = statement_around(layout, report.place.at)
    if report.story.insertion.place != report.place:
        raise RefusedError("the entry is inserted by another function than the one that waits")
    member = membership(inserting)
    waits = [
        statement_around(layout, mark.place.at)
        for _, held in report.story.stays
        for mark in held.history
        if mark.kind == "raise" and mark.place.function == report.place.function
    ]
    if not waits or _waits_elsewhere(intent):
        raise RefusedError("the wait for the reply is in another function")
    block = shared_block(layout, [inserting, *waits])
    first = standing_in(layout, inserting, block)
    last = max(index for wait in waits if (index := standing_in(layout, wait, block)) is not None)
    assert first is not None
    if last <= first:
        raise RefusedError("the insertion and the wait are one statement")
    function = function_of(layout, inserting)
    stretch = Stretch(function, inserting, inserting, report.place.at, block, first, last, False, False)
    if member is not None:
        yield plan_for_a_member(intent, stretch, member)
        return
    cache, key = _target(inserting)
    is_moving = moves_on(intent, stretch, key)
    needed = [ir.Evaluate(part.at, part) for part in ((cache,) if is_moving else (cache, key))]
    require_bound(layout, stretch, needed, stretch.sibling(first + 1), stretch.sibling(last))
    if not is_moving:
        yield from _plans(intent, stretch, cache, text_of(layout, key.at))
        return
    name, changes = name_the_key(intent, stretch, key)
    for plan in _plans(intent, stretch, cache, name):
        yield msgspec.structs.replace(plan, changes=(*plan.changes, *changes))


def _plans(intent: Intent, stretch: Stretch, cache: ir.Expression, key: str) -> Iterator[Plan]:
    """Yield the ways to evict `key`, as the code is to say it."""
    layout, first, last = intent.layout, stretch.first, stretch.last
    line = f"{text_of(layout, cache.at)}.pop({key}, None)"
    lines = under(locks_between(layout, stretch.insertion, stretch.block), [line])
    waiting = stretch.sibling(last)
    if first + 1 < last and isinstance(waiting, ir.Try) and is_emptied(intent, stretch, waiting):
        leftover = without(intent, stretch, last, last)
        start = stretch.sibling(first + 1)
        yield Plan((AddFinally(waiting, lines), StretchTry(waiting, start), *leftover.changes))
    leftover = without(intent, stretch, first + 1, last)
    yield Plan((_around(stretch, lines), *leftover.changes))


def _waits_elsewhere(intent: Intent) -> bool:
    """Whether what waits for the reply is called from here: a `finally` around other calls would come too early."""
    report = intent.report
    return any(
        mark.kind == "raise"
        and mark.place.function != report.place.function
        and is_waited_for(report.story.insertion.parts, mark.subjects)
        for _, held in report.story.stays
        for mark in held.history
    )


def _target(statement: ir.Statement) -> tuple[ir.Expression, ir.Expression]:
    match statement:
        case ir.Assign(targets=targets):
            for target in targets:
                if isinstance(target, ir.Subscript):
                    return target.value, target.index
    match statement:
        case ir.Assign(value=ir.Call() as call) | ir.Evaluate(value=ir.Call() as call):
            if isinstance(call.function, ir.Attribute) and call.function.name == "setdefault" and call.arguments:
                return call.function.value, call.arguments[0].value
    raise RefusedError("the insertion is in no form that shows cache and key")


def _around(stretch: Stretch, lines: tuple[str, ...]) -> Change:
    first, last = stretch.sibling(stretch.first + 1), stretch.sibling(stretch.last)
    if first is last and isinstance(first, ir.Try):
        return ExtendFinally(first, lines) if first.final else AddFinally(first, lines)
    return WrapInTry(first, last, lines)
