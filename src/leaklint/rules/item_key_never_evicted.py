"""A per-item key enters a long-lived mapping, and nothing in the module takes single entries out.

## What

The key comes with each item that is worked on: the id of a message, a session, a task, a stream. The container belongs
to an object that lives through many of them, it only grows, and nothing shows that its keys come from a closed set.
Unlike the rules that are on by default this one has no evidence that the author meant the entry to go; it asks.

What is taken for closed, and for small: keys of what the object was made with, or of the object itself; identifiers of
functions, and what `inspect` is asked to say so of; keys that a function without parameters makes of what it asks for;
what a listing has that is asked for without saying of what; memos of numbers, texts and truth values; marks that keep a
message from being logged twice; sums to which amounts are added and from which they are taken off.

## Why

Half of the leaks found in released code for language models and web services were of this kind: the mapping was simply
never emptied. A counter per message id needs some 100 bytes; at 1,000 messages a second that is 8 GB a day.

## Bad

```python
class Consumer:
    def __init__(self, limit):
        self._limit = limit
        self._attempts = {}

    async def on_failure(self, message, message_id):
        count = self._attempts.get(message_id, 0) + 1
        self._attempts[message_id] = count
        if count > self._limit:
            await message.discard()
```

## Good

```python
class Consumer:
    def __init__(self, limit):
        self._limit = limit
        self._attempts = {}

    async def on_failure(self, message, message_id):
        count = self._attempts.get(message_id, 0) + 1
        self._attempts[message_id] = count
        if count > self._limit:
            del self._attempts[message_id]
            await message.discard()
```

## Repair

None: when the entry may go is the author's to say.

## A real one

[cowrie 3.0.12](https://github.com/cowrie/cowrie/issues/40493): an output plugin kept what it knew of each session;
3.0.13 deletes it when the session is closed. leaklint reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint.closed_keys import is_closed
from leaklint.evidence import Evidence
from leaklint.growth import (
    growing_stories,
    is_of_one_stream,
    is_only_looked_up,
    is_set_up,
    item_of,
    outlives_operations,
    serves_a_framework,
)
from leaklint.rule import Report, Rule
from leaklint.telling import code, key_words, never_evicted


def check(evidence: Evidence) -> Iterable[Report]:
    """Insertions under per-item keys into containers that only grow."""
    for story in growing_stories(evidence):
        item = "key that is looked up" if is_only_looked_up(evidence, story) else item_of(evidence, story)
        cache = story.insertion.cache
        is_kept_long = outlives_operations(evidence, cache) or serves_a_framework(evidence, cache)
        has_an_end = is_of_one_stream(evidence, cache) or is_set_up(evidence, story)
        if item is not None and is_kept_long and not has_an_end and not is_closed(evidence, story):
            named = code(cache)
            message = f"{key_words(evidence, story)} enters {named} for each {item}, and nothing ever evicts it"
            advice = f"Evict the entry from {named} when its {item} is over, or limit the size of the mapping."
            yield never_evicted(RULE.code, evidence, story, message, advice)


RULE = Rule(
    code="LKL201",
    name="item-key-never-evicted",
    summary="per-item keys enter, nothing evicts them",
    default=False,
    check=check,
    docs=__doc__,
    yields_to=("LKL105", "LKL106", "LKL107"),
)
"""The rule."""
