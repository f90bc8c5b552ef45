"""LKL204: what an eviction takes out is closed behind it, as other evictions of the container close it.

A function that closes anything is silent to the rule, and so is what it calls. So all that the rule reports of such
functions is closed together or not at all: one closed value would hide the others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.changes import Change, InsertAfter, InsertBefore, ReplaceStatement
from leaklint.repairs.cleanup import headers_of, is_lock, locks_around
from leaklint.repairs.expressions import as_argument
from leaklint.repairs.find import expression_of, function_of, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import comments_within, place_of, text_of
from leaklint.repairs.mirror import named_as_locks
from leaklint.repairs.naming import free_name, singular
from leaklint.repairs.nodes import expression_at
from leaklint.repairs.order import effect_free
from leaklint.repairs.refusal import RefusedError
from leaklint.same_caches import cache_name
from leaklint.values import NONE, Constant, Element, Entry, Field, Item, Result, as_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.flow.events import Eviction, Release
    from leaklint.repairs.layout import Layout
    from leaklint.rule import Report
    from leaklint.values import Value

IN_USE = "whoever still uses the evicted value would find it closed"
WAITS = "elsewhere the value is closed with `await`, which the function that evicts it cannot do"
WAITS_IN_A_LOOP = "while one value is closed with `await`, others may come in, which would then be dropped unclosed"
PART = "elsewhere a part of the value is closed, which cannot be told from the value here"
NO_FORM = "the eviction is in no form to which the closing of the value could be added"
NO_METHOD = "elsewhere the value is closed in another way than by a plain call of its method"

_SILENCES = re.compile(r"#\s*noqa(?!\s*:)|#\s*noqa:[^#]*\bLKL", re.IGNORECASE)

Pop: TypeAlias = tuple[str, bool]
"""The expression that takes the value out, and whether it may give None."""


class Closing(msgspec.Struct, frozen=True):
    """How the code closes a value elsewhere: the words behind its name, whether it waits, and the name it has there."""

    words: str
    is_awaited: bool
    name: str | None


def plans_for_a_dropped_value(intent: Intent) -> Iterator[Plan]:
    """Yield the one way to close what is dropped, with all else that would be silent afterwards."""
    changes: dict[Change, None] = {}
    taken: set[str] = set()
    for report in _together(intent):
        name, own = _closed(intent, report, taken)
        taken.add(name)
        changes.update(dict.fromkeys(own))
    yield Plan(tuple(changes), IN_USE)


def _together(intent: Intent) -> list[Report]:
    """The report, and those of functions that are changed for it, or that are called by these."""
    chosen = [intent.report]
    waiting = [one for one in intent.beside if one.code == intent.report.code and one != intent.report]
    waiting = [one for one in waiting if not _is_silenced(intent.layout, one)]
    changed = {intent.report.place.function}
    while joining := [one for one in waiting if changed & _passed_through(intent, one)]:
        chosen += joining
        changed |= {one.place.function for one in joining}
        waiting = [one for one in waiting if one not in joining]
    return chosen


def _is_silenced(layout: Layout, report: Report) -> bool:
    """Whether a comment says that the value is dropped on purpose."""
    line = layout.lines[report.place.at.end_line - 1]
    return any(_SILENCES.search(comment.text) for comment in comments_within(layout, line.start, line.end))


def _passed_through(intent: Intent, report: Report) -> set[str]:
    """The functions on the ways to an eviction, its own included."""
    evictions = [one for _, one in intent.evidence.evictions_at.get(report.place, ())]
    return {report.place.function, *(place.function for one in evictions for place in one.stack)}


def _closed(intent: Intent, report: Report, taken: set[str]) -> tuple[str, tuple[Change, ...]]:
    """The name of what is taken out, and the changes that close it."""
    layout, eviction = intent.layout, report.eviction
    if eviction is None:
        raise RefusedError(NO_FORM)
    closing = _closing(intent, report)
    statement = statement_around(layout, eviction.place.at)
    function = function_of(layout, statement)
    if closing.is_awaited and not function.is_async:
        raise RefusedError(WAITS)
    name = free_name(_wanted_name(eviction, closing), function, layout.names | taken)
    call = f"{'await ' if closing.is_awaited else ''}{name}{closing.words}"
    has_none = any(one.value == NONE for _, one in intent.evidence.insertions.may_be(eviction.cache))
    everything = _all_of(layout, statement, eviction)
    if everything is not None:
        if closing.is_awaited:
            raise RefusedError(WAITS_IN_A_LOOP)
        lines = _unless_none(name, call, may_be_none=has_none)
        loop = f"for {name} in {everything}.values():", *(f"    {line}" for line in lines)
        return name, (InsertBefore(statement, loop, False),)
    pop, may_be_none = _pop(layout, statement, eviction)
    lines = _unless_none(name, call, may_be_none=may_be_none or has_none)
    return name, (ReplaceStatement(statement, f"{name} = {pop}"), InsertAfter(_anchor(layout, statement), lines))


def _unless_none(name: str, call: str, *, may_be_none: bool) -> tuple[str, ...]:
    return (f"if {name} is not None:", f"    {call}") if may_be_none else (call,)


def _wanted_name(eviction: Eviction, closing: Closing) -> str:
    """`client` of `_clients`, or what the value is called where it is closed."""
    return singular((cache_name(eviction.cache) or "").strip("_")) or closing.name or "evicted"


def _all_of(layout: Layout, statement: ir.Statement, eviction: Eviction) -> str | None:
    """The container whose values are all dropped, as the code says it; None where it is one entry that goes."""
    match statement:
        case ir.Evaluate(value=ir.Call(function=ir.Attribute(value=cache, name="clear"), arguments=())):
            pass
        case ir.Assign(targets=(cache,), value=value, annotation=None) if eviction.key is None and value is not None:
            word = cache_name(eviction.cache)
            if last_part(cache) != word or any(last_part(node) == word for node in _names(value)):
                raise RefusedError(NO_FORM)
        case _:
            return None
    text = text_of(layout, cache.at)
    if "\n" in text or not effect_free(expression_at(layout.nodes, cache.at)):
        raise RefusedError(NO_FORM)
    return text


def _names(value: ir.Expression) -> list[ir.Expression]:
    return [node for node in below(value) if isinstance(node, ir.Name | ir.Attribute)]


def _pop(layout: Layout, statement: ir.Statement, eviction: Eviction) -> Pop:
    """The `pop` that gives what the statement drops; one that raises for a missing key goes on to do so."""
    at, text = eviction.place.at, text_of(layout, statement.at)
    if "\n" in text:
        raise RefusedError(NO_FORM)
    match statement:
        case ir.Delete(targets=(ir.Subscript(value=cache, index=key) as target,)) if target.at == at:
            if eviction.key is not None:
                return f"{text_of(layout, cache.at)}.pop({as_argument(layout, key)})", False
        case ir.Evaluate(value=ir.Call(function=ir.Attribute(name=method), arguments=arguments) as call):
            if call.at == at and method == "popitem":
                return f"{text}[1]", False
            given = [argument.value for argument in arguments if argument.name is None]
            if call.at == at and method == "pop" and given and len(given) == len(arguments):
                match given[1:]:
                    case []:
                        return text, False
                    case [ir.Constant(value="None")]:
                        return text, True
    raise RefusedError(NO_FORM)


def _anchor(layout: Layout, statement: ir.Statement) -> ir.Statement:
    """What the closing stands behind: a lock that is free again right behind the eviction, or the eviction."""
    block = place_of(layout, statement).block
    owner = block.owner
    if not isinstance(owner, ir.With) or block.statements[-1] is not statement:
        return statement
    headers = headers_of(layout, owner)
    is_last_lock = all(is_lock(item) for item in owner.items) and not locks_around(layout, owner)
    return owner if is_last_lock and named_as_locks(headers) == headers else statement


def _closing(intent: Intent, report: Report) -> Closing:
    """How the value is closed elsewhere: where the report says so, or in the first other place that says it plainly."""
    release = report.release
    if release is None:
        raise RefusedError(NO_METHOD)
    others = [one for _, one in intent.evidence.releases.may_be(release.cache) if one.method == release.method]
    plain = (_closing_or_none(intent.layout, one) for one in dict.fromkeys(others) if not one.is_given)
    found = _closing_or_none(intent.layout, release) or next(filter(None, plain), None)
    # Where none is plain, the one of the report says why.
    return found or _closing_at(intent.layout, release)


def _closing_or_none(layout: Layout, release: Release) -> Closing | None:
    try:
        return _closing_at(layout, release)
    except RefusedError:
        return None


def _closing_at(layout: Layout, release: Release) -> Closing:
    statement = statement_around(layout, release.place.at)
    call = expression_of(statement, release.place.at)
    match call:
        case ir.Call(function=ir.Attribute(value=receiver, name=method), arguments=arguments):
            pass
        case _:
            raise RefusedError(NO_METHOD)
    is_awaited, is_alone = _is_awaited(statement, call), _is_alone(statement, call)
    given = [argument.value for argument in arguments if isinstance(argument.value, ir.Constant | ir.Text)]
    if method != release.method or not is_alone or len(given) != len(arguments):
        raise RefusedError(NO_METHOD)
    words = [
        f"{argument.name}={text_of(layout, argument.value.at)}" if argument.name else text_of(layout, argument.value.at)
        for argument in arguments
    ]
    way = _way_to(release.value)
    name = receiver.id if isinstance(receiver, ir.Name) and not way and len(receiver.id) > 1 else None
    return Closing(f"{way}.{method}({', '.join(words)})", is_awaited, name)


def _is_awaited(statement: ir.Statement, call: ir.Expression) -> bool:
    return any(isinstance(node, ir.Await) and node.value.at == call.at for node in below(statement))


def _is_alone(statement: ir.Statement, call: ir.Expression) -> bool:
    """Whether nothing is done with what the call gives but to wait for it, keep it or give it back."""
    match statement:
        case ir.Evaluate(value=value) | ir.Return(value=value) | ir.Assign(value=value):
            inner = value.value if isinstance(value, ir.Await) else value
            return inner is not None and inner.at == call.at
        case _:
            return False


def _way_to(value: Value) -> str:
    """What leads from an entry's value to what is closed: nothing, `.writer`, or `[0]`."""
    way = ""
    while True:
        value = as_entry(value)
        match value:
            case Item(base=Result(callee="popitem"), index=Constant(value="1")):
                return way
            case Field(base=base, name=name):
                way = f".{name}{way}"
            case Item(base=base, index=Constant(value=number)) if number.isdigit():
                way = f"[{number}]{way}"
            case Item():
                raise RefusedError(PART)
            case _:
                break
        value = base
    if way and not isinstance(value, Entry | Element):
        raise RefusedError(PART)
    return way
