"""What the walks tell about each insertion: where its entry stays, what evicts it, what only tries to.

The rules ask here. A :class:`Story` is one insertion as seen from one function; the module-wide questions (is the cache
bounded, does another function evict such keys?) are answered from the stories of all walks.
"""

from __future__ import annotations

import re

import msgspec

from leaklint import ir
from leaklint.bounds import bounded_containers
from leaklint.flow.caches import is_changed_since, match_keys
from leaklint.flow.events import Birth, Eviction, Exit, Held, Insertion, Mark, Place, Removal, Stack, Walk
from leaklint.flow.walk import unused_routines, walk_module
from leaklint.keys import Match, compare, shares_a_part
from leaklint.link import Linked
from leaklint.lives import Life, is_brief, life
from leaklint.outline import Outline, family, label_of, outline
from leaklint.usage import ends_a_life, growing
from leaklint.values import Element, Entry, Field, Global, Instance, Parameter, Result, Value, holes, mentions, word

_LINE_END = re.compile(r"\r\n|\r|\n")


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
        known = dict(self.walk.births).get(self.insertion.key)
        return known or Birth(self.insertion.place, self.insertion.stack)


class Evidence(msgspec.Struct, frozen=True):
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


def gather(module: ir.Module, text: str = "", linked: Linked | None = None) -> Evidence:
    """Walk the module and sort what was seen by insertion; `text` is its source."""
    found = linked.outline if linked is not None else outline(module)
    bounded = bounded_containers(module) | (linked.bounded if linked is not None else frozenset())
    begun = walk_module(found)
    walks = tuple(walk for walk in begun if walk.is_complete)
    stories = tuple(story for walk in walks for story in _stories(walk))
    cut = tuple(story for walk in begun if not walk.is_complete for story in _stories(walk))
    lines = tuple(line.encode(errors="replace") for line in _LINE_END.split(text))
    names = (walk.function.partition("@")[0] for walk in begun if not walk.is_complete and not label_of(walk.function))
    given_up = tuple(dict.fromkeys(names))
    return Evidence(
        found, walks, stories, unused_routines(found), lines, bounded, growing(found), linked, cut, given_up, module
    )


def _stories(walk: Walk) -> list[Story]:
    stays: dict[Insertion, list[tuple[Exit, Held]]] = {insertion: [] for insertion in walk.insertions}
    for way_out in walk.exits:
        for held in way_out.held:
            stays[held.insertion].append((way_out, held))
    return [
        Story(
            walk=walk,
            insertion=insertion,
            stays=tuple(kept),
            removals=tuple(removal for removal in walk.removals if removal.insertion == insertion),
            sibling_removals=tuple(removal for removal in walk.removals if _is_sibling(removal.insertion, insertion)),
            attempts=tuple(
                (eviction, _match(eviction, insertion))
                for eviction in walk.evictions
                if eviction.cache == insertion.cache or _is_outer(eviction.cache, insertion.cache)
            ),
        )
        for insertion, kept in stays.items()
        if not all(map(_is_thread_number, holes(insertion.key)))
    ]


def _is_thread_number(value: Value) -> bool:
    """Whether the value is the number of a thread: the system gives it to another one when the thread is gone."""
    match value:
        case Result(callee=callee):
            return callee.rpartition(".")[2] in ("get_ident", "get_native_id")
        case Field(base=Result(callee=callee), name="ident" | "native_id"):
            return callee.rpartition(".")[2] in ("current_thread", "main_thread")
        case _:
            return False


def _is_sibling(other: Insertion, insertion: Insertion) -> bool:
    is_same_spot = other.place == insertion.place and other.cache == insertion.cache
    return is_same_spot and compare(other.key, insertion.key) is Match.SAME


def _match(eviction: Eviction, insertion: Insertion) -> Match:
    if eviction.key is None or eviction.is_filtered:
        return Match.SAME if eviction.key is None else Match.UNKNOWN
    if eviction.cache != insertion.cache:
        asks_about_it = any(mentions(value, insertion.cache) for guard in eviction.around for value in guard.asked)
        return Match.DIFFERENT if asks_about_it else Match.UNKNOWN
    if is_changed_since(eviction, insertion):
        return Match.DIFFERENT
    return match_keys(eviction, insertion)


def _is_outer(outer: Value, inner: Value) -> bool:
    while isinstance(inner, Entry):
        inner = inner.cache
        if inner == outer:
            return True
    return False


def cache_name(cache: Value) -> str | None:
    """The word that a container goes by: `_clients` of `self._clients` and of `pool._clients`."""
    match cache:
        case Field(name=name):
            return name
        case Global(name=name):
            return word(name)
        case Entry(cache=outer):
            return cache_name(outer)
        case _:
            return getattr(cache, "name", None)


def may_be_same_cache(left: Value, right: Value) -> bool:
    """Whether two walks mean the same container: equal, or named alike on objects that are not told apart."""
    if left == right:
        return True
    match left, right:
        case Field(base=Instance(), name=_), Field(base=Instance(), name=_):
            return False
        case Field(name=name), Field(name=other):
            return name == other
        case Entry(cache=outer), Entry(cache=other_outer):
            return may_be_same_cache(outer, other_outer)
        case _:
            return False


def evictions_elsewhere(
    evidence: Evidence, story: Story, *, even_unused: bool = False, even_outer: bool = False
) -> list[Eviction]:
    """Evictions from the same cache that other walks saw.

    Those of private functions that nothing names are left out, unless `even_unused`: what handles a reply may be called
    from another file. With `even_outer` the eviction of a whole inner container counts as well.
    """
    own = {eviction.place for eviction, _ in story.attempts}
    return [
        eviction
        for walk in evidence.walks
        if walk is not story.walk and (even_unused or not _is_unused(evidence, walk))
        for eviction in walk.evictions
        if (
            may_be_same_cache(eviction.cache, story.insertion.cache)
            or (even_outer and _is_outer(eviction.cache, story.insertion.cache))
        )
        and eviction.place not in own
        and not _is_own_cleanup(eviction, walk)
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
    return [
        insertion
        for walk in evidence.walks
        for insertion in walk.insertions
        if may_be_same_cache(insertion.cache, story.insertion.cache)
        and (walk is story.walk or not any(_is_own_cleanup(eviction, walk) for eviction in walk.evictions))
    ]


def is_bounded(evidence: Evidence, cache: Value) -> bool:
    """Whether the module keeps the cache from growing: a limit on its length, or a sweep over its own entries."""
    swept = any(
        eviction.is_filtered and may_be_same_cache(eviction.cache, cache) and not _can_never_evict(evidence, eviction)
        for walk in evidence.walks
        for eviction in walk.evictions
    )
    return swept or any((owner, cache_name(cache)) in evidence.bounded for owner in _owners(evidence, cache))


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
    values = [
        insertion.value
        for walk in evidence.walks
        for insertion in walk.insertions
        if may_be_same_cache(insertion.cache, sweep.cache)
    ]
    return asks_for_false and all(
        isinstance(value, Result) and value.callee.rpartition(".")[2] in ALWAYS_TRUE for value in values
    )


def _is_value_of(asked: Value, cache: Value) -> bool:
    return isinstance(asked, Element) and asked.part == "value" and mentions(asked.iterable, cache)


def _owners(evidence: Evidence, cache: Value) -> list[str | None]:
    """The classes in which the cache may be measured: those that share the attribute, or all if that is not known."""
    classes = evidence.outline.classes
    match cache:
        case Field(base=Instance(class_name=owner), name=name):
            return [other for other in classes if family(evidence.outline, other, name) == owner]
        case Entry(cache=outer):
            return _owners(evidence, outer)
        case _:
            return [None, *classes]


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
