"""Derived keys enter the cache; the cleanup evicts only their base key.

## What

A key is built from the key of the whole operation and something per item (an f-string, `%`, `.format`, `+`, `join`, a
tuple, a hash of one of them) and put into a mapping that outlives the operation. The cleanup, in the same operation or
in the class's own removal method, evicts only the base key. The entries under the derived keys stay for ever.

## Why

Memory grows by one entry per item. The case that leaklint was made for built an id for each row and question: a batch
of 100 rows with 10 questions left 1,000 clients, about 10 MB, and 1,000 batches left a million.

## Bad

```python
class Transform:
    def __init__(self, factory):
        self._factory = factory
        self._clients = {}

    def process(self, rows, state_id):
        try:
            for index, row in enumerate(rows):
                key = f"{state_id}_r{index}"
                self._clients[key] = self._factory(key)
                self._clients[key].send(row)
        finally:
            self._clients.pop(state_id, None)
```

## Good

```python
class Transform:
    def __init__(self, factory):
        self._factory = factory
        self._clients = {}

    def process(self, rows, state_id):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{state_id}_r{index}"
                tracked_keys.append(key)
                self._clients[key] = self._factory(key)
                self._clients[key].send(row)
        finally:
            for key in tracked_keys:
                self._clients.pop(key, None)
            self._clients.pop(state_id, None)
```

## Repair

Safe. A list tracks every derived key beside the line that builds it, `try/finally` surrounds what inserts and uses the
entries, and the `finally` evicts each tracked key the way the code already evicts the base key: under the same lock, by
the same helper, closing what it closes.

Unsafe where the key is built in the middle of a statement, so that giving it a name reads what it is built of earlier
than before. None where the operation that builds the keys is over before the eviction, and where the keys cannot be
given a name without changing the order in which things are evaluated.

## A real one

[vllm 0.8.4](https://github.com/vllm-project/vllm/pull/16472), `vllm/sequence.py`: a request for several completions
enters `seq_id_to_seq_group` under `f"{request_id}_parallel_sample_{i}"`, once for each. The asynchronous engine, which
serves requests, evicts none of them at the end; 0.8.5 evicts them all when the last has ended. leaklint does not report
it: the mapping is filled in one file and emptied in others, through an `engine` whose type is written nowhere.

The leak that leaklint was made for is like it: a pipeline's transform asks several questions of a model for each row,
builds a key of its own for each question, and its cleanup knows the batch's key alone. leaklint reports it, and
`leaklint demo` runs it, with the eviction and without.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint.evidence import Evidence, evictions_elsewhere, is_bounded, is_shutdown
from leaklint.flow.events import Eviction
from leaklint.keys import Match, agrees_by_name, compare, is_base_of
from leaklint.rule import Report, Rule
from leaklint.stories import Story
from leaklint.telling import code, eviction_note, eviction_words, key_trace, key_words
from leaklint.values import Value, holes, is_derived, last_name


def check(evidence: Evidence) -> Iterable[Report]:
    """Derived keys that stay, where the base key's eviction shows that they should not."""
    for story in evidence.open_stories:
        if not is_derived(story.insertion.key) or story.removals or is_bounded(evidence, story.insertion.cache):
            continue
        if not _stays_on_a_normal_exit(story) or _is_given_out(story):
            continue
        eviction = _base_eviction(evidence, story)
        is_own = any(eviction == own for own, _ in story.attempts)
        if eviction is not None and not _is_evicted_elsewhere(evidence, story, is_own=is_own):
            yield _report(evidence, story, eviction)


def _stays_on_a_normal_exit(story: Story) -> bool:
    return any(way_out.kind != "raise" for way_out, _ in story.stays)


def _is_given_out(story: Story) -> bool:
    """Whether the key is returned: whoever gets it may evict it."""
    key = story.insertion.key
    return any(key in way_out.returned for way_out, _ in story.stays)


def _base_eviction(evidence: Evidence, story: Story) -> Eviction | None:
    """The eviction of the base key: in the same operation, else in a removal method that calls it by the same name."""
    if any(match is not Match.DIFFERENT for _, match in story.attempts):
        return None
    key = story.insertion.key
    for eviction, _ in story.attempts:
        is_same_cache = eviction.cache == story.insertion.cache
        if is_same_cache and eviction.key is not None and _is_base_and_more(eviction.key, key):
            return eviction
    for eviction in evictions_elsewhere(evidence, story):
        if eviction.key is not None and _names_a_hole(eviction.key, key):
            return eviction
    return None


def _is_base_and_more(base: Value, key: Value) -> bool:
    return is_base_of(base, key) and any(hole not in (base, *holes(base)) for hole in holes(key))


def _names_a_hole(parameter: Value, key: Value) -> bool:
    """Whether a removal method's own key goes by the name of a part of the derived key."""
    return (
        last_name(parameter) is not None
        and len(holes(key)) > 1
        and any(agrees_by_name(parameter, h) for h in holes(key))
    )


def _is_evicted_elsewhere(evidence: Evidence, story: Story, *, is_own: bool) -> bool:
    """Whether another function evicts such keys, or may do so for all that can be told.

    Where the operation itself evicts the base (`is_own`), a `clear()` elsewhere is not meant for its items.
    """
    key = story.insertion.key
    for eviction in evictions_elsewhere(evidence, story):
        if is_shutdown(eviction) or (is_own and eviction.key is None and not eviction.is_filtered):
            continue
        if eviction.key is None:
            return True
        if not _names_a_hole(eviction.key, key) and compare(eviction.key, key) is not Match.DIFFERENT:
            return True
    return False


def _report(evidence: Evidence, story: Story, eviction: Eviction) -> Report:
    insertion = story.insertion
    key = key_words(evidence, story)
    base = eviction_words(evidence, eviction)
    return Report(
        code=RULE.code,
        place=story.birth.place,
        message=f"{key} enters {code(insertion.cache)} and stays: the cleanup evicts only {base}",
        advice=f"Keep a list of these keys and evict each of them in a `finally`, as {base} is.",
        key=key.strip("`"),
        story=story,
        trace=(*key_trace(evidence, story), eviction_note(eviction, f"the cleanup evicts only {base}")),
        eviction=eviction,
    )


RULE = Rule(
    "LKL101", "derived-key-leak", "derived keys enter the cache, only the base key is evicted", True, check, __doc__
)
