"""Containers that only grow, and what tells that their keys are new ones for ever.

A container that nothing evicts from is no leak by itself: registries, memo tables and vocabularies stay small since
their keys come from a closed set. The rules that ask here want proof of the contrary in the code: a key that can never
come again, and an owner that lives through many operations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from leaklint.endings import is_ending, names_what_it_ends
from leaklint.evidence import Evidence, is_bounded, once_per_cache
from leaklint.fixed_keys import has_fixed_keys
from leaklint.flow.events import Eviction, Insertion
from leaklint.held_by_callers import are_all_held_by_callers
from leaklint.identities import is_identity
from leaklint.keys import Match, compare
from leaklint.outline import Blueprint, ancestry, heirs, label_of
from leaklint.routine import Routine
from leaklint.same_caches import cache_name, may_be_same_cache
from leaklint.stories import Story
from leaklint.usage import MAKES_THE_OBJECT, ends_a_life, looked_up, only_filled
from leaklint.values import (
    Applied,
    Constant,
    Element,
    Entry,
    Field,
    Free,
    Global,
    Instance,
    Item,
    Parameter,
    Result,
    Text,
    Value,
    holes,
    involved,
    last_name,
    mentions,
    within,
)

LIVES_LONG = frozenset(
    """
    AbstractEventLoop Barrier BoundedSemaphore Condition Lock PriorityQueue ProcessPoolExecutor Queue RLock Semaphore
    TaskGroup Thread ThreadPoolExecutor Timer
    """.split()
)
"""What an object has that serves many operations: locks, threads, queues."""


NAMES_AN_OBJECT = "`id()` names an object that will be gone"
"""Why a key made by `id()` is a new one."""
_STEPS = frozenset(["__anext__", "__next__"])


def growing_stories(evidence: Evidence) -> Iterator[Story]:
    """Insertions into containers that nothing evicts from, by a function that is called again and again."""
    for story in (*evidence.open_stories, *evidence.cut_short):
        if ends_a_life(story.walk.function) or not only_grows(evidence, story.insertion.cache):
            continue
        if _is_record(evidence, story.insertion.cache) or has_fixed_keys(evidence, story.insertion.cache):
            continue
        if are_all_held_by_callers(evidence, story):
            continue
        if has_stayed(story) and not goes_with_its_owner(evidence, story.insertion.cache):
            yield story


def has_stayed(story: Story) -> bool:
    """Whether the entry stays where all is well, if the function ever ends well: an endless loop does not."""
    if not story.walk.is_complete or any(way_out.kind != "raise" for way_out, _ in story.stays):
        return True
    return bool(story.stays) and all(way_out.kind == "raise" for way_out in story.walk.exits)


def _is_record(evidence: Evidence, cache: Value) -> bool:
    """Whether an object only writes it down, under a name that is for others: whoever reads it empties it, too."""
    match cache:
        case Field(base=Instance(), name=name) if not name.startswith("_") and not is_shared(evidence, cache):
            return only_filled(evidence.outline, name)
        case _:
            return False


@once_per_cache
def goes_with_its_owner(evidence: Evidence, cache: Value) -> bool:
    """Whether the container belongs to an object that is made for one operation."""
    match cache:
        case Field(base=Instance(class_name=owner)):
            return not is_shared(evidence, cache) and evidence.is_of_one_operation(owner)
        case Field(base=Field(base=Instance(class_name=holder), name=attribute)):
            built = {blueprint.types.get(attribute) for blueprint in _related(evidence, holder)} - {None}
            return bool(built) and all(evidence.is_of_one_operation(owner) for owner in built if owner is not None)
        case _:
            return False


@once_per_cache
def only_grows(evidence: Evidence, cache: Value) -> bool:
    """Whether nothing takes single entries out of the container."""
    if isinstance(cache, Free):
        return _is_growing_variable(evidence, cache)
    name = cache_name(cache)
    if name is None or isinstance(cache, Entry) or name not in evidence.growing or is_bounded(evidence, cache):
        return False
    return not evidence.project_evicts(name) and name not in evidence.names_evicted


def _is_growing_variable(evidence: Evidence, cache: Free) -> bool:
    return (cache.function, cache.name) in evidence.growing_variables


def why_fresh(evidence: Evidence, key: Value) -> str | None:
    """Why the key can never come again, in words; None if it may."""
    for hole in holes(key):
        for part in within(hole):
            reason = _why_part_fresh(evidence, part)
            if reason is not None:
                return reason
    identity = next((part for part in within(key) if is_identity(part)), None)
    return NAMES_AN_OBJECT if identity is not None else None


def _why_part_fresh(evidence: Evidence, part: Value) -> str | None:
    match part:
        case Result(fresh=True, callee=callee) if callee != "next":
            return f"`{callee}()` never gives the same twice"
        case Result(fresh=True, inputs=(counted, *_)) if _is_count(evidence, counted):
            return "the counter never gives the same twice"
        case Parameter(annotation=str(annotation), name=name) if annotation.rpartition(".")[2] == "UUID":
            return f"`{name}` is a UUID"
        case Field(name=name) | Global(name=name) if name in evidence.counters:
            return f"`{name}` is counted up"
        case _:
            return None


def _is_count(evidence: Evidence, counted: Value) -> bool:
    """Whether the value is what `itertools.count()` built."""
    name = last_name(counted)
    built = [evidence.outline.types.get(name or "")]
    built += [blueprint.types.get(name or "") for blueprint in evidence.outline.classes.values()]
    return any(word is not None and word.rpartition(".")[2] == "count" for word in built)


def counts_up(insertion: Insertion) -> bool:
    """Whether a number is kept under the key, and goes up or down here."""
    match insertion.value:
        case Applied(function="+" | "-", arguments=(Entry() as before, Constant())):
            return before == Entry(insertion.cache, insertion.key)
        case _:
            return False


@once_per_cache
def serves_a_framework(evidence: Evidence, cache: Value) -> bool:
    """Whether the container belongs to an instance of a class that is derived from one of another module.

    Where the project has that module and the code can be read, it must say that somebody shuts such objects down: what
    serves for long comes to an end, and what is made for one operation is let go.
    """
    match cache:
        case Field(base=Instance(class_name=owner)):
            related = _related(evidence, owner)
            bases = {base for blueprint in related for base in blueprint.bases}
            if any(_is_unknown(base, evidence) for base in bases):
                return True
            return any(map(label_of, bases)) and any(_is_shut_down(name) for found in related for name in found.methods)
        case _:
            return False


def _is_unknown(base: str, evidence: Evidence) -> bool:
    return base not in evidence.outline.classes and base.rpartition(".")[2] not in PLAIN_BASES


def _is_shut_down(method: str) -> bool:
    """Whether the method ends its own object: `close`, `async_stop`, and neither `stop_job` nor `__exit__`."""
    return not method.startswith("__") and is_ending(method) and not names_what_it_ends(method)


PLAIN_BASES = frozenset("ABC Enum Exception Generic NamedTuple Protocol TypedDict dict list object set".split())


@once_per_cache
def outlives_operations(evidence: Evidence, cache: Value) -> bool:
    """Whether the container's owner is there for many operations, as far as the code says so.

    A module's variable is, what stands in a class body, and what handlers share that a function has set up. An instance
    is if it has locks, threads or queues, if it has coroutines, or if somebody calls its hooks; and what such an
    instance holds from its beginning is, too.
    """
    match cache:
        case Global():
            return True
        case Free():
            return _is_growing_variable(evidence, cache)
        case Field(base=Instance(class_name=owner), name=name):
            related = _related(evidence, owner)
            return any(name in blueprint.shared or _serves(blueprint, evidence) for blueprint in related)
        case Field(base=Field(base=Instance(), name=holder) as held):
            return holder not in evidence.set_later and outlives_operations(evidence, held)
        case _:
            return False


def is_of_one_stream(evidence: Evidence, cache: Value) -> bool:
    """Whether the container's owner is an iterator: it goes once through what it gives out, and is done."""
    match cache:
        case Field(base=Instance(class_name=owner)) if not is_shared(evidence, cache):
            return any(not _STEPS.isdisjoint(blueprint.methods) for blueprint in _related(evidence, owner))
        case _:
            return False


@once_per_cache
def is_shared(evidence: Evidence, cache: Value) -> bool:
    """Whether all instances of a class, or all of a module, share the container."""
    match cache:
        case Field(base=Instance(class_name=owner), name=name):
            return any(name in blueprint.shared for blueprint in _related(evidence, owner))
        case _:
            return isinstance(cache, Global)


def _related(evidence: Evidence, owner: str) -> list[Blueprint]:
    """The class that has the attribute, its bases and its heirs, as far as they are known."""
    found = evidence.outline
    return [*ancestry(found, owner), *(found.classes[heir] for heir in heirs(found, owner))]


def _serves(blueprint: Blueprint, evidence: Evidence) -> bool:
    built = {word.rpartition(".")[2] for word in blueprint.types.values()}
    if built & LIVES_LONG:
        return True
    return any(_is_hook(name, evidence.outline.routines[routine]) for name, routine in blueprint.methods.items())


def _is_hook(name: str, routine: Routine) -> bool:
    """Whether the method is called for one event of many: a coroutine, or named `on_…`, as callbacks are."""
    is_protocol = name.startswith("__")
    return (routine.function.is_async and not is_protocol) or name.startswith(("on_", "_on_"))


def sibling_evictions(evidence: Evidence, story: Story) -> Iterator[Eviction]:
    """Evictions of single entries from a container that this walk fills under the same key, or takes it out of."""
    insertion = story.insertion
    for eviction in story.walk.evictions:
        # What moves from one container into another may have been picked by a sweep.
        key = eviction.taken if eviction.taken is not None else eviction.key
        if key is not None and _is_sibling(evidence, eviction.cache, key, insertion):
            yield eviction
    for sibling in story.walk.insertions:
        if _is_sibling(evidence, sibling.cache, sibling.key, insertion):
            yield from _single_evictions(evidence, sibling.cache)


def _is_sibling(evidence: Evidence, cache: Value, key: Value, insertion: Insertion) -> bool:
    names = cache_name(cache), cache_name(insertion.cache)
    is_other = not may_be_same_cache(cache, insertion.cache) and names[0] != names[1]
    # What the class holds for all its instances has another life than what an instance holds.
    is_alike = is_shared(evidence, cache) == is_shared(evidence, insertion.cache)
    return is_other and is_alike and compare(key, insertion.key) is Match.SAME


def _single_evictions(evidence: Evidence, cache: Value) -> Iterator[Eviction]:
    for _, eviction in evidence.evictions.may_be(cache):
        if _is_single(eviction):
            yield eviction


def _is_single(eviction: Eviction) -> bool:
    """Whether it takes out one entry because its time has come: no sweep, no shutdown."""
    if eviction.key is None or eviction.is_filtered:
        return False
    # Whoever is told of one item, as in `disconnect(sid)`, ends that.
    is_told = any(isinstance(part, Parameter) for part in involved(eviction.key))
    if ends_a_life(eviction.place.function) and not is_told:
        return False
    return not any(
        isinstance(part, Element) and mentions(part.iterable, eviction.cache) for part in within(eviction.key)
    )


def is_only_looked_up(evidence: Evidence, story: Story) -> bool:
    """Whether a defaultdict is read where nobody means to put anything in: each key that is missing becomes one.

    Where an object asks with what it has itself, the keys are as many as there are objects that somebody sets up.
    """
    insertion = story.insertion
    entry = Entry(insertion.cache, insertion.key)
    routine = evidence.outline.routines.get(insertion.place.function)
    if insertion.value != entry or routine is None or insertion.place.at not in set(looked_up(routine)):
        return False
    is_own = all(map(_is_of_the_object, holes(insertion.key)))
    return not is_own and not any(other.cache == entry for other in story.walk.insertions)


def _is_of_the_object(hole: Value) -> bool:
    match hole:
        case Field(base=base) | Item(base=base):
            return _is_of_the_object(base)
        case value:
            return isinstance(value, Instance)


ITEM_WORDS = frozenset("id ids uid uuid guid sid cid session".split())
_IDENTIFIED = frozenset(
    """
    agent batch call channel chat client conn connection conversation device event job message msg order peer player
    query req request room run session span stream subscription task thread trace transaction tx txn user worker
    """.split()
)
"""What has an identifier that is written in one word: `userid`, `msgid`."""


def item_of(evidence: Evidence, story: Story) -> str | None:
    """What the key stands for, if it comes with each item: a word of the code such as `message_id`; None if not.

    An identifier names one thing of an open set. That is told by the word at its end, as there is nothing else: a
    plugin's name and a session's id are both strings.
    """
    for hole in holes(story.insertion.key):
        name = _item_name(hole) if not _is_of_a_function(hole) else None
        if name is not None and any(map(_is_identifier, words_of(name))):
            return name
    return _item_variable(story.insertion)


def _item_variable(insertion: Insertion) -> str | None:
    """The variable that the key is in, where it is a position in what came in, which has no name of its own."""
    parts = holes(insertion.key)
    if len(parts) != 1 or not _is_position(parts[0]):
        return None
    for source in insertion.written.sources:
        match source:
            case Applied(function="variable", arguments=(Text(value=name), *_)):
                named = words_of(name)
                if any(map(_is_identifier, named)) and _FUNCTIONS.isdisjoint(named):
                    return name
    return None


def _is_identifier(word: str) -> bool:
    return word in ITEM_WORDS or (word.endswith("id") and word.removesuffix("id") in _IDENTIFIED)


def _is_position(value: Value) -> bool:
    match value:
        case Item(base=base, index=Constant()):
            return any(isinstance(part, Element) for part in within(base))
        case _:
            return False


_FUNCTIONS = frozenset("fn fns func funcs function functions".split())
"""What functions go by in names; there are as many of these as the program defines."""


def _is_of_a_function(hole: Value) -> bool:
    """Whether the part of a key is something that a function of the program has: `event_fn.id`, `function_id`."""
    if not _FUNCTIONS.isdisjoint(words_of(_item_name(hole) or "")):
        return True
    match hole:
        case Field(base=Parameter() as owner) | Field(base=Entry(cache=owner) | Item(base=owner)):
            return not _FUNCTIONS.isdisjoint(words_of(last_name(owner) or ""))
        case _:
            return False


def is_set_up(evidence: Evidence, story: Story) -> bool:
    """Whether the constructor fills the container at the very same place: what comes in there is configured."""
    return any(
        other.insertion.place == story.insertion.place
        and other.walk.function.rpartition(".")[2] in MAKES_THE_OBJECT
        and other.walk.function != other.insertion.place.function
        for other in evidence.stories
    )


def words_of(name: str) -> set[str]:
    """The words that a name is made of, in small letters: `run_id`, `runId` and `_RUN_ID` have the same."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_"))


def _item_name(hole: Value) -> str | None:
    """The word by which the code calls a part of a key, through conversions and lookups by a literal."""
    match hole:
        case Item(index=Text(value=name)):
            return name
        case Applied(arguments=(inner, *_)):
            return _item_name(inner)
        case Result(callee=callee, inputs=inputs) if callee.rpartition(".")[2] in ("get", "pop"):
            return next((given.value for given in inputs if isinstance(given, Text)), None)
        case Result(callee=callee):
            return callee.rpartition(".")[2]
        case Element(iterable=iterable):
            return _item_name(iterable)
        case _:
            return last_name(hole)
