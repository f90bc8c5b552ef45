"""Stories: each insertion as seen from one function, with where its entry stays, what evicts it, and what tries to.

They are put together here from what a walk has seen; what several walks say together is asked of the evidence.
"""

from __future__ import annotations

import msgspec

from leaklint.flow.caches import is_changed_since, match_keys
from leaklint.flow.events import Birth, Eviction, Exit, Held, Insertion, Mark, Place, Removal, Walk
from leaklint.keys import Match, compare
from leaklint.outline import Outline
from leaklint.same_caches import ByCache
from leaklint.values import Entry, Field, Global, Result, Value, holes, mentions, word


class Story(msgspec.Struct, frozen=True):
    """One insertion as seen from one function, with all that happens to its entry."""

    walk: Walk
    insertion: Insertion
    stays: tuple[tuple[Exit, Held], ...]
    """The exits at which the entry is still in."""
    removals: tuple[Removal, ...]
    sibling_removals: tuple[Removal, ...]
    """Removals of the same key where it was inserted at the same place on another path."""
    attempts: tuple[tuple[Eviction, Match], ...]
    """Evictions from the same cache in the same walk, and whether they are of the same key."""

    @property
    def birth(self) -> Birth:
        """Where the key was built; where it is inserted, if it was not built from parts."""
        known = self.walk.births_by_key.get(self.insertion.key)
        return known or Birth(self.insertion.place, self.insertion.stack)

    def is_same_operation(self, other: Story) -> bool:
        """Whether the other one is of the same walk, which came here on the same way."""
        return self.walk is other.walk and self.insertion.stack == other.insertion.stack


def set_anew(found: Outline) -> set[str]:
    """The module's variables that its functions set."""
    return {name for routine in found.routines.values() for name in routine.function.global_names}


def stories_of(walk: Walk, variables: set[str]) -> list[Story]:
    """The insertions of a walk, but for those whose key is one for all; `variables` are those that functions set."""
    stays: dict[Insertion, list[tuple[Exit, Held]]] = {insertion: [] for insertion in walk.insertions}
    for way_out in walk.exits:
        for held in way_out.held:
            stays[held.insertion].append((way_out, held))
    removals: dict[Insertion, list[Removal]] = {}
    by_spot: dict[tuple[Place, Value], list[Removal]] = {}
    for removal in walk.removals:
        removals.setdefault(removal.insertion, []).append(removal)
        by_spot.setdefault((removal.insertion.place, removal.insertion.cache), []).append(removal)
    evictions = ByCache((eviction.cache, eviction) for eviction in walk.evictions)
    return [
        Story(
            walk=walk,
            insertion=insertion,
            stays=tuple(kept),
            removals=tuple(removals.get(insertion, ())),
            sibling_removals=tuple(
                removal
                for removal in by_spot.get((insertion.place, insertion.cache), ())
                if compare(removal.insertion.key, insertion.key) is Match.SAME
            ),
            attempts=tuple(
                (eviction, _match(eviction, insertion))
                for eviction in evictions.exactly(insertion.cache, *outer_caches(insertion.cache))
            ),
        )
        for insertion, kept in stays.items()
        if not all(_is_thread_number(hole) or is_constant(hole, variables) for hole in holes(insertion.key))
    ]


def is_constant(value: Value, variables: set[str]) -> bool:
    """Whether a variable of a module always stands for the same: a key of that name is one entry, and no item's."""
    return isinstance(value, Global) and word(value.name) not in variables


def _is_thread_number(value: Value) -> bool:
    """Whether the value is the number of a thread: the system gives it to another one when the thread is gone."""
    match value:
        case Result(callee=callee):
            return callee.rpartition(".")[2] in ("get_ident", "get_native_id")
        case Field(base=Result(callee=callee), name="ident" | "native_id"):
            return callee.rpartition(".")[2] in ("current_thread", "main_thread")
        case _:
            return False


def _match(eviction: Eviction, insertion: Insertion) -> Match:
    if eviction.key is None or eviction.is_filtered:
        return Match.SAME if eviction.key is None else Match.UNKNOWN
    if eviction.cache != insertion.cache:
        asks_about_it = any(mentions(value, insertion.cache) for guard in eviction.around for value in guard.asked)
        return Match.DIFFERENT if asks_about_it else Match.UNKNOWN
    if is_changed_since(eviction, insertion):
        return Match.DIFFERENT
    return match_keys(eviction, insertion)


def outer_caches(inner: Value) -> list[Value]:
    """The containers that hold the container as an entry's value, or hold one that does."""
    found: list[Value] = []
    while isinstance(inner, Entry):
        inner = inner.cache
        found.append(inner)
    return found


def is_kept(story: Story) -> bool:
    """Whether the entry stays in on a way out without an exception; what its accessor does for all does not count."""
    if story.walk.function == story.insertion.place.function:
        return False
    return any(way_out.kind != "raise" for way_out, _ in story.stays)


def guilty_jump(story: Story, held: Held, *, function: str | None = None) -> Mark | None:
    """The early exit that skips the eviction: one after the insertion that no evicting path takes.

    It stands in a function that the way to the eviction leads through; what other functions return is their own affair.
    A `return` that gives the entry's value to the caller is no such exit, nor is one that asks about an entry which is
    built up over many calls.
    """
    harmless = {
        (mark.kind, mark.place) for removal in (*story.removals, *story.sibling_removals) for mark in removal.history
    }
    known = (*story.removals, *story.sibling_removals)
    on_the_way = {place.function for removal in known for place in (*removal.eviction.stack, removal.eviction.place)}
    has_raised = False
    for mark in held.history:
        has_raised = has_raised or mark.kind == "raise"
        if mark.place.function not in (on_the_way if function is None else {function}):
            continue
        if has_raised and not mark.in_handler:
            # What follows a swallowed exception is not to blame for what the exception left.
            continue
        if mark.kind != "raise" and (mark.kind, mark.place) not in harmless and not mark.is_meant:
            return mark
    return None


def raised_in(history: tuple[Mark, ...]) -> bool:
    """Whether an exception belongs to the history."""
    return any(mark.kind == "raise" for mark in history)
