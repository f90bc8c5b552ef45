"""Two mappings are filled under one key; the cleanup evicts one of them.

## What

An operation puts an entry under the same key into two long-lived containers, or moves it from one into the other. One
of the two has an eviction for such keys, the other has none anywhere in the module.

## Why

The eviction shows that such keys end. The forgotten container keeps them all: it is mostly the one that was added
later, for statistics, for ownership, for "already seen". A connection with 100 streams a second leaves 8.6 million
entries a day in it.

## Bad

```python
import threading


class Sessions:
    def __init__(self):
        self._lock = threading.Lock()
        self._sessions = {}
        self._owners = {}

    def open(self, session_id, session, owner):
        with self._lock:
            self._sessions[session_id] = session
            self._owners[session_id] = owner

    def close_session(self, session_id):
        with self._lock:
            del self._sessions[session_id]
```

## Good

```python
import threading


class Sessions:
    def __init__(self):
        self._lock = threading.Lock()
        self._sessions = {}
        self._owners = {}

    def open(self, session_id, session, owner):
        with self._lock:
            self._sessions[session_id] = session
            self._owners[session_id] = owner

    def close_session(self, session_id):
        with self._lock:
            del self._sessions[session_id]
            del self._owners[session_id]
```

## Repair

Unsafe: the forgotten container loses the key directly behind each eviction of the sibling, under the same lock and
condition, and a missing key is no error. Whoever still looks the entry up when its sibling is gone would find nothing.
There is none where the entry comes in as its sibling's goes, or where the container has no name beside the eviction.

## A real one

[h2 3.0.1](https://github.com/python-hyper/h2/issues/1163): each stream that ends moves from one mapping into a second
one, which nothing trims as long as the connection is open; 3.1.0 limits its size. leaklint reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Walk
from leaklint.growth import (
    counts_up,
    growing_stories,
    item_of,
    outlives_operations,
    sibling_evictions,
    why_fresh,
)
from leaklint.keys import Match, compare
from leaklint.rule import Note, Report, Rule
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.telling import code, key_trace, key_words
from leaklint.usage import asked_for_keys, gone_through
from leaklint.values import Element, Value, mentions, within


def check(evidence: Evidence) -> Iterable[Report]:
    """Containers that only grow, filled under a key that a sibling container loses again."""
    for story in growing_stories(evidence):
        ends = (one for one in sibling_evictions(evidence, story) if not _goes_on_after(evidence, story, one))
        evicted = next(ends, None)
        if evicted is None or _is_listed_with(evidence, story, evicted):
            continue
        if _is_moved(story, evicted) or _grows_without_end(evidence, story):
            others = (one for one in ends if cache_name(one.cache) == cache_name(evicted.cache))
            yield _report(evidence, story, (evicted, *others))


def _is_moved(story: Story, evicted: Eviction) -> bool:
    """Whether what comes in is made of what the sibling gives away."""
    return mentions(story.insertion.value, evicted.cache)


def _is_listed_with(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether some function goes through what is over as it goes through what is not: a report of all there was."""
    names = {cache_name(story.insertion.cache), cache_name(evicted.cache)}
    routines = evidence.outline.routines.values() if _is_moved(story, evicted) else ()
    return any(names <= gone_through(routine) for routine in routines if names <= routine.words)


def _goes_on_after(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether the sibling's end tells nothing of the entry's, whose key comes again."""
    if _is_moved(story, evicted) or why_fresh(evidence, story.insertion.key) is not None:
        return False
    return (
        _tells_generations(story, evicted)
        or _comes_afterwards(evidence, story, evicted)
        or _has_a_part(evidence, story, evicted)
        or _is_made_meanwhile(evidence, story, evicted)
        or _is_note_of_running(evidence, story, evicted)
        or _is_marked_at_the_end(evidence, story, evicted)
    )


def _comes_afterwards(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether the entry comes in when the sibling's is gone already, in one function, and no item's end is near."""
    own = story.insertion.place
    is_later = evicted.place.function == own.function and evicted.place.at.end_line < own.at.line
    return is_later and evicted in story.walk.evictions and item_of(evidence, story) is None


def _has_a_part(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether all that the sibling ever holds is picked from the container's keys: it marks some of what goes on."""
    parts = [insertion for _, insertion in evidence.insertions.may_be(evicted.cache)]
    return bool(parts) and all(
        any(isinstance(one, Element) and mentions(one.iterable, story.insertion.cache) for one in within(part.key))
        for part in parts
    )


def _tells_generations(story: Story, evicted: Eviction) -> bool:
    """Whether the operation that evicts the sibling counts up under its key: old and new are told apart by that."""
    return evicted in story.walk.evictions and counts_up(story.insertion)


def _is_made_meanwhile(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether the container is a memo, and the sibling only has the keys whose value is in the making."""
    others = evidence.stories_at.get(story.insertion.place, ())
    in_the_making = any(eviction.place == evicted.place for other in others for eviction in other.walk.evictions)
    is_memo = _asks(evidence, story.insertion.place.function, story.insertion.cache)
    return in_the_making and (is_memo or any(other.insertion.is_made_when_missed for other in others))


def _is_note_of_running(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether the sibling has what is running: each operation that fills it has a `finally` for its end.

    The end of an operation is none of what goes by a name; an item's is another matter.
    """
    filling = [
        (walk, insertion)
        for walk, insertion in evidence.insertions.may_be(evicted.cache)
        if walk.function == insertion.place.function
    ]
    return (
        evicted.is_final
        and item_of(evidence, story) is None
        and bool(filling)
        and all(
            any(end.is_final and end.cache == insertion.cache and end.key == insertion.key for end in walk.evictions)
            for walk, insertion in filling
        )
    )


def _is_marked_at_the_end(evidence: Evidence, story: Story, evicted: Eviction) -> bool:
    """Whether a set notes which keys the sibling has lost, and is asked whether it has a key: they come again."""
    return any(_asks(evidence, name, story.insertion.cache) for name in evidence.outline.routines) and any(
        insertion.value == insertion.key and _takes_out(walk, evicted, insertion.key)
        for walk, insertion in evidence.insertions.may_be(story.insertion.cache)
    )


def _asks(evidence: Evidence, function: str, cache: Value) -> bool:
    """Whether the function asks which keys are in the container."""
    routine = evidence.outline.routines.get(function)
    return routine is not None and cache_name(cache) in asked_for_keys(routine)


def _takes_out(walk: Walk, evicted: Eviction, key: Value) -> bool:
    """Whether the operation evicts this key from the container that the eviction is of."""
    return any(
        other.key is not None and other.cache == evicted.cache and compare(other.key, key) is Match.SAME
        for other in walk.evictions
    )


def _grows_without_end(evidence: Evidence, story: Story) -> bool:
    """Whether new keys come as long as the program runs: what serves one run, or is keyed by names, has an end."""
    key, cache = story.insertion.key, story.insertion.cache
    is_open = why_fresh(evidence, key) is not None or item_of(evidence, story) is not None
    return is_open or outlives_operations(evidence, cache)


def _report(evidence: Evidence, story: Story, evictions: tuple[Eviction, ...]) -> Report:
    eviction = evictions[0]
    key, cache = key_words(evidence, story), code(story.insertion.cache)
    sibling = code(eviction.cache)
    return Report(
        code=RULE.code,
        place=story.insertion.place,
        message=f"{key} enters {cache} for ever; its sibling {sibling} evicts such keys",
        advice=f"Evict the key from {cache} where {sibling} evicts it.",
        key=key.strip("`"),
        story=story,
        trace=(*key_trace(evidence, story), Note(eviction.place, f"evicted from {sibling} here, not from {cache}")),
        eviction=eviction,
        evictions=evictions,
    )


RULE = Rule(
    code="LKL105",
    name="sibling-forgotten",
    summary="two mappings share their keys, the cleanup evicts one",
    default=True,
    check=check,
    docs=__doc__,
    yields_to=("LKL106",),
)
"""The rule."""
