"""The state of one path: variables, containers, known facts, and the entries that are in a cache."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from leaklint.flow.events import Guard, Held, Mark, Release
from leaklint.values import NONE, Allocated, Constant, Entry, Group, Parameter, Value, involved, within

Content: TypeAlias = tuple[tuple[Value | None, Value], ...]
"""What a container holds: (key, value) pairs; of a list or set the keys are None, of a record they are Text."""

Slot: TypeAlias = tuple[Value, Value]
"""A cache and a key in it."""

PATHS_APART = 4
"""Up to so many paths keep all that they know."""

PATHS_KEPT = 18
"""How many paths are followed side by side before alike ones are merged; more are cut off, which only hides leaks."""


class Raised(msgspec.Struct, frozen=True):
    """An exception on its way: an `error` is any Exception, `cancel` is what only a BaseException handler catches."""

    kind: str
    type_name: str | None
    mark: Mark


class State:
    """One path. Mutable while it is walked; `copy` before a fork."""

    __slots__ = ("contents", "entries", "facts", "fields", "frames", "published", "released", "suspended")

    def __init__(self) -> None:
        """A path at its beginning: nothing is known."""
        self.frames: dict[int, dict[str, Value]] = {}
        self.contents: dict[Allocated, Content] = {}
        self.fields: dict[tuple[Value, str], Value] = {}
        self.published: dict[Value, Value] = {}
        self.entries: dict[Slot, Held] = {}
        self.released: dict[Slot, Release] = {}
        self.facts: dict[Value, bool] = {}
        self.suspended: tuple[tuple[str, Value | Raised], ...] = ()

    def copy(self) -> State:
        """The same path, to be continued another way."""
        other = State.__new__(State)
        other.frames = {number: dict(frame) for number, frame in self.frames.items()}
        other.contents = dict(self.contents)
        other.fields = dict(self.fields)
        other.published = dict(self.published)
        other.entries = dict(self.entries)
        other.released = dict(self.released)
        other.facts = dict(self.facts)
        other.suspended = self.suspended
        return other

    def mark(self, mark: Mark, returned: Value | None = None, guards: tuple[Guard, ...] = ()) -> None:
        """Note the event in the history of all entries that are in; a jump may leave an entry in on purpose."""
        given = _given_out(returned)
        gained = frozenset(involved(returned)) if returned is not None else frozenset()
        asked = frozenset(part for guard in guards for value in guard.asked for part in within(value))
        meant = msgspec.structs.replace(mark, is_meant=True)
        for slot, held in self.entries.items():
            is_given = Entry(*slot) in given or (held.value in given and not isinstance(held.value, Parameter))
            is_meant = is_given or _asks_about_growth(asked, slot, held) or _is_of_use(guards, gained, held)
            own = meant if is_meant else mark
            if own not in held.history:
                self.entries[slot] = msgspec.structs.replace(held, history=(*held.history, own))

    def signature(self, *, is_leaving: bool = False) -> object:
        """What two paths must share to be alike for the rules: entries, the jumps since, containers of keys.

        Of a path that `is_leaving` with an exception only those containers count that hold something of its entries.
        """
        marks = {mark for held in self.entries.values() for mark in held.history}
        jumps = frozenset(mark for mark in marks if mark.kind != "raise")
        has_raised = len(jumps) < len(marks)
        contents = frozenset(self._contents_of_entries() if is_leaving else self.contents.items())
        waiting = tuple((way, what.kind if isinstance(what, Raised) else what) for way, what in self.suspended)
        return frozenset(self.entries), jumps, has_raised, contents, waiting, frozenset(self.released)

    def leave_frame(self, frame: int, before: frozenset[Allocated], result: Value) -> None:
        """Forget a call that has ended: its variables, and what it made that nothing refers to any more."""
        self.frames.pop(frame, None)
        made = self.contents.keys() - before
        if not made:
            return
        pending: list[Value] = [result]
        pending.extend(value for variables in self.frames.values() for value in variables.values())
        pending.extend(value for (base, _), field in self.fields.items() for value in (base, field))
        pending.extend(value for pair in self.published.items() for value in pair)
        pending.extend(value for slot in self.entries for value in slot)
        pending.extend(value for held in self.entries.values() for value in (held.value, *held.gathered))
        for owner in before & self.contents.keys():
            pending.extend(_values_in(self.contents[owner]))
        while pending and made:
            for part in _made_in(pending.pop()) & made:
                made.remove(part)
                pending.extend(_values_in(self.contents[part]))
        for unreachable in made:
            del self.contents[unreachable]

    def _contents_of_entries(self) -> list[tuple[Allocated, Content]]:
        wanted = frozenset[Value]().union(*(_parts(key) for _, key in self.entries))
        wanted = wanted.union(*(_parts(held.value) for held in self.entries.values()))
        return [
            (made, content)
            for made, content in self.contents.items()
            if wanted and not all(wanted.isdisjoint(_parts(value)) for value in _values_in(content))
        ]


@functools.lru_cache(4096)
def _made_in(value: Value) -> frozenset[Allocated]:
    return frozenset(part for part in involved(value) if isinstance(part, Allocated))


@functools.lru_cache(4096)
def _parts(value: Value) -> frozenset[Value]:
    return frozenset(within(value))


def _values_in(content: Content) -> Iterator[Value]:
    return (value for pair in content for value in pair if value is not None)


def _asks_about_growth(asked: frozenset[Value], slot: Slot, held: Held) -> bool:
    """Whether a condition asks about the entry, or about what was just added to it."""
    if not asked:
        return False
    return Entry(*slot) in asked or any(part in asked for part in held.gathered if not isinstance(part, Constant))


def _is_of_use(guards: tuple[Guard, ...], gained: frozenset[Value], held: Held) -> bool:
    """Whether an entry that was looked up before it was made has served: what came of using it goes to the caller.

    `if response.status != 401: return response`, and the token stays for the next call.
    """
    if not gained or not held.insertion.is_made_when_missed:
        return False
    return any(not gained.isdisjoint(guard.outcomes) for guard in guards if guard not in held.insertion.around)


def _given_out(returned: Value | None) -> tuple[Value, ...]:
    """The values that a `return` gives to the caller."""
    if isinstance(returned, Group):
        return (returned, *returned.items)
    return (returned,) if returned is not None else ()


def condense(states: Iterable[State], apart: int = PATHS_APART) -> list[State]:
    """At most `PATHS_KEPT` paths: of more than `apart`, alike ones are merged, keeping what they agree on."""
    paths = list(states)
    if len(paths) <= apart:
        return paths
    merged: dict[object, State] = {}
    for path in paths:
        signature = path.signature()
        if signature in merged:
            _agree(merged[signature], path)
        else:
            merged[signature] = path
    return list(merged.values())[:PATHS_KEPT]


def thin_out(outcomes: list[tuple[State, Value]]) -> list[tuple[State, Value]]:
    """At most `PATHS_KEPT` paths after an expression; of more, alike ones that agree on its value are merged."""
    if len(outcomes) <= PATHS_KEPT:
        return outcomes
    merged: dict[object, tuple[State, Value]] = {}
    for path, value in outcomes:
        kept, _ = merged.setdefault((value, path.signature()), (path, value))
        if kept is not path:
            _agree(kept, path)
    return list(merged.values())[:PATHS_KEPT]


def _agree(kept: State, other: State) -> None:
    kept.facts = {fact: truth for fact, truth in kept.facts.items() if other.facts.get(fact) is truth}
    for number, frame in kept.frames.items():
        theirs = other.frames.get(number, {})
        for name in [name for name, value in frame.items() if theirs.get(name) != value]:
            values = {frame[name], theirs.get(name, NONE)}
            del frame[name]
            # A variable that is None on one path and set on the other is worth keeping: the set value is the key.
            if NONE in values and len(values) == 2:
                frame[name] = next(value for value in values if value != NONE)
    kept.fields = {field: value for field, value in kept.fields.items() if other.fields.get(field) == value}
