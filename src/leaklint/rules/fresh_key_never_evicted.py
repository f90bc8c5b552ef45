"""Keys that can never come again enter a long-lived mapping, and nothing takes single entries out.

## What

The key is new each time: a `uuid4()`, a token, a counter, the `id()` of an object, a UUID that the caller hands over.
No call can ever find the entry again but the one that knows the key, and the module has no eviction for it: none at
all, or only a `clear()` when everything is shut down.

## Why

Such a mapping has one more entry after every operation, whatever the load looks like: at one request a second 86,400 a
day. A mapping keyed by `id(obj)` is wrong besides: when the object is gone, another one gets its number and finds the
stale entry.

## Bad

```python
import threading
import uuid


class Jobs:
    def __init__(self):
        self._lock = threading.Lock()
        self._jobs = {}

    def submit(self, job):
        number = uuid.uuid4().hex
        with self._lock:
            self._jobs[number] = job
        return job.run(number)
```

## Good

```python
import threading
import uuid


class Jobs:
    def __init__(self):
        self._lock = threading.Lock()
        self._jobs = {}

    def submit(self, job):
        number = uuid.uuid4().hex
        with self._lock:
            self._jobs[number] = job
        try:
            return job.run(number)
        finally:
            with self._lock:
                del self._jobs[number]
```

## Repair

None where the key is a number or a token: when the entry may go is the author's to say. Unsafe where it is made by
`id(obj)`: the mapping becomes a `weakref.WeakKeyDictionary` keyed by the object itself, wherever the file uses it. The
objects must be hashable, compare by identity and be weakly referable, and no value may hold its object. No repair is
made where one is seen that does, where a use has another key or goes through the keys, where an annotation says what
keys there are, or where another file names the container.

## A real one

[e2b 2.28.2](https://github.com/e2b-dev/E2B/pull/1434): one HTTP transport per event loop, kept under the loop's `id()`
after the loop was gone; 2.29.0 has a weak mapping keyed by the loop itself. leaklint reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.flow.events import Insertion
from leaklint.growth import NAMES_AN_OBJECT, counts_up, growing_stories, outlives_operations, why_fresh
from leaklint.identities import is_identity, is_memo_of_objects
from leaklint.ir_walk import last_part
from leaklint.rule import Report, Rule
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.telling import code, key_words, never_evicted
from leaklint.values import Value, within


def check(evidence: Evidence) -> Iterable[Report]:
    """Insertions under fresh keys into containers that only grow."""
    for story in growing_stories(evidence):
        reason = why_fresh(evidence, story.insertion.key)
        insertion = story.insertion
        if reason == NAMES_AN_OBJECT and is_memo_of_objects(evidence.outline, insertion):
            continue
        if _is_asked_for(evidence, story):
            continue
        if reason is not None and not _weighs_little(insertion) and outlives_operations(evidence, insertion.cache):
            key, cache = key_words(evidence, story), code(insertion.cache)
            message = f"{key} enters {cache} and nothing ever evicts it; {reason}"
            advice = f"Evict the entry from {cache} when the operation is over{_or_weak(insertion.key)}."
            yield never_evicted(RULE.code, evidence, story, message, advice)


def _is_asked_for(evidence: Evidence, story: Story) -> bool:
    """Whether the key is given out, and some function only tells whoever brings one whether it is still in.

    Who asks that remembers the key, and has another one made where the old one is gone: a handle of something lasting.
    """
    name = cache_name(story.insertion.cache)
    is_given_out = any(story.insertion.key in way_out.returned for way_out, _ in story.stays)
    return is_given_out and any(
        isinstance(node, ir.Return)
        and isinstance(node.value, ir.Compare)
        and node.value.operator == "in"
        and last_part(node.value.right) == name
        for routine in evidence.outline.routines.values()
        for node in routine.nodes
    )


def _weighs_little(insertion: Insertion) -> bool:
    """Whether it notes that a key was seen, which is often for one run, or counts how often it comes again."""
    return counts_up(insertion) or insertion.value == insertion.key


def _or_weak(key: Value) -> str:
    """What else helps where the key stands for an object."""
    return ", or key a weak mapping by the object itself" if any(map(is_identity, within(key))) else ""


RULE = Rule(
    code="LKL107",
    name="fresh-key-never-evicted",
    summary="keys that never come again enter, nothing evicts them",
    default=True,
    check=check,
    docs=__doc__,
    yields_to=("LKL105", "LKL106"),
)
"""The rule."""
