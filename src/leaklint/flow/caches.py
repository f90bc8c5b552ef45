"""Which values are caches, and what happens to the entries when one is inserted, evicted or looked for."""

from __future__ import annotations

import functools

import msgspec

from leaklint.containers import Kind, kind_of_type_name, kind_of_value, merge
from leaklint.containers import default_factory as factory_of_value
from leaklint.flow.events import UNWRITTEN, Eviction, Held, Insertion, Removal, Written
from leaklint.flow.machine import Context
from leaklint.flow.state import State
from leaklint.keys import Match, compare
from leaklint.model import Span
from leaklint.outline import Outline, ancestry, attribute_kind, class_named, family, owner_by_attribute
from leaklint.values import (
    REMEMBERED,
    Allocated,
    Applied,
    ClassReference,
    Element,
    Entry,
    Field,
    Free,
    Global,
    Group,
    Instance,
    Item,
    Parameter,
    Result,
    Turns,
    Value,
    bare,
    involved,
    last_name,
    mentions,
    within,
)


def container(value: Value, state: State, outline: Outline) -> Value:
    """The name under which a container outlives the walk: what was stored on an attribute is that attribute."""
    value = state.published.get(value, value)
    match value:
        case Field(base=Instance(class_name=class_name) | ClassReference(name=class_name), name=name):
            return Field(Instance(family(outline, class_name, name)), name)
        case Field(base=base, name=name):
            return Field(container(base, state, outline), name)
        case _:
            return value


def class_of(value: Value, outline: Outline) -> str | None:
    """The module's class that a value is an instance of, if that is known."""
    match value:
        case Instance(class_name=name) | ClassReference(name=name):
            return name if name in outline.classes else None
        case Allocated(class_name=str(name)):
            return name if name in outline.classes else None
        case Parameter(annotation=str(name)):
            return name if name in outline.classes else None
        case Free(function=function, name=name):
            annotations = {p.name: p.annotation for p in outline.routines[function].function.parameters}
            found = class_named(outline, annotations.get(name), function)
            return found if found in outline.classes else None
        case Global(name=name):
            built = outline.types.get(name)
            return built if built in outline.classes else None
        case Field(base=base, name=name):
            return _attribute_class(base, name, outline)
        case _:
            return None


def _attribute_class(base: Value, name: str, outline: Outline) -> str | None:
    owner = class_of(base, outline)
    for blueprint in ancestry(outline, owner) if owner else ():
        built = blueprint.types.get(name)
        if built is not None:
            return built if built in outline.classes else None
    return None


def kind_of(cache: Value, outline: Outline) -> Kind:
    """What the container is built from, as far as the module says."""
    match cache:
        case Field(base=Global(name=module)) if module in outline.imports:
            return Kind.FOREIGN
        case Field(base=base, name=name):
            owner = class_of(base, outline)
            if owner is None and not _outlives_the_call(base, outline):
                # An attribute of something passed in may live no longer than the call: a request's, a response's.
                return Kind.FOREIGN
            owner = owner or owner_by_attribute(outline, name)
            return attribute_kind(outline, owner, name) if owner else Kind.UNKNOWN
        case Global(name=name):
            return outline.kinds.get(name, Kind.FOREIGN)
        case Free(function=function, name=name):
            return _closure_kind(function, name, outline)
        case Entry(cache=outer):
            factory = default_factory(outer, outline)
            if factory is not None:
                return kind_of_type_name(factory)
            return Kind.UNKNOWN if kind_of(outer, outline) in KEEPING else Kind.FOREIGN
        case _:
            return Kind.FOREIGN


KEEPING = (Kind.MAPPING, Kind.SET, Kind.UNKNOWN)


def _outlives_the_call(base: Value, outline: Outline) -> bool:
    """Whether it is an attribute of the receiver, of a class or of an object that a module keeps in a variable."""
    while isinstance(base, Field):
        base = base.base
    return isinstance(base, Instance | ClassReference) or (isinstance(base, Global) and base.name in outline.kinds)


def _closure_kind(function: str, name: str, outline: Outline) -> Kind:
    routine = outline.routines[function]
    if any(parameter.name == name for parameter in routine.function.parameters):
        return Kind.FOREIGN
    kinds = [kind_of_value(value) for value in routine.values_of(name)]
    return merge(kinds) if kinds else Kind.FOREIGN


def is_cache(value: Value, outline: Outline) -> bool:
    """Whether the container outlives the operation and keeps what is put into it."""
    if any(isinstance(part, Allocated) for part in within(value) if not isinstance(part, Entry)):
        return False
    return kind_of(value, outline) in KEEPING


def default_factory(cache: Value, outline: Outline) -> str | None:
    """What reading a missing key of a defaultdict builds (`list`), or None where reading inserts nothing."""
    match cache:
        case Field(base=base, name=name):
            owner = class_of(base, outline) or owner_by_attribute(outline, name)
            classes = ancestry(outline, owner) if owner else ()
            return next((b.default_factories[name] for b in classes if name in b.default_factories), None)
        case Global(name=name):
            return outline.default_factories.get(name)
        case Free(function=function, name=name):
            values = outline.routines[function].values_of(name)
            return factory_of_value(values[0]) if len(values) == 1 else None
        case _:
            return None


def takes_elements(cache: Value, outline: Outline) -> bool:
    """Whether `add` on the container inserts: it is a set, or somebody calls `discard` on it."""
    kind = kind_of(cache, outline)
    return kind is Kind.SET or (kind is Kind.UNKNOWN and _word(cache) in outline.discarding)


def _word(cache: Value) -> str | None:
    while isinstance(cache, Entry):
        cache = cache.cache
    return last_name(cache)


def membership(cache: Value, key: Value) -> Value:
    """The condition `key in cache`."""
    return Applied("in", (key, cache))


def insert(cache: Value, key: Value, written: Written, value: Value, at: Span, state: State, context: Context) -> None:
    """An entry comes in, if the container is a cache and the key is not there yet on this path."""
    outline = context.machine.outline
    fact = membership(cache, key)
    was_there = state.facts.get(fact) is True and (cache, key) not in state.entries
    state.facts[fact] = True
    if isinstance(value, Allocated):
        state.published[value] = Entry(cache, key)
    if not is_cache(cache, outline):
        return
    insertion = Insertion(
        cache=cache,
        key=key,
        written=written,
        place=context.place(at),
        stack=context.stack,
        value=value,
        turns=context.turns,
        locks=context.locks,
        around=context.guards,
        is_made_when_missed=_is_missed(cache, key, context),
        parts=_parts(value, state),
    )
    context.machine.insertions[insertion] = None
    state.released.pop((cache, key), None)
    if not was_there:
        known = state.entries.get((cache, key))
        state.entries[(cache, key)] = known or Held(insertion, value)


def _parts(value: Value, state: State) -> tuple[Value, ...]:
    match value:
        case Group(items=items):
            inside: tuple[Value, ...] = items
        case Allocated():
            inside = tuple(inner for _, inner in state.contents.get(value, ()))
        case _:
            inside = ()
    return (value, *(inner for inner in inside if isinstance(inner, Result | Item)))


def _is_missed(cache: Value, key: Value, context: Context) -> bool:
    """Whether a condition around asks whether the entry is there, or its absence was just caught."""
    asked = {Entry(cache, key), membership(cache, key), Applied("not in", (key, cache))}
    is_caught = context.handled is not None and context.handled.type_name == "KeyError"
    return is_caught or any(
        part in asked for guard in context.guards for value in guard.asked for part in within(value)
    )


def evict(
    cache: Value, key: Value | None, at: Span, state: State, context: Context, written: Written = UNWRITTEN
) -> None:
    """Entries go: those whose key is the same for certain; in doubt an entry is let go without a word."""
    is_own = key is not None and _is_own_key(cache, key)
    eviction = Eviction(
        cache=cache,
        key=None if is_own and not _is_picked(key, context) else key,
        place=context.place(at),
        stack=context.stack,
        locks=context.locks,
        turns=context.turns,
        is_final=context.final_guards is not None,
        guards=context.guards[context.final_guards :] if context.final_guards is not None else (),
        around=context.guards,
        written=written,
        is_filtered=is_own and _is_picked(key, context),
        taken=key if is_own else None,
    )
    if is_cache(cache, context.machine.outline):
        context.machine.evictions[eviction] = None
    gone = _evicted_slots(eviction, state)
    for slot in gone:
        held = state.entries.pop(slot)
        if _is_evidence(eviction, held.insertion) and not _hangs_on_an_outcome(slot, held, eviction):
            removal = Removal(held.insertion, eviction, held.history)
            context.machine.removals[removal] = None
        state.facts[membership(*slot)] = False
    for slot in [slot for slot in state.released if _is_taken(slot, eviction)]:
        del state.released[slot]
    if key is not None:
        state.facts[membership(cache, key)] = False
    else:
        for fact in [fact for fact in state.facts if mentions(fact, cache)]:
            del state.facts[fact]


def is_picked_from(value: Value, cache: Value) -> bool:
    """Whether the value is a set of some of the container's own keys: `{key for key in cache if …}`."""
    return isinstance(value, Applied) and value.function == "picked" and value.arguments == (cache,)


def sweep(cache: Value, at: Span, state: State, context: Context) -> None:
    """Entries go that a condition picks from all of them."""
    evict(cache, Applied("picked", (Element(cache, "", at, context.turns),)), at, state, context)


def _is_evidence(eviction: Eviction, insertion: Insertion) -> bool:
    """Whether the eviction shows that the entry was meant to go: no sweep, nor what a loop's next pass replaces."""
    if eviction.is_filtered or _is_other_pass(eviction.turns, insertion.turns):
        return False
    if eviction.key is None or insertion.cache != eviction.cache:
        return True
    return compare(eviction.key, insertion.key) is Match.SAME


def _hangs_on_an_outcome(slot: tuple[Value, Value], held: Held, eviction: Eviction) -> bool:
    """Whether the entry goes if its use came out badly: `if response.status == 401: del tokens[tenant]`.

    Otherwise it is to stay, as a memo does. In a `finally` it is the end that was thought of.
    """
    asked = () if eviction.is_final else eviction.around
    guards = [guard for guard in asked if guard.outcomes and guard not in held.insertion.around]
    return any(
        any(_asks_about(slot, held, _involved(value)) for value in guard.asked)
        and not any(_asks_about(slot, held, frozenset(involved(value, guard.outcomes))) for value in guard.asked)
        for guard in guards
    )


def _is_taken(slot: tuple[Value, Value], eviction: Eviction) -> bool:
    """Whether the eviction may be of this entry, which some other operation has put in."""
    if slot[0] != eviction.cache:
        return _is_nested(slot[0], eviction.cache, eviction.key)
    if eviction.key is None or eviction.is_filtered:
        return True
    return compare(eviction.key, slot[1]) is not Match.DIFFERENT


def _evicted_slots(eviction: Eviction, state: State) -> list[tuple[Value, Value]]:
    cache, key = eviction.cache, eviction.key
    inside = [slot for slot in state.entries if _is_nested(slot[0], cache, key)]
    here = [slot for slot in state.entries if slot[0] == cache]
    if key is None or eviction.is_filtered:
        return here + inside
    matches = {
        slot: Match.DIFFERENT
        if is_changed_since(eviction, state.entries[slot].insertion)
        else match_keys(eviction, state.entries[slot].insertion)
        for slot in here
    }
    certain = [slot for slot, match in matches.items() if match is Match.SAME]
    return (certain or [slot for slot, match in matches.items() if match is Match.UNKNOWN]) + inside


def match_keys(eviction: Eviction, insertion: Insertion) -> Match:
    """Whether the eviction is of the inserted key; in doubt, one on another pass of the same loop is of that pass's."""
    if eviction.key is None:
        return Match.SAME
    found = compare(eviction.key, insertion.key)
    return Match.DIFFERENT if found is Match.UNKNOWN and _is_other_pass(eviction.turns, insertion.turns) else found


def _is_other_pass(left: Turns, right: Turns) -> bool:
    for a, b in zip(left, right, strict=False):
        if a != b:
            return a.loop == b.loop
    return False


def is_changed_since(eviction: Eviction, insertion: Insertion) -> bool:
    """Whether both read the key from the same attribute or variable, which was given another value in between.

    A variable may be used again for something else, so its new value must have been made from the old one.
    """
    shared = [part for part in insertion.written.sources if part in eviction.written.sources]
    if eviction.key is None or not shared:
        return False
    if eviction.key == insertion.key or eviction.turns[: len(insertion.turns)] != insertion.turns:
        return False
    if _stands_before(eviction, insertion):
        return False
    return isinstance(shared[0], Field) or bare(insertion.key) in set(involved(eviction.key))


def _stands_before(eviction: Eviction, insertion: Insertion) -> bool:
    """Whether the eviction was for the old key, which then gave way to the new one: on one pass, on lines before."""
    ways = zip((*eviction.stack, eviction.place), (*insertion.stack, insertion.place), strict=False)
    first, second = next(((one, other) for one, other in ways if one != other), (eviction.place, insertion.place))
    is_earlier = first.function == second.function and first.at.end_line < second.at.line
    return is_earlier and eviction.turns == insertion.turns


def _is_nested(candidate: Value, cache: Value, key: Value | None) -> bool:
    """Whether `candidate` is a container that stands in `cache` under `key`."""
    while isinstance(candidate, Entry):
        if candidate.cache == cache and (key is None or compare(candidate.key, key) is not Match.DIFFERENT):
            return True
        candidate = candidate.cache
    return False


def _is_own_key(cache: Value, key: Value) -> bool:
    """Whether the key was taken out of the cache itself: a loop over it."""
    return any(isinstance(part, Element) and mentions(part.iterable, cache) for part in within(key))


def _is_picked(key: Value | None, context: Context) -> bool:
    if key is None:
        return False
    return context.is_conditional or any(
        isinstance(part, Applied) and part.function == "picked" for part in within(key)
    )


def forget(slots: list[tuple[Value, Value]], state: State) -> None:
    """Take entries for evicted elsewhere, without evidence."""
    for slot in slots:
        state.entries.pop(slot, None)


def gather(cache: Value, key: Value, added: tuple[Value, ...], state: State) -> None:
    """Something is added to an entry's value."""
    held = state.entries.get((cache, key))
    if held is not None:
        state.entries[(cache, key)] = msgspec.structs.replace(held, gathered=(*held.gathered, *added))


@functools.lru_cache(maxsize=REMEMBERED)
def _involved(test: Value) -> frozenset[Value]:
    return frozenset(involved(test))


def about(test: Value, state: State) -> list[tuple[Value, Value]]:
    """The entries that a condition asks about: their presence, their value, a count kept under the same key."""
    if not state.entries:
        return []
    asked = _involved(test)
    return [slot for slot, held in state.entries.items() if _asks_about(slot, held, asked)]


def _asks_about(slot: tuple[Value, Value], held: Held, asked: frozenset[Value]) -> bool:
    return (
        slot[1] in asked
        or Entry(*slot) in asked
        or not asked.isdisjoint(held.insertion.written.sources)
        or (isinstance(held.value, Result | Allocated) and bare(held.value) in asked)
    )
