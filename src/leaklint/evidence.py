"""What the walks tell about each insertion: where its entry stays, what evicts it, what only tries to.

The rules ask here. A :class:`Story` is one insertion as seen from one function; the module-wide questions (is the cache
bounded, does another function evict such keys?) are answered from the stories of all walks.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from leaklint import ir
from leaklint.bounds import bounded_containers
from leaklint.containers import Kind, kind_of_value
from leaklint.flow.caches import is_changed_since, match_keys
from leaklint.flow.events import Birth, Eviction, Exit, Held, Insertion, Mark, Place, Release, Removal, Stack, Walk
from leaklint.flow.walk import unused_routines, walk_module
from leaklint.ir_walk import assigned_attributes
from leaklint.keys import Match, compare, is_of_code, shares_a_part
from leaklint.link import Linked
from leaklint.lives import Life, is_brief, life
from leaklint.outline import Outline, Routine, family, label_of, outline
from leaklint.same_caches import ByCache, cache_name, may_be_same_cache, owner_of
from leaklint.usage import counters, ends_a_life, growing
from leaklint.values import Element, Entry, Field, Global, Parameter, Result, Value, holes, mentions, word

Answer = TypeVar("Answer")

_LINE_END = re.compile(r"\r\n|\r|\n")


def once_per_cache(question: Callable[[Evidence, Value], Answer]) -> Callable[[Evidence, Value], Answer]:
    """Let a question about a container be answered once, however many insertions into it there are."""

    @functools.wraps(question)
    def asked(evidence: Evidence, cache: Value) -> Answer:
        known: dict[Value, Answer] = evidence.answers.setdefault(question, {})
        if cache not in known:
            known[cache] = question(evidence, cache)
        return known[cache]

    return asked


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


class Evidence(msgspec.Struct, frozen=True, dict=True):
    """All that is known of a module."""

    outline: Outline
    walks: tuple[Walk, ...]
    stories: tuple[Story, ...]
    unused: frozenset[str]
    """Private routines that nothing in the module names."""
    lines: tuple[bytes, ...]
    """The file's lines in UTF-8, for telling keys in the code's own words."""
    bounded: frozenset[tuple[str | None, str]]
    """Class and name of the containers whose length the module limits."""
    growing: frozenset[str] = frozenset()
    """Names of the containers that nothing in the module takes single entries out of."""
    linked: Linked | None = None
    """The module with what it uses of others, if others were looked at."""
    cut_short: tuple[Story, ...] = ()
    """Insertions of walks that ran out of their budget: what became of the entries is not known."""
    given_up: tuple[str, ...] = ()
    """The functions of the module that these walks began with, and those that none was begun with for lack of it."""
    module: ir.Module = ir.Module("", ())
    """The module alone."""
    evaluations: int = 0
    """How many expressions were evaluated in all walks."""

    @cached_property
    def answers(self) -> dict[object, dict[Value, Any]]:
        """What was asked about containers, each question with its answers."""
        return {}

    @cached_property
    def open_stories(self) -> tuple[Story, ...]:
        """The stories whose keys may be more than the code has names: a program's own code is finite."""
        is_constant = functools.partial(_is_constant, set_anew=_set_anew(self.outline))
        return tuple(story for story in self.stories if not is_of_code(story.insertion.key, is_constant))

    @cached_property
    def evictions(self) -> ByCache[tuple[Walk, Eviction]]:
        """All evictions, each with the walk that saw it."""
        return ByCache((eviction.cache, (walk, eviction)) for walk in self.walks for eviction in walk.evictions)

    @cached_property
    def evictions_at(self) -> dict[Place, list[tuple[Walk, Eviction]]]:
        """All evictions by where they stand, each with the walk that saw it."""
        found: dict[Place, list[tuple[Walk, Eviction]]] = {}
        for walk in self.walks:
            for eviction in walk.evictions:
                found.setdefault(eviction.place, []).append((walk, eviction))
        return found

    @cached_property
    def stories_at(self) -> dict[Place, list[Story]]:
        """The stories by where the insertion stands."""
        found: dict[Place, list[Story]] = {}
        for story in self.stories:
            found.setdefault(story.insertion.place, []).append(story)
        return found

    @cached_property
    def stories_born_at(self) -> dict[Place, list[Story]]:
        """The stories by where the key was built."""
        found: dict[Place, list[Story]] = {}
        for story in self.stories:
            found.setdefault(story.birth.place, []).append(story)
        return found

    @cached_property
    def kept_at(self) -> dict[Place, list[Story]]:
        """For each place of an insertion, up to two operations that leave the entry in without an exception."""
        found: dict[Place, list[Story]] = {}
        for story in self.stories:
            others = found.setdefault(story.insertion.place, [])
            if len(others) < 2 and not any(other.is_same_operation(story) for other in others) and _is_kept(story):
                others.append(story)
        return found

    @cached_property
    def insertions(self) -> ByCache[tuple[Walk, Insertion]]:
        """All insertions, each with the walk that saw it."""
        return ByCache((insertion.cache, (walk, insertion)) for walk in self.walks for insertion in walk.insertions)

    @cached_property
    def accesses(self) -> ByCache[Insertion | Eviction]:
        """All insertions and evictions, in the order of the walks."""
        by_walk: list[tuple[Insertion | Eviction, ...]] = [(*walk.insertions, *walk.evictions) for walk in self.walks]
        return ByCache((one.cache, one) for accesses in by_walk for one in accesses)

    @cached_property
    def releases(self) -> ByCache[tuple[Walk, Release]]:
        """All ends of values, each with the walk that saw it."""
        return ByCache((release.cache, (walk, release)) for walk in self.walks for release in walk.releases)

    @cached_property
    def kept_releases(self) -> ByCache[tuple[Walk, Release]]:
        """The ends of values whose entry stays in on some way out without an exception, but for the end of it all."""
        return ByCache((release.cache, (walk, release)) for walk in self.walks for release in _kept(walk))

    @cached_property
    def names_evicted(self) -> frozenset[str | None]:
        """Names of the containers that lose a single entry in the middle of their life."""
        evictions = (eviction for walk in self.walks for eviction in walk.evictions)
        single = (one for one in evictions if one.key is not None and not ends_a_life(one.place.function))
        return frozenset(cache_name(eviction.cache) for eviction in single)

    @cached_property
    def owners_bounded(self) -> frozenset[tuple[str, str]]:
        """Attributes whose length is limited, each with the class that it belongs to."""
        classes = ((owner, name) for owner, name in self.bounded if owner in self.outline.classes)
        return frozenset((family(self.outline, owner, name), name) for owner, name in classes if owner is not None)

    @cached_property
    def names_bounded(self) -> frozenset[str]:
        """Names of the containers whose length is limited."""
        return frozenset(name for owner, name in self.bounded if owner is None or owner in self.outline.classes)

    @cached_property
    def assignments(self) -> dict[str, list[tuple[Routine, msgspec.Struct]]]:
        """Attributes to the nodes that give them a value, each with the routine that it stands in."""
        found: dict[str, list[tuple[Routine, msgspec.Struct]]] = {}
        for routine in self.outline.routines.values():
            for node in routine.nodes:
                for name in assigned_attributes(node):
                    found.setdefault(name, []).append((routine, node))
        return found

    @cached_property
    def made_anew(self) -> frozenset[str]:
        """Attributes whose containers are each a new one: one that is given may be that of all who are given it."""
        return frozenset(name for name, places in self.assignments.items() if all(_is_new(node) for _, node in places))

    @cached_property
    def counters(self) -> frozenset[str]:
        """Attributes and globals that are counted up."""
        return counters(self.outline)

    @cached_property
    def foreign_evictions(self) -> ByCache[tuple[Walk, Eviction]]:
        """The evictions that may be meant for what other operations insert."""
        return ByCache(
            (eviction.cache, (walk, eviction))
            for walk in self.walks
            for eviction in walk.evictions
            if not _is_own_cleanup(eviction, walk)
        )

    @cached_property
    def bereft_insertions(self) -> ByCache[tuple[Walk, Insertion]]:
        """The insertions whose own operation evicts nothing that it inserts."""
        return ByCache(
            (insertion.cache, (walk, insertion))
            for walk in self.walks
            if not any(_is_own_cleanup(eviction, walk) for eviction in walk.evictions)
            for insertion in walk.insertions
        )

    @cached_property
    def first_stories(self) -> dict[Value, Story]:
        """One story for each container."""
        first: dict[Value, Story] = {}
        for story in self.stories:
            first.setdefault(story.insertion.cache, story)
        return first

    @cached_property
    def stories_by_cache(self) -> ByCache[Story]:
        """The stories by the container that is inserted into."""
        return ByCache((story.insertion.cache, story) for story in self.stories)

    def project_evicts(self, name: str) -> bool:
        """Whether some other file of the project may evict from a container that goes by this name: `_clients`."""
        return self.linked is not None and self.linked.evicts(name)

    def project_names(self, name: str) -> bool:
        """Whether some other file of the project may mean the module's container that goes by this name."""
        return self.linked is not None and self.linked.names(name)

    def is_of_one_operation(self, class_name: str) -> bool:
        """Whether each object of the class is made by a function for itself, as far as the project shows."""
        return is_brief(word(class_name).rpartition(".")[2], self._life)

    def _life(self, name: str) -> Life:
        own = life(self.module, name, is_package=self.module.path.endswith("__init__.py"))
        return own if own.may_last or self.linked is None else own.beside(self.linked.life(name))


def _is_new(node: msgspec.Struct) -> bool:
    """Whether it builds a mapping or a set, and nothing else: `known or {}` gives what it was given."""
    if not isinstance(node, ir.Assign):
        return False
    is_choice = isinstance(node.value, ir.Boolean | ir.Conditional)
    return node.value is None or (not is_choice and kind_of_value(node.value) in (Kind.MAPPING, Kind.SET))


def _is_kept(story: Story) -> bool:
    """Whether the entry stays in on a way out without an exception; what its accessor does for all does not count."""
    if story.walk.function == story.insertion.place.function:
        return False
    return any(way_out.kind != "raise" for way_out, _ in story.stays)


def _kept(walk: Walk) -> Iterator[Release]:
    if not ends_a_life(walk.function):
        ways_out = (way_out for way_out in walk.exits if way_out.kind != "raise")
        yield from dict.fromkeys(release for way_out in ways_out for release in way_out.released)


def gather(module: ir.Module, text: str = "", linked: Linked | None = None) -> Evidence:
    """Walk the module and sort what was seen by insertion; `text` is its source."""
    found = linked.outline if linked is not None else outline(module)
    bounded = bounded_containers(module) | (linked.bounded if linked is not None else frozenset())
    begun = walk_module(found)
    walks = tuple(walk for walk in begun if walk.is_complete)
    set_anew = _set_anew(found)
    stories = tuple(story for walk in walks for story in _stories(walk, set_anew))
    cut = tuple(story for walk in begun if not walk.is_complete for story in _stories(walk, set_anew))
    lines = tuple(line.encode(errors="replace") for line in _LINE_END.split(text))
    names = (walk.function.partition("@")[0] for walk in begun if not walk.is_complete and not label_of(walk.function))
    given_up = tuple(dict.fromkeys(names))
    return Evidence(
        found,
        walks,
        stories,
        unused_routines(found),
        lines,
        bounded,
        growing(found),
        linked,
        cut,
        given_up,
        module,
        sum(walk.evaluations for walk in begun),
    )


def _set_anew(found: Outline) -> set[str]:
    """The module's variables that its functions set."""
    return {name for routine in found.routines.values() for name in routine.function.global_names}


def _stories(walk: Walk, set_anew: set[str]) -> list[Story]:
    """The insertions of a walk, but for those whose key is one for all; `set_anew` are variables that functions set."""
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
                for eviction in evictions.exactly(insertion.cache, *_outer_caches(insertion.cache))
            ),
        )
        for insertion, kept in stays.items()
        if not all(_is_thread_number(hole) or _is_constant(hole, set_anew) for hole in holes(insertion.key))
    ]


def _is_constant(value: Value, set_anew: set[str]) -> bool:
    """Whether a variable of a module always stands for the same: a key of that name is one entry, and no item's."""
    return isinstance(value, Global) and word(value.name) not in set_anew


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


def _outer_caches(inner: Value) -> list[Value]:
    """The containers that hold the container as an entry's value, or hold one that does."""
    found: list[Value] = []
    while isinstance(inner, Entry):
        inner = inner.cache
        found.append(inner)
    return found


def evictions_elsewhere(
    evidence: Evidence, story: Story, *, even_unused: bool = False, even_outer: bool = False
) -> list[Eviction]:
    """Evictions from the same cache that other walks saw.

    Those of private functions that nothing names are left out, unless `even_unused`: what handles a reply may be called
    from another file. With `even_outer` the eviction of a whole inner container counts as well.
    """
    own = {eviction.place for eviction, _ in story.attempts}
    found = [*evidence.foreign_evictions.may_be(story.insertion.cache)]
    if even_outer:
        outer = _outer_caches(story.insertion.cache)
        found += [pair for cache in outer for pair in evidence.foreign_evictions.exactly(cache)]
    return [
        eviction
        for walk, eviction in found
        if walk is not story.walk and (even_unused or not _is_unused(evidence, walk)) and eviction.place not in own
    ]


def _is_unused(evidence: Evidence, walk: Walk) -> bool:
    """Whether the walk began with a private method or function that nothing in the module names."""
    return walk.function in evidence.unused


def _is_own_cleanup(eviction: Eviction, walk: Walk) -> bool:
    """Whether the eviction is meant for what the same operation inserted: the two keys share something."""
    key = eviction.key
    return key is not None and any(
        insertion.cache == eviction.cache
        and (shares_a_part(key, insertion.key) or is_changed_since(eviction, insertion))
        for insertion in walk.insertions
    )


def insertions_to_evict(evidence: Evidence, story: Story) -> list[Insertion]:
    """What an eviction of the story's walk may be meant for: its own insertions, and those that nobody else evicts."""
    cache = story.insertion.cache
    own = (insertion for insertion in story.walk.insertions if may_be_same_cache(insertion.cache, cache))
    others = evidence.bereft_insertions.may_be(cache)
    return [*own, *(insertion for walk, insertion in others if walk is not story.walk)]


@once_per_cache
def is_bounded(evidence: Evidence, cache: Value) -> bool:
    """Whether the module keeps the cache from growing: a limit on its length, or a sweep over its own entries."""
    if any(one.is_filtered and not _can_never_evict(evidence, one) for _, one in evidence.evictions.may_be(cache)):
        return True
    name, owner = cache_name(cache), owner_of(cache)
    # The classes in which it may be measured are those that share the attribute, or all if that is not known.
    return (owner, name) in evidence.owners_bounded if owner is not None else name in evidence.names_bounded


ALWAYS_TRUE = frozenset(
    "Condition Event Future Lock Queue RLock Semaphore SimpleQueue Task create_future create_task ensure_future".split()
)
"""What asyncio, threading and queue build has neither a length nor a truth of its own."""


def _can_never_evict(evidence: Evidence, sweep: Eviction) -> bool:
    """Whether a sweep waits for values to be false that are all true for ever: `if not queue: del queues[name]`."""
    asks_for_false = any(
        guard.is_negated and len(guard.asked) == 1 and _is_value_of(guard.asked[0], sweep.cache)
        for guard in sweep.around
    )
    values = [insertion.value for _, insertion in evidence.insertions.may_be(sweep.cache)]
    return asks_for_false and all(
        isinstance(value, Result) and value.callee.rpartition(".")[2] in ALWAYS_TRUE for value in values
    )


def _is_value_of(asked: Value, cache: Value) -> bool:
    return isinstance(asked, Element) and asked.part == "value" and mentions(asked.iterable, cache)


def is_shutdown(eviction: Eviction) -> bool:
    """Whether an eviction of everything stands in a method that ends the cache's life, going by Python's protocols."""
    names = [place.function for place in (*eviction.stack, eviction.place)]
    return eviction.key is None and any(map(ends_a_life, names))


def shared_depth(left: Stack, right: Stack) -> int:
    """How many calls two events have in common, from the outermost on."""
    depth = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        depth += 1
    return depth


def place_at(stack: Stack, place: Place, depth: int) -> Place:
    """Where an event stands in the function `depth` calls deep: itself, or the call that leads to it."""
    return stack[depth] if depth < len(stack) else place


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


def parameter_of(value: Value | None) -> Parameter | None:
    """The value as a parameter of the walk's first function, `str(parameter)` included."""
    return value if isinstance(value, Parameter) else None
