"""An entry is evicted at the end, but not if something raises before.

## What

The same function puts an entry into a long-lived mapping and takes it out again, but between the two something can
raise, or an `await` can be cancelled, and on that way out nothing evicts.

## Why

Errors are not rare where resources are kept per item: timeouts, refused requests, disconnected clients. Each leaves one
entry for ever. An `except TimeoutError:` that evicts does not help against the cancellation of the waiting task.

## Bad

```python
class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}

    async def request(self, number, message):
        self._pending[number] = message
        reply = await self._transport.exchange(message)
        del self._pending[number]
        return reply
```

## Good

```python
class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}

    async def request(self, number, message):
        self._pending[number] = message
        try:
            reply = await self._transport.exchange(message)
        finally:
            del self._pending[number]
        return reply
```

## Repair

Safe where the eviction stands in the same block as the insertion: what lies between goes into a `try`, the eviction
into its `finally`.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint.evidence import (
    Evidence,
    Story,
    evictions_elsewhere,
    guilty_jump,
    is_bounded,
    place_at,
    raised_in,
    shared_depth,
)
from leaklint.flow.events import Eviction, Held
from leaklint.rule import Report, Rule
from leaklint.telling import code, eviction_note, key_trace, key_words, raise_notes
from leaklint.values import Result, Value, bare

WAITED_FOR = frozenset(["Condition", "Event", "Future", "Queue", "SimpleQueue", "create_future", "Semaphore"])
"""What asyncio, threading, queue and concurrent.futures offer for waiting until another function says so."""


def check(evidence: Evidence) -> Iterable[Report]:
    """Entries that every way out without an exception evicts, and some way out with one does not."""
    for story in evidence.stories:
        if is_bounded(evidence, story.insertion.cache):
            continue
        yield from _skipped(evidence, story)
        yield from _never_answered(evidence, story)


def _skipped(evidence: Evidence, story: Story) -> Iterable[Report]:
    """The same walk evicts the entry on every way out but some exception's."""
    removal = next((r for r in story.removals if not raised_in(r.history)), None)
    if removal is None or any(not raised_in(held.history) for _, held in story.stays):
        return
    held = _left_by_an_exception(story)
    if held is not None:
        yield _report(evidence, story, removal.eviction, held, "is evicted only if nothing raised before")


def _never_answered(evidence: Evidence, story: Story) -> Iterable[Report]:
    """The entry waits for a reply that another function takes out; the wait itself can end without one."""
    value = story.insertion.value
    if not _is_made_for_waiting(value) or any(not raised_in(removal.history) for removal in story.removals):
        return
    handlers = [eviction for eviction in evictions_elsewhere(evidence, story) if eviction.key is not None]
    if not handlers or any(eviction.is_filtered for eviction in handlers):
        return
    held = next((held for _, held in story.stays if _waited_for(value, held)), None)
    if held is not None:
        yield _report(evidence, story, handlers[0], held, "is evicted only when the reply comes")


def _is_made_for_waiting(value: Value) -> bool:
    """Whether the value is something that another function completes: a future, an event, a queue."""
    return isinstance(value, Result) and value.callee.rpartition(".")[2] in WAITED_FOR


def _waited_for(value: Value, held: Held) -> bool:
    """Whether the entry stays after a wait for its own value that raised, timed out or was cancelled."""
    return any(mark.kind == "raise" and bare(value) in mark.subjects for mark in held.history)


def _left_by_an_exception(story: Story) -> Held | None:
    """The entry as an exception leaves it; one that a jump in a handler leaves is LKL103's, if none gets out."""
    uncaught = [held for way_out, held in story.stays if way_out.kind == "raise" and raised_in(held.history)]
    swallowed = [held for _, held in story.stays if raised_in(held.history) and guilty_jump(story, held) is None]
    return next(iter((*uncaught, *swallowed)), None)


def _report(evidence: Evidence, story: Story, eviction: Eviction, held: Held, why: str) -> Report:
    insertion = story.insertion
    depth = shared_depth(insertion.stack, eviction.stack)
    steps = (
        *key_trace(evidence, story),
        *raise_notes(held.history),
        eviction_note(eviction, f"{key_words(evidence, story)} {why}"),
    )
    return Report(
        code=RULE.code,
        place=place_at(insertion.stack, insertion.place, depth),
        message=f"{key_words(evidence, story)} stays in {code(insertion.cache)} if anything raises before its eviction",
        advice="Evict it in a `finally`.",
        key=key_words(evidence, story).strip("`"),
        story=story,
        trace=steps,
        eviction=eviction,
    )


RULE = Rule(
    "LKL102", "eviction-skipped-on-error", "the eviction is skipped when something raises", True, check, __doc__
)
