"""Entries that count their holders: one function counts up and waits, another counts down and evicts at the end.

Whoever fails while it waits is counted for ever. It has to count itself down again, and not to give back what it never
got.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.endings import is_ending
from leaklint.ir_walk import below
from leaklint.repairs.changes import Change, WrapInTry
from leaklint.repairs.cleanup import Cleanup, cleanup_at, lines_of, said, under
from leaklint.repairs.find import function_of, statement_around
from leaklint.repairs.gaps import can_raise
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout

CLAUSE = "except BaseException:"


class Counting(msgspec.Struct, frozen=True, eq=False):
    """The function that counts down: what it does before, the statement that does so, and the eviction at the end."""

    before: tuple[ir.Statement, ...]
    down: ir.Augment
    last: ir.If


def counted_down_again(intent: Intent) -> Change:
    """Return the change that counts an entry down again where what is behind its counting up raises.

    Raises RefusedError where the entry is not counted, or where it cannot be told what has been done by then.
    """
    layout, insertion, eviction = intent.layout, intent.report.story.insertion, intent.report.eviction
    assert eviction is not None
    up = statement_around(layout, insertion.place.at)
    if not isinstance(up, ir.Augment) or up.operator != "+":
        raise RefusedError("the entry does not count its holders")
    counting = _counting_down(layout, up, statement_around(layout, eviction.place.at))
    waiting = _waits_behind(layout, up)
    if not counting.before:
        raise RefusedError("who calls the function that counts up may count down where it raises")
    for statement in counting.before:
        if not _gives_back(layout, statement, waiting):
            raise RefusedError("the function that counts down does other things before")
    lines = lines_of(layout, counting.down, [])
    test = f"if {text_of(layout, counting.last.test.at)}:"
    lines += under([test], [line for one in counting.last.body for line in said(layout, _evicting(layout, one))])
    return WrapInTry(waiting, waiting, (*lines, "raise"), CLAUSE)


def _counting_down(layout: Layout, up: ir.Augment, evicting: ir.Statement) -> Counting:
    """How the function that evicts counts down what another one counts up in the same words."""
    there, here = function_of(layout, evicting), function_of(layout, up)
    last = place_of(layout, evicting).block.owner
    body = tuple(one for one in there.body if not _is_text(one))
    is_whole = len(body) > 1 and body[-1] is last and isinstance(last, ir.If) and not last.otherwise
    if there is here or not is_whole or _owner(there) != _owner(here) or _parameters(there) != _parameters(here):
        raise RefusedError("the functions that count up and down are not of one kind")
    assert isinstance(last, ir.If)
    down, count = body[-2], text_of(layout, up.target.at)
    is_down = isinstance(down, ir.Augment) and down.operator == "-" and text_of(layout, down.target.at) == count
    asks = any(isinstance(node, ir.Subscript) and text_of(layout, node.at) == count for node in below(last.test))
    is_same = isinstance(down, ir.Augment) and text_of(layout, down.value.at) == text_of(layout, up.value.at)
    if not (is_down and asks and is_same) or can_raise(ir.Evaluate(last.test.at, last.test)):
        raise RefusedError("the function that evicts does not count down what is counted up")
    assert isinstance(down, ir.Augment)
    return Counting(body[:-2], down, last)


def _waits_behind(layout: Layout, up: ir.Augment) -> ir.Statement:
    """The one statement behind the counting up that can raise: whatever it gets, it has not got then."""
    place = place_of(layout, up)
    if place.block.statements is not function_of(layout, up).body:
        raise RefusedError("the entry is counted up in a branch")
    risky = [statement for statement in place.block.statements[place.index + 1 :] if can_raise(statement)]
    if len(risky) != 1 or not isinstance(risky[0], ir.Evaluate | ir.Return | ir.Assign):
        raise RefusedError("more than one statement can raise behind the counting up")
    return risky[0]


def _gives_back(layout: Layout, statement: ir.Statement, waiting: ir.Statement) -> bool:
    """Whether a statement gives back what `waiting` gets: `lock.release()` for `await lock.acquire()`."""
    match statement:
        case ir.Evaluate(value=ir.Call(function=ir.Attribute(value=owner, name=name), arguments=())):
            got = _got_by(waiting)
            return is_ending(name) and got is not None and text_of(layout, got.at) == text_of(layout, owner.at)
        case _:
            return False


def _got_by(waiting: ir.Statement) -> ir.Expression | None:
    """`lock` of `return await lock.acquire()`, where nothing else is called."""
    value = waiting.value if isinstance(waiting, ir.Evaluate | ir.Return | ir.Assign) else None
    match value.value if isinstance(value, ir.Await) else value:
        case ir.Call(function=ir.Attribute(value=owner), arguments=()):
            return None if any(isinstance(node, ir.Call | ir.Await) for node in below(owner)) else owner
        case _:
            return None


def _evicting(layout: Layout, statement: ir.Statement) -> Cleanup:
    """A statement that evicts and does nothing else, whether or not the entry is there."""
    match statement:
        case ir.Delete(targets=(ir.Subscript(at=span),)) | ir.Evaluate(value=ir.Call(at=span)):
            cleanup = cleanup_at(layout, span)
            if cleanup.gets is None and cleanup.statements == (statement,):
                return cleanup
    raise RefusedError("the function that evicts does other things too")


def _is_text(statement: ir.Statement) -> bool:
    return isinstance(statement, ir.Evaluate) and isinstance(statement.value, ir.Text)


def _owner(function: ir.Function) -> str:
    return function.qualified_name.rpartition(".")[0]


def _parameters(function: ir.Function) -> list[str]:
    return [parameter.name for parameter in function.parameters]
