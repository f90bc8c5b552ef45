"""Ends of values whose entry stays: what is closed on some way out that leaves the entry in its container."""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.evidence import Evidence, once_per_cache
from leaklint.flow.events import Insertion, Release, Walk
from leaklint.ir_walk import in_scope, last_part
from leaklint.keys import Match, compare
from leaklint.model import Span
from leaklint.routine import Routine
from leaklint.usage import ends_a_life
from leaklint.values import NONE, Allocated, Applied, Constant, Element, Result, Value, mentions, within


def kept_releases(evidence: Evidence, cache: Value) -> Iterator[Release]:
    """The ends of single values whose entry stays in the container on some way out without an exception.

    Where a loop in the middle of the owner's life ends the values that have not ended yet, ended ones stay on purpose.
    """
    if any(_picks_what_goes_on(release) for _, release in evidence.releases.may_be(cache)):
        return
    if _has_places(evidence, cache):
        return
    for walk, release in evidence.kept_releases.may_be(cache):
        is_begin = _is_found_out(walk, release) or _begins_anew(walk, release) or _is_first(walk, release)
        is_state = is_begin or _is_marked(evidence, release) or _is_an_outcome(walk, release)
        if not _is_of_all(release) and not is_state:
            yield release


@once_per_cache
def _has_places(evidence: Evidence, cache: Value) -> bool:
    """Whether None says that a place is free: keys begin with it, as others begin under them, and come back to it."""
    freed = [(walk, one) for walk, one in evidence.insertions.may_be(cache) if one.value == NONE]
    begun: dict[int, set[Value]] = {}
    for walk, _ in freed:
        if id(walk) not in begun:
            begun[id(walk)] = {one.key for one in walk.insertions if one.cache != cache and _is_made(one.value)}
    first = {one.place for walk, one in freed if one.key in begun[id(walk)]}
    return bool(first) and any(one.place not in first for _, one in freed)


def _is_made(value: Value) -> bool:
    return isinstance(value, Allocated | Result)


def _is_found_out(walk: Walk, release: Release) -> bool:
    """Whether the None is what a statement puts in that puts in other values too: a result."""
    others = (insertion for insertion in walk.insertions if insertion.value != Constant("None"))
    return release.method == "= None" and any(insertion.place == release.place for insertion in others)


def _is_an_outcome(walk: Walk, release: Release) -> bool:
    """Whether the operation that puts in None where it fails leaves in a value where it does not: a memo of both."""
    return release.method == "= None" and any(
        any(one.insertion.cache == release.cache and one.insertion.key == release.key for one in way_out.held)
        and not any(one.cache == release.cache and one.key == release.key for one in way_out.released)
        for way_out in walk.exits
        if way_out.kind != "raise"
    )


def _is_first(walk: Walk, release: Release) -> bool:
    """Whether the None is put in where there is nothing to replace: for a missing key, or for what was just made."""
    if release.method != "= None":
        return False
    here = [one for one in walk.insertions if one.cache == release.cache and one.key == release.key]
    is_new = isinstance(release.key, Allocated) and all(one.place == release.place for one in here)
    return is_new or any(_is_for_a_missing_key(one) for one in here if one.place == release.place)


def _is_for_a_missing_key(insertion: Insertion) -> bool:
    pair = insertion.key, insertion.cache
    return any(
        asked == Applied("in" if guard.is_otherwise else "not in", pair)
        for guard in insertion.around
        for asked in guard.asked
    )


def _begins_anew(walk: Walk, release: Release) -> bool:
    """Whether the None is where a loop starts from again: its next turn puts a value in, and may leave it there."""
    if release.method != "= None":
        return False
    at_this_place = [other for other in walk.releases if other.place == release.place]
    starts = {
        insertion
        for insertion in walk.insertions
        if insertion.value != Constant("None") and any(_is_in_another_turn(insertion, one) for one in at_this_place)
    }
    return any(
        held.insertion in starts and all(one.cache != release.cache for one in way_out.released)
        for way_out in walk.exits
        if way_out.kind != "raise"
        for held in way_out.held
    )


def _is_in_another_turn(insertion: Insertion, release: Release) -> bool:
    """Whether one loop does both, each in a turn of its own, to one entry."""
    turns = zip(insertion.turns, release.turns, strict=False)
    is_apart = any(one.loop == other.loop and one.number != other.number for one, other in turns)
    return is_apart and insertion.cache == release.cache and compare(insertion.key, release.key) is Match.SAME


def _picks_what_goes_on(release: Release) -> bool:
    """Whether a loop over the container asks before it ends a value; at the end of everything all do."""
    functions = (release.place.function, *(place.function for place in release.stack))
    if any(map(ends_a_life, functions)):
        return False
    return any(
        isinstance(part, Element)
        and mentions(part.iterable, release.cache)
        and any(_is_inside(guard.place.at, part.loop) for guard in release.around)
        for part in within(release.key)
    )


def _is_inside(inner: Span, outer: Span) -> bool:
    begin, end = (outer.line, outer.column), (outer.end_line, outer.end_column)
    return begin <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= end


def _is_marked(evidence: Evidence, release: Release) -> bool:
    """Whether whoever ends the value notes on it that it has ended, and asks for that note: what is found is kept."""
    routine = evidence.outline.routines.get(release.place.function)
    if routine is None:
        return False
    given = [node for node in routine.nodes if isinstance(node, ir.Call) and node.arguments]
    called = {last_part(call.function) for call in given}
    near = (other for word in called if word is not None for other in evidence.outline.known.routines.get(word, ()))
    return any(not _asked(one).isdisjoint(_noted(one)) for one in (routine, *near))


def _noted(routine: Routine) -> set[tuple[str, str]]:
    """Variables and their attributes that the routine sets to True."""
    return {
        (target.value.id, target.name)
        for node in routine.nodes
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Constant) and node.value.value == "True"
        for target in node.targets
        if isinstance(target, ir.Attribute) and isinstance(target.value, ir.Name) and target.value.id != "self"
    }


def _asked(routine: Routine) -> set[tuple[str, str]]:
    """Variables and their attributes that a test of the routine is about."""
    tests = [node.test for node in routine.nodes if isinstance(node, ir.If)]
    parts = [part for test in tests for part in in_scope(test)]
    return {
        (part.value.id, part.name)
        for part in parts
        if isinstance(part, ir.Attribute) and isinstance(part.value, ir.Name)
    }


def _is_of_all(release: Release) -> bool:
    """Whether a loop over the whole container does it: that is its end, not an item's."""
    if ends_a_life(release.place.function):
        return True
    return any(isinstance(part, Element) and mentions(part.iterable, release.cache) for part in within(release.key))
