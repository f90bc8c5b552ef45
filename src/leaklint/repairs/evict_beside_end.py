"""LKL106: the entry goes on a line behind the end of its value.

Behind and not before, so that an end that raises leaves everything as it was. Where others may run in between, they may
have put another value in under the key; the eviction then asks whether it is still the one that was ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.evidence import cache_name
from leaklint.flow.releases import REPLACED
from leaklint.growth import kept_releases
from leaklint.repairs.asked_for import is_asked_for
from leaklint.repairs.carry import Swap
from leaklint.repairs.changes import Change, Hoist, InsertAfter, InsertBefore, ReplaceStatement
from leaklint.repairs.cleanup import lines_of, locks_around, under
from leaklint.repairs.end_of_value import End, asks_behind, end_of, repeats, suspends, value_of
from leaklint.repairs.evict_the_right_key import as_argument
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import function_of, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import offsets, place_of, text_of
from leaklint.repairs.mirror import named_as_locks
from leaklint.repairs.naming import free_name
from leaklint.repairs.nodes import expression_at
from leaklint.repairs.order import effect_free
from leaklint.repairs.refusal import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.flow.events import Release
    from leaklint.repairs.layout import Layout


def plans_for_a_kept_entry(intent: Intent) -> Iterator[Plan | Refusal]:
    """Yield the ways to evict what the function of a report has ended, the best first."""
    story, place = intent.report.story, intent.report.place
    kept = {release.place: release for release in kept_releases(intent.evidence, story.insertion.cache)}
    own = [release for at, release in sorted(kept.items()) if at.function == place.function]
    if place not in kept:
        yield Refusal("no line of this code ends the value, so that there is none for the eviction to stand beside")
        return
    statements = [statement_around(intent.layout, release.place.at) for release in kept.values()]
    function = function_of(intent.layout, statement_around(intent.layout, place.at))
    is_asked = is_asked_for(intent.layout, intent.evidence, story.insertion.cache, function, statements)
    for is_around in (False, True):
        try:
            ways = [_way(intent, release, is_around=is_around) for release in own]
        except RefusedError as error:
            yield error.refusal
            continue
        is_safe = not is_asked and all(safe for _, safe in ways)
        changes = dict.fromkeys(change for made, _ in ways for change in made)
        yield Plan(tuple(changes), "safe" if is_safe else "unsafe")


def _way(intent: Intent, release: Release, *, is_around: bool) -> tuple[tuple[Change, ...], bool]:
    """The changes for one end of a value, and whether they are safe."""
    if release.method == REPLACED:
        return _in_place_of_none(intent, release), True
    end = end_of(intent, release)
    anchor = _around(intent.layout, end) if is_around else end.anchor
    return _behind(intent, end, anchor)


def _in_place_of_none(intent: Intent, release: Release) -> tuple[Change, ...]:
    """`cache.pop(key, None)` instead of `cache[key] = None`."""
    layout, word = intent.layout, cache_name(release.cache)
    statement = statement_around(layout, release.place.at)
    match statement:
        case ir.Assign(targets=(ir.Subscript(value=cache, index=key),), annotation=None) if word is not None:
            function = function_of(layout, statement)
            if asks_behind(layout, function, statement, word):
                raise RefusedError("the entry is asked for again behind the end of its value")
            text = f"{text_of(layout, cache.at)}.pop({as_argument(text_of(layout, key.at))}, None)"
            return (ReplaceStatement(statement, text),)
    raise RefusedError("the entry gets None in a statement that does more")


def _around(layout: Layout, end: End) -> ir.Statement:
    """The `try` or `with` that begins with the end of the value and goes on if that raises."""
    place = place_of(layout, end.anchor)
    owner = place.block.owner
    first = place.block.statements[0]
    if not isinstance(owner, ir.Try | ir.With) or place.block.part != "body" or end.anchor is not end.statement:
        raise RefusedError("an exception that is caught later leaves the entry in")
    if first is not end.statement or isinstance(end.statement, ir.Return):
        raise RefusedError("an exception before the end of the value is caught, and leaves it as it was")
    return owner


def _behind(intent: Intent, end: End, anchor: ir.Statement) -> tuple[tuple[Change, ...], bool]:
    layout, lookup = intent.layout, end.lookup
    locks, is_known = _locks_to_take(intent, end, anchor)
    asks_who = bool(locks) or suspends(end)
    changes, key, name = _named(layout, end, asks_who=asks_who)
    if changes and anchor is not end.anchor and end.lookup.statement is end.statement:
        raise RefusedError("what the eviction needs is only known inside the statement that ends the value")
    cache = text_of(layout, lookup.cache.at)
    lines: tuple[str, ...] = (f"{cache}.pop({key}, None)",)
    if asks_who:
        lines = (f"if {cache}.get({key}) is {name}:", f"    del {cache}[{key}]")
    is_safe = is_known and not (lookup.is_strict and repeats(layout, end))
    if not isinstance(anchor, ir.Return):
        return (*changes, InsertAfter(anchor, under(locks, lines))), is_safe
    return (*_before_return(layout, end, anchor, changes), InsertBefore(anchor, under(locks, lines), False)), is_safe


def _named(layout: Layout, end: End, *, asks_who: bool) -> tuple[tuple[Change, ...], str, str]:
    """How to write the key and the value behind the end: by a name of their own where they have none."""
    lookup, function = end.lookup, end.function
    key, name = as_argument(text_of(layout, lookup.key.at)), lookup.name
    is_plain = "\n" not in key and effect_free(expression_at(layout.nodes, lookup.key.at))
    is_named = name is not None or not asks_who
    if is_plain and is_named:
        return (), key, name or ""
    wanted = lookup.expression if is_plain else lookup.key
    if not is_plain and not is_named:
        raise RefusedError("both the key and the value would need a name")
    if value_of(lookup.statement) is None or evaluation_order(layout, lookup.statement, wanted) not in (
        "kept",
        "reads",
    ):
        raise RefusedError("the key is built in the middle of a statement")
    new = free_name("entry" if is_plain else "key", function, layout.names)
    hoist = Hoist(lookup.statement, wanted, new)
    return (hoist,), key if is_plain else new, new if is_plain else name or ""


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
