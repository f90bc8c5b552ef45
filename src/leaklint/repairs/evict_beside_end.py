"""LKL106: the entry goes on a line behind the end of its value.

Behind and not before, so that an end that raises leaves everything as it was. Where others may run in between, they may
have put another value in under the key; the eviction then asks whether it is still the one that was ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from leaklint import ir
from leaklint.ended_values import kept_releases
from leaklint.flow.releases import REPLACED
from leaklint.ir_walk import below
from leaklint.repairs.asked_for import is_asked_for
from leaklint.repairs.carry import Swap
from leaklint.repairs.changes import Change, Hoist, InsertAfter, InsertBefore, ReplaceStatement, WrapInTry
from leaklint.repairs.cleanup import lines_of, locks_around, under
from leaklint.repairs.end_of_value import End, asks_behind, end_of, repeats, suspends, value_of
from leaklint.repairs.evict_the_right_key import as_argument
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import function_of, names_read, standing_in, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import offsets, place_of, text_of
from leaklint.repairs.lookup import binders, cache_names, is_cache
from leaklint.repairs.mirror import named_as_locks
from leaklint.repairs.naming import free_name
from leaklint.repairs.nodes import expression_at
from leaklint.repairs.order import effect_free
from leaklint.repairs.places import function_around
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name
from leaklint.usage import MAKES_THE_OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.flow.events import Release
    from leaklint.repairs.layout import Layout

Way: TypeAlias = tuple[tuple[Change, ...], str | None]
"""The changes for one end of a value, and why they are unsafe, if they are."""

MISSED = "the entry is asked for elsewhere, where it would then be missing"
LEFT_ELSEWHERE = "the value is ended in another place too, where its entry cannot be evicted"
LOCKED = "the lock is taken where the code could hold it, or another one, already"
ENDED_AGAIN = "the value could be ended once more, and its entry would then be missing"
LOST = "somebody goes through the container, and would no longer find a value that an exception has kept from its end"


def plans_for_a_kept_entry(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to evict what the function of a report has ended, the best first."""
    story, place = intent.report.story, intent.report.place
    kept = {release.place: release for release in kept_releases(intent.evidence, story.insertion.cache)}
    own = [release for at, release in sorted(kept.items()) if at.function == place.function]
    if place not in kept:
        yield Refusal("no line of this code ends the value, so that there is none for the eviction to stand beside")
        return
    function = function_of(intent.layout, statement_around(intent.layout, place.at))
    is_asked = is_asked_for(intent.layout, intent.evidence, story.insertion.cache, function, kept.values())
    risk = MISSED if is_asked else None
    if not all(_can_be_evicted(intent, release) for release in kept.values()):
        # With an eviction in one function, the rule would not speak of the others any more.
        risk = risk or LEFT_ELSEWHERE
    for way in (_on_the_next_line, _behind_what_catches, _in_a_finally):
        try:
            ways = [
                _of_none(intent, one) if one.method == REPLACED else way(intent, end_of(intent, one)) for one in own
            ]
        except RefusedError as error:
            yield error.refusal
            continue
        made = [one for one in ways if one is not None]
        if len(made) == len(ways):
            risks = (risk, *(own_risk for _, own_risk in made))
            changes = tuple(dict.fromkeys(change for changes, _ in made for change in changes))
            yield Plan(changes, next(filter(None, risks), None))


def _can_be_evicted(intent: Intent, release: Release) -> bool:
    """Whether there is a place for the eviction behind an end, in whatever function."""
    try:
        _of_none(intent, release) if release.method == REPLACED else end_of(intent, release)
    except RefusedError:
        return False
    return True


def _of_none(intent: Intent, release: Release) -> Way:
    """`cache.pop(key, None)` instead of `cache[key] = None`."""
    layout, word = intent.layout, cache_name(release.cache)
    statement = statement_around(layout, release.place.at)
    match statement:
        case ir.Assign(targets=(ir.Subscript(value=cache, index=key),), annotation=None) if word is not None:
            function = function_of(layout, statement)
            if asks_behind(layout, function, statement, word):
                raise RefusedError("the entry is asked for again behind the end of its value")
            text = f"{text_of(layout, cache.at)}.pop({as_argument(text_of(layout, key.at))}, None)"
            return (ReplaceStatement(statement, text),), None
    raise RefusedError("the entry gets None in a statement that does more")


def _on_the_next_line(intent: Intent, end: End) -> Way:
    """Behind the end of the value, or behind the last statement that asks for the entry."""
    return _behind(intent, end, end.anchor)


def _behind_what_catches(intent: Intent, end: End) -> Way | None:
    """Behind the `try` or `with` that begins with the end of the value and goes on if that raises."""
    place = place_of(intent.layout, end.anchor)
    owner = place.block.owner
    if not isinstance(owner, ir.Try | ir.With) or place.block.part != "body" or end.anchor is not end.statement:
        return None
    if place.block.statements[0] is not end.statement or isinstance(end.statement, ir.Return):
        raise RefusedError("an exception before the end of the value is caught, and leaves it as it was")
    return _behind(intent, end, owner)


def _in_a_finally(intent: Intent, end: End) -> Way | None:
    """In a `finally` around all from the insertion on, where one function inserts and ends."""
    layout, at = intent.layout, intent.report.story.insertion.place.at
    inserting, place = statement_around(layout, at), place_of(layout, end.anchor)
    first = standing_in(layout, inserting, place.block) if function_of(layout, inserting) is end.function else None
    if first is None or first >= place.index:
        return None
    changes, key, name, locks, risk = _parts(intent, end, end.anchor)
    needed = (names_read(end.lookup.key) & locals_of(end.function)) | ({name} if name else set())
    if changes or not all(_is_bound_by(end, one, place.block.statements[first]) for one in needed):
        raise RefusedError("what the eviction needs is only known inside the statements that it must stand behind")
    lines = _eviction(layout, end, key, name)
    wrapped = place.block.statements[first + 1], place.block.statements[place.index]
    return (WrapInTry(*wrapped, under(locks, lines)),), risk or (LOST if _is_swept(intent, end) else None)


def _is_swept(intent: Intent, end: End) -> bool:
    """Whether somebody goes through the container, who would find a value that an exception has kept from its end."""
    word = cache_name(intent.report.story.insertion.cache)
    routines = [one.function for one in intent.evidence.outline.routines.values() if one.function is not end.function]
    loops = [(node, routine) for routine in routines for node in below(routine) if isinstance(node, ir.For | ir.Clause)]
    return any(
        is_cache(node, cache_names(routine, word or "")) for loop, routine in loops for node in below(loop.iterable)
    )


def _is_bound_by(end: End, name: str, statement: ir.Statement) -> bool:
    """Whether a name has its value when a statement is done."""
    last = statement.at.end_line, statement.at.end_column
    return all((node.at.line, node.at.column) < last for node in binders(end.function, name))


def _behind(intent: Intent, end: End, anchor: ir.Statement) -> Way:
    layout = intent.layout
    changes, key, name, locks, risk = _parts(intent, end, anchor)
    if changes and anchor is not end.anchor and end.lookup.statement is end.statement:
        raise RefusedError("what the eviction needs is only known inside the statement that ends the value")
    lines = under(locks, _eviction(layout, end, key, name))
    if not isinstance(anchor, ir.Return):
        return (*changes, InsertAfter(anchor, lines)), risk
    return (*_before_return(layout, end, anchor, changes), InsertBefore(anchor, lines, False)), risk


def _parts(
    intent: Intent, end: End, anchor: ir.Statement
) -> tuple[tuple[Change, ...], str, str, tuple[str, ...], str | None]:
    """What gives key and value a name, their words, the locks to take, and why the eviction is unsafe, if it is.

    The value has no word where its entry must be the one that was looked up.
    """
    locks, is_known = _locks_to_take(intent, end, anchor)
    asks_who = bool(locks) or suspends(end)
    changes, key, name = _named(intent.layout, end, asks_who=asks_who)
    is_missed = end.lookup.is_strict and repeats(intent.layout, end)
    risk = LOCKED if not is_known else ENDED_AGAIN if is_missed else None
    return changes, key, name if asks_who else "", locks, risk


def _eviction(layout: Layout, end: End, key: str, name: str) -> tuple[str, ...]:
    cache = text_of(layout, end.lookup.cache.at)
    evicting = f"{cache}.pop({key}, None)"
    return (f"if {cache}.get({key}) is {name}:", f"    {evicting}") if name else (evicting,)


def _named(layout: Layout, end: End, *, asks_who: bool) -> tuple[tuple[Change, ...], str, str]:
    """How to write the key and the value behind the end: by a name of their own where they have none."""
    lookup, function = end.lookup, end.function
    key, name = as_argument(text_of(layout, lookup.key.at)), lookup.name
    is_plain = "\n" not in key and effect_free(expression_at(layout.nodes, lookup.key.at))
    is_plain = is_plain and not _may_change(layout, lookup.key)
    is_named = name is not None or not asks_who
    if is_plain and is_named:
        return (), key, name or ""
    wanted = lookup.expression if is_plain else lookup.key
    if not is_named and (not is_plain or not lookup.is_whole):
        raise RefusedError("both the entry and a part of it would need a name")
    if value_of(lookup.statement) is None or evaluation_order(layout, lookup.statement, wanted) not in (
        "kept",
        "reads",
    ):
        raise RefusedError("the key is built in the middle of a statement")
    new = free_name("entry" if is_plain else "key", function, layout.names)
    hoist = Hoist(lookup.statement, wanted, new)
    return (hoist,), key if is_plain else new, new if is_plain else name or ""


def _may_change(layout: Layout, key: ir.Expression) -> bool:
    """Whether some function gives an attribute that the key is read from another value."""
    read = {node.name for node in below(key) if isinstance(node, ir.Attribute)}
    given = (node for node in below(layout.module) if isinstance(node, ir.Assign | ir.Augment | ir.Delete))
    return any(
        isinstance(target, ir.Attribute) and target.name in read and not _makes(layout, node)
        for node in given
        for target in ((node.target,) if isinstance(node, ir.Augment) else node.targets)
    )


def _makes(layout: Layout, statement: ir.Statement) -> bool:
    """Whether a statement belongs to what makes an object."""
    function = function_around(place_of(layout, statement))
    return function is None or function.name in MAKES_THE_OBJECT


def _before_return(layout: Layout, end: End, anchor: ir.Return, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """What is returned gets a name, so that the eviction has a line behind it."""
    if anchor.value is None:
        return changes
    name = free_name("result", end.function, layout.names)
    if not changes or end.lookup.statement is not anchor:
        return (*changes, Hoist(anchor, anchor.value, name))
    (hoist,) = changes
    assert isinstance(hoist, Hoist)
    swap = Swap(*offsets(layout, hoist.expression.at), hoist.name)
    first = f"{hoist.name} = {text_of(layout, hoist.expression.at)}"
    lines = lines_of(layout, anchor, [swap])
    lines[0] = f"{name} = {lines[0].removeprefix('return').lstrip()}"
    if len(lines) > 1:
        raise RefusedError("the value is ended in a statement of several lines")
    return (InsertBefore(anchor, (first, *lines)), ReplaceStatement(anchor, f"return {name}"))


def _locks_to_take(intent: Intent, end: End, anchor: ir.Statement) -> tuple[tuple[str, ...], bool]:
    """The headers of the locks under which the code uses the container and that are free again behind the end.

    It is only known that they can be taken where the function takes them itself, and holds no other at that point.
    """
    layout, insertion = intent.layout, intent.report.story.insertion
    held = locks_around(layout, anchor)
    own = named_as_locks(locks_around(layout, end.lookup.statement))
    inserting = statement_around(layout, insertion.place.at)
    others = named_as_locks(locks_around(layout, inserting)) if _is_same_object(intent, end, inserting) else ()
    wanted = tuple(header for header in dict.fromkeys((*own, *others)) if header not in held)
    if any(header.startswith("async ") for header in wanted) and not end.function.is_async:
        raise RefusedError("the lock is taken with `async with`, which the function that ends the value cannot do")
    return wanted, not wanted or (set(wanted) <= set(own) and not held)


def _is_same_object(intent: Intent, end: End, inserting: ir.Statement) -> bool:
    """Whether the names of the inserting function's locks mean the same in the function that ends the value."""
    function = function_of(intent.layout, inserting)
    owners = [one.qualified_name.rpartition(".")[0] for one in (function, end.function)]
    return function is end.function or owners[0] == owners[1]
