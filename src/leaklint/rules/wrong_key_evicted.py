"""The evicted key can never be one that was inserted.

## What

The cleanup evicts a key of another shape than the inserted one: another template, the parts in another order, the
object itself instead of its id, an attribute that has changed since. Nothing is ever found, and `pop(key, None)` or
`discard` says nothing.

## Why

The cleanup looks right in review and does nothing: the mapping grows as if there were none, at one operation a second
by 86,400 entries a day.

## Bad

```python
class Buffers:
    def __init__(self):
        self._buffers = {}

    def collect(self, session, chunk):
        self._buffers[f"{session}:{chunk}"] = []
        self._buffers.pop(f"{session}-{chunk}", None)
```

## Good

```python
class Buffers:
    def __init__(self):
        self._buffers = {}

    def collect(self, session, chunk):
        self._buffers[f"{session}:{chunk}"] = []
        self._buffers.pop(f"{session}:{chunk}", None)
```

## Repair

Safe where the inserted key's own expression means the same at the eviction: it takes the wrong key's place. None where
it means nothing there or something else: then the key has to be handed on first.

## A real one

[pydocket 0.17.2](https://github.com/chrisguidry/docket/pull/309), `docket/worker.py`: each task is put into
`_tasks_by_key` under `execution.key` and evicted by `task.get_name()`, which has more before the key; 0.17.3 evicts
`execution.key`. leaklint does not report it: the worker's functions have too many paths and are given up.

[callosum 1.0.3](https://github.com/lablup/callosum/pull/49): the done-callback is a lambda that reads the loop's
variables when it runs, so that of two overlapping calls the newer one's key is popped twice and the older one's never.
leaklint reports it; the fix, which binds the key when the callback is made, is in no release yet.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable

import msgspec

from leaklint.evidence import (
    Evidence,
    evictions_elsewhere,
    insertions_to_evict,
    is_bounded,
    is_shutdown,
    place_at,
    shared_depth,
)
from leaklint.flow.caches import is_changed_since
from leaklint.flow.events import Eviction, Insertion, Place
from leaklint.keys import Match, compare, is_base_of, shares_a_part
from leaklint.rule import Report, Rule
from leaklint.stories import Story, raised_in
from leaklint.telling import code, eviction_note, eviction_words, key_trace, key_words
from leaklint.values import Entry, Value, anonymous, as_entry, holes, is_derived, settled


def check(evidence: Evidence) -> Iterable[Report]:
    """Entries that stay, where an eviction was meant for them and can never hit."""
    for story in evidence.open_stories:
        if not _stays_though_nothing_raised(story) or is_bounded(evidence, story.insertion.cache):
            continue
        eviction = _read_too_late(story)
        if eviction is None and all(match is Match.DIFFERENT for _, match in story.attempts):
            eviction = _missing(evidence, story) or _missing_elsewhere(evidence, story)
        if eviction is not None and not _is_evicted_elsewhere(evidence, story):
            yield _report(evidence, story, eviction)


def _stays_though_nothing_raised(story: Story) -> bool:
    evicted = any(not raised_in(removal.history) for removal in story.removals)
    return bool(story.stays) and not evicted


def _read_too_late(story: Story) -> Eviction | None:
    """An eviction of what the key's attribute, variable or closure has become since the insertion.

    Where a variable has one of several values, its insertion and its eviction each have all of them: no change.
    """
    own = story.insertion
    alike = [one for one in story.walk.insertions if (one.place, one.turns) == (own.place, own.turns)]
    inserted = {one.key for one in alike}
    for eviction, _ in story.attempts:
        if eviction.key in inserted:
            continue
        if is_changed_since(eviction, story.insertion) or (
            eviction.key is not None and _is_late_bound(eviction.key, story)
        ):
            return eviction
    return None


def _missing(evidence: Evidence, story: Story) -> Eviction | None:
    """An eviction of the same operation that was meant for the key, and is of none that is ever inserted."""
    for eviction, _ in story.attempts:
        if eviction.key is None or _is_moved(story.insertion, eviction):
            continue
        if _is_meant_for(eviction.key, story) and _never_hits(evidence, eviction.key, story):
            return eviction
    return None


def _is_moved(insertion: Insertion, eviction: Eviction) -> bool:
    """Whether what the eviction took out is put in again under the new key: somebody else has put it in before."""
    return eviction.key is not None and as_entry(insertion.value) == Entry(eviction.cache, eviction.key)


def _is_late_bound(wrong: Value, story: Story) -> bool:
    """Whether a closure reads the key after the loop has gone on to another."""
    return settled(wrong) != wrong and settled(wrong) == story.insertion.key


def _missing_elsewhere(evidence: Evidence, story: Story) -> Eviction | None:
    """A removal method that builds the key from parts of the same names, in another way."""
    key = anonymous(story.insertion.key)
    for eviction in evictions_elsewhere(evidence, story):
        wrong = anonymous(eviction.key) if eviction.key is not None else None
        if (
            wrong is None
            or not is_derived(wrong)
            or collections.Counter(holes(wrong)) != collections.Counter(holes(key))
        ):
            continue
        if compare(wrong, key) is Match.DIFFERENT and _never_hits(evidence, wrong, story):
            return eviction
    return None


def _is_meant_for(wrong: Value, story: Story) -> bool:
    """Whether the wrong key was meant to be the inserted one; a mere base key is another rule's."""
    key = story.insertion.key
    if is_base_of(wrong, key):
        return all(hole == wrong for hole in holes(key))
    return shares_a_part(wrong, key)


def _never_hits(evidence: Evidence, wrong: Value, story: Story) -> bool:
    inserted = insertions_to_evict(evidence, story)
    return all(compare(anonymous(wrong), anonymous(one.key)) is Match.DIFFERENT for one in inserted)


def _is_evicted_elsewhere(evidence: Evidence, story: Story) -> bool:
    key = anonymous(story.insertion.key)
    return any(
        eviction.key is None or compare(anonymous(eviction.key), key) is not Match.DIFFERENT
        for eviction in evictions_elsewhere(evidence, story)
        if not is_shutdown(eviction)
    )


def _standing(evidence: Evidence, insertion: Insertion, eviction: Eviction) -> Place:
    """Where the wrong key is: in the function that inserts too, or in a callback that it makes."""
    routine = evidence.outline.routines[eviction.place.function]
    if routine.parent is not None:
        return eviction.place
    return place_at(eviction.stack, eviction.place, shared_depth(insertion.stack, eviction.stack))


class _Wording(msgspec.Struct, frozen=True):
    """How a wrong key is told: what is wrong, what the eviction does instead, what to do."""

    message: str
    step: str
    advice: str


def _wording(evidence: Evidence, story: Story, eviction: Eviction) -> _Wording:
    wrong, cache = eviction_words(evidence, eviction), code(story.insertion.cache)
    key = key_words(evidence, story)
    if eviction.key is not None and _is_late_bound(eviction.key, story):
        return _Wording(
            f"{wrong} is read when the callback runs; what was inserted into {cache} stays if the loop has gone on",
            f"{wrong} is read when this runs, and may be a later item's by then",
            f"Bind {wrong} when the callback is made.",
        )
    if is_changed_since(eviction, story.insertion):
        return _Wording(
            f"{wrong} has changed since the insertion into {cache}: the entry stays",
            f"{wrong} is evicted, which is another key by now",
            f"Keep {key} in a variable before it changes, and evict that.",
        )
    return _Wording(
        f"{wrong} is never in {cache}: what is inserted is {key}",
        f"{wrong} is evicted, which was never inserted",
        f"Evict {key}.",
    )


def _report(evidence: Evidence, story: Story, eviction: Eviction) -> Report:
    wording = _wording(evidence, story, eviction)
    return Report(
        code=RULE.code,
        place=_standing(evidence, story.insertion, eviction),
        message=wording.message,
        advice=wording.advice,
        key=key_words(evidence, story).strip("`"),
        story=story,
        trace=(*key_trace(evidence, story), eviction_note(eviction, wording.step)),
        eviction=eviction,
    )


RULE = Rule("LKL104", "wrong-key-evicted", "the evicted key is never one that was inserted", True, check, __doc__)
