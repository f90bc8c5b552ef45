"""An eviction that is to come on more ways out than before, whose key reads what other operations may set meanwhile.

Where it comes too late it takes out what another operation has put in under the key as it is by then. So the key gets a
name where the entry is inserted, and the eviction goes by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.containers import EVICTING_METHODS
from leaklint.ir_walk import below
from leaklint.repairs.changes import (
    Change,
    FinallyFrom,
    RemoveElse,
    RemoveHandler,
    RemoveStatement,
    ReplaceExpression,
    StretchTry,
)
from leaklint.repairs.find import statement_around
from leaklint.repairs.intent import Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.named_key import MOVED_ON, name_the_key, others_move_on
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.stretch import Stretch

_SAYS_NOTHING_ANEW = FinallyFrom | StretchTry | RemoveStatement | RemoveHandler | RemoveElse
"""Changes after which the eviction is in the code once, as it was written."""


def with_own_key(intent: Intent, stretch: Stretch, plan: Plan) -> Plan:
    """Return the plan with a name for a key that may move on, or as an unsafe one where it can get none."""
    if plan.risk is not None:
        return plan
    moving = _moving(intent, stretch)
    if not moving:
        return plan
    try:
        return msgspec.structs.replace(plan, changes=(*plan.changes, *_naming(intent, stretch, plan, moving)))
    except RefusedError:
        return msgspec.structs.replace(plan, risk=MOVED_ON)


def _moving(intent: Intent, stretch: Stretch) -> list[ir.Expression]:
    """The keys of the eviction, as the function says them, that other operations may move on."""
    return [key for key in _keys(stretch) if others_move_on(intent, stretch, key)]


def _keys(stretch: Stretch) -> list[ir.Expression]:
    for node in below(stretch.evicting):
        match node:
            case ir.Call(at=at, arguments=arguments) if at == stretch.eviction:
                return [argument.value for argument in arguments if not _is_an_eviction(argument.value)]
            case ir.Subscript(at=at, index=key) if at == stretch.eviction:
                return [key]
            case ir.Delete(targets=(ir.Subscript(index=key),), at=at) if at.contains(stretch.eviction):
                return [key]
    return []


def _is_an_eviction(argument: ir.Expression) -> bool:
    """Whether it is a method that a callback is to call with the key."""
    return isinstance(argument, ir.Attribute) and argument.name in EVICTING_METHODS


def _naming(intent: Intent, stretch: Stretch, plan: Plan, moving: list[ir.Expression]) -> tuple[Change, ...]:
    layout = intent.layout
    if len(moving) > 1 or not all(isinstance(change, _SAYS_NOTHING_ANEW) for change in plan.changes):
        raise RefusedError(MOVED_ON)
    text = text_of(layout, moving[0].at)
    inserted = _said(intent, stretch.insertion, text)
    if len(inserted) != 1:
        raise RefusedError(MOVED_ON)
    name, changes = name_the_key(intent, stretch, inserted[0])
    place = place_of(layout, statement_around(layout, moving[0].at))
    behind = place.block.statements[place.index :]
    said = [key for statement in behind for key in _said(intent, statement, text)]
    if place.block is stretch.block:
        said = [key for key in said if stretch.sibling(stretch.last).at.contains(key.at)]
    return (*changes, *(ReplaceExpression(key.at, name) for key in said))


def _said(intent: Intent, statement: ir.Statement, text: str) -> list[ir.Expression]:
    """Where a statement says an expression."""
    return [
        node
        for node in below(statement)
        if isinstance(node, ir.Expression) and isinstance(node, ir.Node) and text_of(intent.layout, node.at) == text
    ]
