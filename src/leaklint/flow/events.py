"""What a walk records: insertions, evictions, and how every exit leaves the entries. Plain data."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from leaklint.model import Span
from leaklint.values import Turns, Value


class Place(msgspec.Struct, frozen=True, order=True):
    """A spot in a function of the module."""

    function: str
    at: Span


Stack: TypeAlias = tuple[Place, ...]
"""The calls that lead from the walk's first function to the current one, outermost first."""


class Written(msgspec.Struct, frozen=True):
    """A key as the code writes it at an insertion or eviction."""

    at: Span | None = None
    sources: tuple[Value, ...] = ()
    """The attributes and variables that it was read from, at the spot and in the callers that handed it on."""


UNWRITTEN = Written()


class Birth(msgspec.Struct, frozen=True):
    """Where a key was built, and the statement that did it."""

    place: Place
    stack: Stack


class Guard(msgspec.Struct, frozen=True):
    """An `if` that code stands under."""

    place: Place
    asked: tuple[Value, ...]
    """What its test asks about."""
    outcomes: frozenset[Value] = frozenset()
    """The results of earlier calls that the test goes by: what came of using an entry tells nothing of its end."""
    is_negated: bool = False
    """Whether the test is `not …`, and the code stands under it holding."""
    is_otherwise: bool = False
    """Whether the code stands under its `else`."""


class Insertion(msgspec.Struct, frozen=True):
    """An entry comes into a cache."""

    cache: Value
    key: Value
    written: Written
    place: Place
    stack: Stack
    value: Value
    turns: Turns = ()
    locks: tuple[Value, ...] = ()
    """The context managers held at that point, outermost first."""
    around: tuple[Guard, ...] = ()
    """The conditions under which it happens."""
    is_made_when_missed: bool = False
    """Whether the entry was looked up before, and is put in because it was not there: a memo's accessor."""
    parts: tuple[Value, ...] = ()
    """The value, and the results of calls that are in it: in a tuple, in a list, in an object of the module."""


class Eviction(msgspec.Struct, frozen=True):
    """Entries leave a cache: those under `key`, or all of them if it is None."""

    cache: Value
    key: Value | None
    place: Place
    stack: Stack
    locks: tuple[Value, ...]
    """The context managers held at that point, outermost first."""
    turns: Turns = ()
    is_final: bool = False
    """Inside a `finally`."""
    guards: tuple[Guard, ...] = ()
    """The conditions inside that `finally` under which it evicts."""
    around: tuple[Guard, ...] = ()
    """All conditions under which it evicts."""
    written: Written = UNWRITTEN
    is_filtered: bool = False
    """True where a loop over the cache's own keys evicts those that a condition picks."""
    taken: Value | None = None
    """The key of such a loop, or of one that takes them all: what was in may be put somewhere else under it."""


class Release(msgspec.Struct, frozen=True):
    """The value of an entry is done with: closed, ended, cancelled, given to what does so, or replaced by None."""

    cache: Value
    key: Value
    """The entry's key; of a loop over the cache the loop's key, of `popitem()` its result."""
    value: Value
    """What was closed: the entry's value or a part of it, as the code reached it."""
    method: str
    """The method or function that does it, `with`, or `= None`."""
    place: Place
    stack: Stack
    turns: Turns
    locks: tuple[Value, ...]
    around: tuple[Guard, ...]
    """All conditions under which it happens."""
    is_evicted: bool
    """Whether the entry was out already on that path: `cache.pop(key).close()`."""
    is_given: bool = False
    """Whether the value is given to the function, instead of being the one whose method it is."""


class Mark(msgspec.Struct, frozen=True):
    """Something that happened to a path while an entry was in: it raised, or left by a jump."""

    kind: Literal["raise", "return", "break", "continue"]
    place: Place
    callee: str = ""
    """What raised, in the code's words."""
    subjects: tuple[Value, ...] = ()
    """What was awaited or waited for when it raised."""
    waits: bool = False
    """Whether it is a wait, which can be cancelled or may last."""
    is_cancelled: bool = False
    """Whether it was the wait's cancellation."""
    in_handler: bool = False
    """Whether a jump stands in an `except` suite."""
    is_meant: bool = False
    """Whether a jump leaves the entry in on purpose: it returns the entry's value to the caller, who is to care for it
    from then on, or it stands under a condition about what was just added to the entry."""


class Removal(msgspec.Struct, frozen=True):
    """On some path the eviction took out what the insertion had put in."""

    insertion: Insertion
    eviction: Eviction
    history: tuple[Mark, ...]


class Held(msgspec.Struct, frozen=True):
    """An entry that is in, and what has happened since it came in."""

    insertion: Insertion
    value: Value
    history: tuple[Mark, ...] = ()
    gathered: tuple[Value, ...] = ()
    """What was added to the value since: such an entry is built up over many calls."""


ExitKind: TypeAlias = Literal["end", "return", "raise"]


class Exit(msgspec.Struct, frozen=True):
    """One way out of the walk's first function, with the entries that stay."""

    kind: ExitKind
    place: Place
    held: tuple[Held, ...]
    returned: tuple[Value, ...] = ()
    """What goes to the caller: the value, or what a returned tuple or list holds."""
    released: tuple[Release, ...] = ()
    """The entries that are in although their value was closed on the way, whoever put them in."""


class Walk(msgspec.Struct, frozen=True, dict=True):
    """All that was seen from one function on."""

    function: str
    class_name: str | None
    exits: tuple[Exit, ...]
    insertions: tuple[Insertion, ...]
    evictions: tuple[Eviction, ...]
    removals: tuple[Removal, ...]
    releases: tuple[Release, ...]
    births: tuple[tuple[Value, Birth], ...]
    entered: frozenset[str]
    """The functions that were read through."""
    evaluations: int
    """How many expressions were evaluated, on all paths: what a walk costs."""
    is_complete: bool
    """False where the budget ran out; such a walk reports nothing."""
    is_short: bool = False
    """Whether it was meant to see only what the function itself inserts."""

    @cached_property
    def births_by_key(self) -> dict[Value, Birth]:
        """Where each key was built."""
        return dict(self.births)
