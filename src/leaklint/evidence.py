"""What is known of a module: the stories of all walks, and what they say together.

The rules ask here whether a cache is bounded, or another function evicts such keys.
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
from leaklint.factories import growing_variables
from leaklint.flow.caches import is_changed_since
from leaklint.flow.events import Eviction, Insertion, Place, Release, Stack, Walk
from leaklint.flow.walks import unused_routines, walk_module
from leaklint.ir_walk import assigned_attributes
from leaklint.keys import is_of_code, shares_a_part
from leaklint.link import Linked
from leaklint.lives import Life, is_brief, life
from leaklint.outline import Outline, family, label_of, outline
from leaklint.routine import Routine
from leaklint.same_caches import ByCache, cache_name, may_be_same_cache, owner_of
from leaklint.stories import Story, is_constant, is_kept, outer_caches, raised_in, set_anew, stories_of
from leaklint.usage import MAKES_THE_OBJECT, counters, ends_a_life, growing
from leaklint.values import Applied, Element, Entry, Parameter, Result, Value, called_word, mentions, word

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
        is_one = functools.partial(is_constant, variables=set_anew(self.outline))
        return tuple(story for story in self.stories if not is_of_code(story.insertion.key, is_one))

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
            if len(others) < 2 and not any(other.is_same_operation(story) for other in others) and is_kept(story):
                others.append(story)
        return found

    @cached_property
    def left_well(self) -> dict[tuple[int, Place], list[Story]]:
        """The stories whose entry stays in without an exception, by walk and by place of the insertion."""
        found: dict[tuple[int, Place], list[Story]] = {}
        for story in self.stories:
            if any(not raised_in(held.history) for _, held in story.stays):
                found.setdefault((id(story.walk), story.insertion.place), []).append(story)
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
        """Names of the containers that lose a single entry in the middle of their life; not of what is in one."""
        evictions = (one for walk in self.walks for one in walk.evictions if not isinstance(one.cache, Entry))
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
    def set_later(self) -> frozenset[str]:
        """Attributes that something else than what makes the object gives a value."""
        places = self.assignments.items()
        return frozenset(
            name for name, found in places if any(r.function.name not in MAKES_THE_OBJECT for r, _ in found)
        )

    @cached_property
    def made_anew(self) -> frozenset[str]:
        """Attributes whose containers are each a new one: one that is given may be that of all who are given it."""
        return frozenset(name for name, places in self.assignments.items() if all(_is_new(node) for _, node in places))

    @cached_property
    def growing_variables(self) -> frozenset[tuple[str, str]]:
        """Containers in variables of functions, each with its function, that handlers fill and nothing evicts from."""
        return growing_variables(self.outline)

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


def _kept(walk: Walk) -> Iterator[Release]:
    if not ends_a_life(walk.function):
        ways_out = (way_out for way_out in walk.exits if way_out.kind != "raise")
        yield from dict.fromkeys(release for way_out in ways_out for release in way_out.released)


def gather(module: ir.Module, text: str = "", linked: Linked | None = None, alone: Outline | None = None) -> Evidence:
    """Walk the module and sort what was seen by insertion; `text` is its source, `alone` its outline if known."""
    found = linked.outline if linked is not None else alone if alone is not None else outline(module)
    begun = walk_module(found)
    if not begun:
        return Evidence(found, (), (), frozenset(), (), frozenset(), linked=linked, module=module)
    bounded = bounded_containers(module) | (linked.bounded if linked is not None else frozenset())
    walks = tuple(walk for walk in begun if walk.is_complete)
    variables = set_anew(found)
    stories = tuple(story for walk in walks for story in stories_of(walk, variables))
    cut = tuple(story for walk in begun if not walk.is_complete for story in stories_of(walk, variables))
    lines = tuple(line.encode(errors="replace") for line in _LINE_END.split(text))
    unfinished = (walk for walk in begun if not walk.is_complete and not walk.is_short)
    names = (walk.function.partition("@")[0] for walk in unfinished if not label_of(walk.function))
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
        outer = outer_caches(story.insertion.cache)
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
    sweeps = (one for _, one in evidence.evictions.may_be(cache) if one.is_filtered or _is_picked_beside(evidence, one))
    if any(not _can_never_evict(evidence, one) for one in sweeps):
        return True
    name, owner = cache_name(cache), owner_of(cache)
    # The classes in which it may be measured are those that share the attribute, or all if that is not known.
    return (owner, name) in evidence.owners_bounded if owner is not None else name in evidence.names_bounded


def _is_picked_beside(evidence: Evidence, eviction: Eviction) -> bool:
    """Whether the key is one of those that a condition picks from another container of the module: `last_used`."""
    match eviction.key:
        case Applied(function="picked", arguments=(Element(iterable=beside), *_)):
            return any(True for _ in evidence.insertions.may_be(beside))
        case _:
            return False


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
    return asks_for_false and all(isinstance(value, Result) and called_word(value) in ALWAYS_TRUE for value in values)


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


def parameter_of(value: Value | None) -> Parameter | None:
    """The value as a parameter of the walk's first function, `str(parameter)` included."""
    return value if isinstance(value, Parameter) else None
