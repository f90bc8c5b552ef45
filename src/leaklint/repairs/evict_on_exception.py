"""LKL102, LKL103: the eviction stays where it is, and an `except` evicts where the code before it raises.

For evictions that stand among other things, in helpers that do more, or behind handlers that must not see more
exceptions. Nothing changes where nothing raises, and what is raised goes on as it was.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.changes import Change, InsertBefore, WrapInTry
from leaklint.repairs.cleanup import locks_around, under
from leaklint.repairs.companions import evicted_together
from leaklint.repairs.counted import CLAUSE, counted_down_again
from leaklint.repairs.find import owners_of
from leaklint.repairs.gaps import Condition, Gap, gaps_before, gaps_with_the_end
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.outsiders import is_held_alone, why_another_s, why_noticed
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.settled import is_settled
from leaklint.repairs.stretch import Stretch, locals_of, require_bound, stretch_of
from leaklint.repairs.undoing import ENTERS, Undoing, conditions_of, undoing_of, undoing_of_the_same
from leaklint.repairs.value_ended import is_dealt_with
from leaklint.repairs.wider import wider_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


OTHERS_TRIED = 3
"""How many evictions are tried beside the one that the report shows."""


def plans_on_exception(intent: Intent, stretch: Stretch) -> Iterator[Plan | Refusal]:
    """Yield the ways to evict in an `except`, the safe ones first."""
    if "BaseException" in intent.layout.names | locals_of(stretch.function):
        yield Refusal("`BaseException` means something else here")
        return
    unsafe: list[Plan] = []
    for way in _ways(intent, stretch):
        try:
            plan = way()
        except RefusedError as error:
            yield error.refusal
            continue
        if plan.risk is None:
            yield plan
        else:
            unsafe.append(plan)
    yield from unsafe


def _ways(intent: Intent, stretch: Stretch) -> Iterator[Callable[[], Plan]]:
    yield from _ways_to(intent, stretch)
    for other in _with_other_evictions(intent):
        with suppress(RefusedError):
            yield from _ways_to(other, stretch_of(other))
    yield from (partial(_counted, intent), partial(_wider, intent), partial(_counted_and_wider, intent))
    yield partial(_whatever_it_waits_for, intent, stretch)


def _ways_to(intent: Intent, stretch: Stretch) -> tuple[Callable[[], Plan], ...]:
    return (
        partial(_up_to_the_eviction, intent, stretch, in_final=True),
        partial(_up_to_the_eviction, intent, stretch, in_final=False),
        partial(_while_it_is_the_same, intent, stretch),
    )


def _with_other_evictions(intent: Intent) -> Iterator[Intent]:
    """The report as it would be told of the other evictions that take this entry out."""
    assert intent.report.eviction is not None
    told = intent.report.eviction.place
    evictions = {removal.eviction.place: removal.eviction for removal in intent.report.story.removals}
    for eviction in [one for place, one in evictions.items() if place != told][:OTHERS_TRIED]:
        report = msgspec.structs.replace(intent.report, eviction=eviction)
        yield msgspec.structs.replace(intent, report=report)


def _up_to_the_eviction(intent: Intent, stretch: Stretch, *, in_final: bool) -> Plan:
    """Each gap evicts under the conditions that the eviction is under, unless nobody else can have the entry yet."""
    undoing = undoing_of(intent, stretch)
    gaps = gaps_before(intent.layout, stretch, undoing.evicting, in_final=in_final)
    conditions = conditions_of(intent, stretch, undoing)
    if conditions:
        together = evicted_together(intent, stretch)
        if is_held_alone(intent, stretch, gaps, together.words):
            return _plan(intent, stretch, gaps, together.undoing)
    return _plan(intent, stretch, gaps, undoing, conditions)


def _while_it_is_the_same(intent: Intent, stretch: Stretch) -> Plan:
    """Up to the end of what evicts, wherever inside it that is done: what is not the same entry any more stays."""
    undoing = undoing_of_the_same(intent, stretch)
    for condition in conditions_of(intent, stretch, undoing):
        raise RefusedError(f"the eviction depends on the condition on line {condition.at.line}")
    return _plan(intent, stretch, gaps_with_the_end(intent.layout, stretch), undoing, is_the_same=True)


def _counted(intent: Intent) -> Plan:
    return Plan((counted_down_again(intent),))


def _wider(intent: Intent) -> Plan:
    return Plan(wider_handlers(intent))


def _counted_and_wider(intent: Intent) -> Plan:
    return Plan((counted_down_again(intent), *wider_handlers(intent)))


def _whatever_it_waits_for(intent: Intent, stretch: Stretch) -> Plan:
    """The entry goes without the conditions that its eviction is under: whether it may is not known."""
    undoing = undoing_of(intent, stretch)
    conditions = conditions_of(intent, stretch, undoing)
    if not conditions:
        raise RefusedError("the eviction is under no condition")
    plan = _plan(intent, stretch, gaps_before(intent.layout, stretch, undoing.evicting, in_final=False), undoing)
    risk = f"the eviction waits for the condition on line {conditions[0].at.line}, which may be about others as well"
    return msgspec.structs.replace(plan, risk=risk)


def _plan(
    intent: Intent,
    stretch: Stretch,
    gaps: Sequence[Gap],
    undoing: Undoing,
    conditions: Sequence[Condition] = (),
    *,
    is_the_same: bool = False,
) -> Plan:
    _require_value_untouched(intent, gaps, undoing)
    changes = tuple(_change(intent, stretch, gap, undoing, conditions) for gap in gaps)
    risk = why_noticed(intent, stretch, gaps, undoing.evicting)
    return Plan(changes, risk if risk or is_the_same else why_another_s(intent, gaps))


def _require_value_untouched(intent: Intent, gaps: Sequence[Gap], undoing: Undoing) -> None:
    """Raise RefusedError where a gap ends the value itself, or enters what is then not left any more."""
    layout = intent.layout
    for gap in gaps:
        start, end = place_of(layout, gap.first), place_of(layout, gap.last)
        inside = start.block.statements[start.index : end.index + 1]
        if any(is_dealt_with(layout, inside, name) for name in undoing.ended):
            raise RefusedError("the value is ended or given away before its entry is evicted")
    if undoing.is_unentered and (len(gaps) > 1 or not _only_enters(gaps[0].last)):
        raise RefusedError("the value is left as a context manager, which it may not be if it was not entered")


def _only_enters(statement: ir.Statement) -> bool:
    """Whether a statement enters a context manager, and does nothing else that could raise behind that."""
    if not isinstance(statement, ir.Evaluate | ir.Assign) or statement.value is None:
        return False
    value = statement.value.value if isinstance(statement.value, ir.Await) else statement.value
    return isinstance(value, ir.Call) and isinstance(value.function, ir.Attribute) and value.function.name in ENTERS


def _change(intent: Intent, stretch: Stretch, gap: Gap, undoing: Undoing, conditions: Sequence[Condition]) -> Change:
    layout, needed = intent.layout, [*undoing.needed]
    held = locks_around(layout, gap.first)
    lines = under([header for header in undoing.locks if header not in held], undoing.lines)
    for condition in conditions:
        if not condition.at.contains(gap.first.at):
            test = _test_again(intent, stretch, condition, undoing.evicting)
            needed.append(ir.Evaluate(test.at, test))
            lines = under([f"if {text_of(layout, test.at)}:"], lines)
    require_bound(layout, stretch, needed, gap.first, gap.last)
    handler = _handler_alike(gap)
    if handler is not None:
        return InsertBefore(handler.body[0], lines)
    return WrapInTry(gap.first, gap.last, (*lines, "raise"), CLAUSE)


def _test_again(intent: Intent, stretch: Stretch, condition: Condition, evicting: ir.Statement) -> ir.Expression:
    """The test of a condition that comes out the same before the eviction as at it."""
    is_body = any(owner is condition and part == "body" for owner, part in owners_of(intent.layout, evicting))
    if not isinstance(condition, ir.If) or not is_body or not is_settled(intent.layout, stretch, condition.test):
        raise RefusedError(f"the eviction depends on the condition on line {condition.at.line}")
    return condition.test


def _handler_alike(gap: Gap) -> ir.Handler | None:
    """The handler of a gap that is a `try` of this very form already."""
    match gap.first:
        case ir.Try(handlers=(handler,), otherwise=(), final=(), is_group=False) if gap.first is gap.last:
            raised = [node for statement in handler.body for node in below(statement) if isinstance(node, ir.Raise)]
            is_plain = isinstance(handler.caught, ir.Name) and handler.caught.id == "BaseException"
            again = is_plain and handler.name is None and raised == [handler.body[-1]] and raised[0].exception is None
            return handler if again else None
    return None
