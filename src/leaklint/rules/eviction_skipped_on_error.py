"""An entry is evicted at the end, but not if something raises before.

## What

The same function puts an entry into a long-lived mapping and takes it out again, but between the two something can
raise, or an `await` can be cancelled, and on that way out nothing evicts. An endless loop that one exception ends,
whose handler evicts, is left by every other exception as well.

## Why

Errors are not rare where resources are kept per item: timeouts, refused requests, disconnected clients. Each leaves one
entry for ever: at 100 requests a second, one in a thousand of which fails, 8,640 a day. An `except TimeoutError:` that
evicts does not help against the cancellation of the waiting task.

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
into its `finally`. Where it stands among other things, in a helper that does more, or behind handlers that must not see
more exceptions, it stays, and what is before it evicts in an `except BaseException:` and raises again; only under the
condition of the eviction, or while the entry is still the one put in, where that matters. An entry that counts its
holders is counted down again.

Unsafe where somebody who handles the exception may look for the entry; where the eviction waits for a condition that
may be about others; where the next operation under a key ends the entry that is there and puts in its own, which a
`finally` of the earlier one would evict; and where somebody goes through the entries that stay and begins again.

## A real one

[godot-ai 2.3.2](https://github.com/hi-godot/godot-ai/pull/374), `godot_ai/transport/websocket.py`: the request is sent
before the `try`, so a send that fails leaves the pending future in `_pending`; 2.4.0 evicts in a `finally`. leaklint
reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint import ir
from leaklint.evidence import Evidence, evictions_elsewhere, is_bounded, place_at, shared_depth
from leaklint.flow.events import Eviction, Held, Mark, Removal, Walk
from leaklint.flow.loops import is_endless
from leaklint.flow.releases import WITH
from leaklint.identities import is_identity
from leaklint.ir_walk import in_scope
from leaklint.keys import Match
from leaklint.own_keys import is_of_its_owner
from leaklint.rule import Report, Rule
from leaklint.same_caches import cache_name, may_be_same_cache
from leaklint.shut_down import comes_of_shutdown
from leaklint.stories import Story, guilty_jump, raised_in
from leaklint.task_groups import fails_with_its_owner
from leaklint.telling import code, eviction_note, key_trace, key_words, raise_notes
from leaklint.usage import asked_for_truth
from leaklint.values import (
    Applied,
    Entry,
    Item,
    Parameter,
    Result,
    Value,
    called_word,
    holes,
    is_waited_for,
)

WAITED_FOR = frozenset(
    """
    AsyncResult Condition Event Future Pipe Queue Semaphore SimpleQueue create_future create_memory_object_stream
    open_memory_channel
    """.split()
)
"""What asyncio, anyio, trio, gevent, threading, queue, multiprocessing and concurrent.futures offer for waiting until
another function says so."""


def check(evidence: Evidence) -> Iterable[Report]:
    """Entries that every way out without an exception evicts, and some way out with one does not."""
    for story in evidence.open_stories:
        if is_bounded(evidence, story.insertion.cache) or is_of_its_owner(evidence, story):
            continue
        if _waits_for_the_end(evidence, story):
            continue
        yield from _skipped(evidence, story)
        yield from _never_answered(evidence, story)


def _waits_for_the_end(evidence: Evidence, story: Story) -> bool:
    """Whether the operation only asks a defaultdict for what others put in, until it is empty and can be evicted."""
    insertion = story.insertion
    routine = evidence.outline.routines.get(insertion.place.function)
    if routine is None or insertion.value != Entry(insertion.cache, insertion.key):
        return False
    return insertion.place.at in asked_for_truth(routine) and any(
        may_be_same_cache(other.insertion.cache, insertion.cache)
        and other.insertion.place.function != insertion.place.function
        and any(way_out.kind != "raise" for way_out, _ in other.stays)
        for other in evidence.stories
    )


def _skipped(evidence: Evidence, story: Story) -> Iterable[Report]:
    """The same walk evicts the entry on every way out but some exception's."""
    known = [r for r in story.removals if r.eviction.key is not None]
    removal, why = (
        next((r for r in known if not raised_in(r.history)), None),
        "is evicted only if nothing raised before",
    )
    if removal is None:
        removal = next((r for r in known if _ends_an_endless_loop(evidence, story, r)), None)
        why = "is evicted only on this exception"
    if removal is None or _is_left_in_well(evidence, story):
        return
    held = _left_by_an_exception(evidence, story, removal)
    if held is not None and not any(excuse(evidence, story) for excuse in _EXCUSES):
        depth = shared_depth(story.insertion.stack, removal.eviction.stack)
        yield _report(evidence, story, removal.eviction, held, why, depth)


def _is_left_in_well(evidence: Evidence, story: Story) -> bool:
    """Whether the entry stays without an exception on some way, on this pass of a loop or another one.

    There are more ways through a second pass than are followed.
    """
    others = evidence.left_well.get((id(story.walk), story.insertion.place), ())
    return any(other.is_same_operation(story) and other.insertion.cache == story.insertion.cache for other in others)


def _goes_with_its_consumer(evidence: Evidence, story: Story) -> bool:
    """Whether a generator has the entry for whoever consumes it, and the consumer's end evicts it: `unsubscribe`.

    What the consumer is registered in is filled before the generator starts, and one function evicts from both.
    """
    insertion = story.insertion
    routine = evidence.outline.routines.get(story.walk.function)
    if routine is None or not routine.function.is_generator or not isinstance(insertion.key, Parameter):
        return False
    filled = {cache_name(other.cache) for other in story.walk.insertions}
    ends = evidence.foreign_evictions.may_be(insertion.cache)
    return any(
        walk is not story.walk
        and not eviction.around
        and isinstance(eviction.key, Parameter)
        and other.key == eviction.key
        and cache_name(other.cache) not in filled
        and any(True for _ in evidence.insertions.may_be(other.cache))
        for walk, eviction in ends
        for other in walk.evictions
    )


def _ends_its_owner(evidence: Evidence, story: Story) -> bool:
    """Whether the entry is put in by a task whose failure is the end of the object that has the container."""
    insertion = story.insertion
    functions = {story.walk.function, insertion.place.function, *(place.function for place in insertion.stack)}
    return any(fails_with_its_owner(evidence, function, insertion.cache) for function in functions)


def _names_what_is_bounded(evidence: Evidence, story: Story) -> bool:
    """Whether the key is an object, or the `id()` of one, that a container has which is kept small."""
    parts = holes(story.insertion.key)
    named = [part.arguments[0] if isinstance(part, Applied) and is_identity(part) else part for part in parts]
    return bool(named) and all(_is_in_a_bounded_one(evidence, part, story.walk) for part in named)


def _is_in_a_bounded_one(evidence: Evidence, thing: Value, walk: Walk) -> bool:
    caches = [thing.cache] if isinstance(thing, Entry) else [one.cache for one in walk.insertions if one.value == thing]
    return any(is_bounded(evidence, cache) for cache in caches)


def _ends_an_endless_loop(evidence: Evidence, story: Story, removal: Removal) -> bool:
    """Whether an exception is how the operation ends, and its handler evicts: `while True: … except Disconnect: …`."""
    routine = evidence.outline.routines[story.walk.function]
    begin = place_at(story.insertion.stack, story.insertion.place, 0).at.line
    end = place_at(removal.eviction.stack, removal.eviction.place, 0).at.line
    ends_well = any(way_out.kind != "raise" for way_out in story.walk.exits)
    return ends_well and any(
        isinstance(node, ir.While)
        and is_endless(node.test)
        and begin < node.at.line < end
        and not any(isinstance(inner, ir.Break | ir.Return) for inner in in_scope(node))
        for node in in_scope(routine.function)
    )


def _is_short_gap(evidence: Evidence, removal: Removal, held: Held) -> bool:
    """Whether only plain calls stand between the insertion and the `try` whose `finally` evicts.

    Strictly each of them can raise. What people put there makes a stream, a name, a log line: the author knew about
    exceptions, and nobody would move such a line. A loop that fills the cache is another matter.
    """
    eviction, insertion = removal.eviction, removal.insertion
    if not eviction.is_final or eviction.guards or insertion.turns != eviction.turns[: len(insertion.turns)]:
        return False
    is_in_helper = shared_depth(insertion.stack, eviction.stack) < len(insertion.stack)
    own = insertion.place.function if is_in_helper else None
    raises = [mark for mark in held.history if mark.kind == "raise"]
    if not raises:
        return False
    # What a handler around the gap raises in its place is no other reason.
    reasons = raises if _is_behind(evidence, raises[0], eviction) else raises[:1]
    is_meant = any(mark.callee in _MEANT_TO_RAISE for mark in reasons)
    return not (is_meant or raises[0].waits or raises[0].place.function == own)


def _is_behind(evidence: Evidence, mark: Mark, eviction: Eviction) -> bool:
    """Whether the mark stands in the `try` whose `finally` evicts: what skipped the eviction is in the `finally`."""
    routine = evidence.outline.routines.get(eviction.place.function)
    nodes = routine.nodes if routine is not None and mark.place.function == eviction.place.function else ()
    tries = (node for node in nodes if isinstance(node, ir.Try) and node.final)
    return any(
        node.at.line <= mark.place.at.line
        and node.final[0].at.line <= eviction.place.at.line <= node.final[-1].at.end_line
        for node in tries
    )


_MEANT_TO_RAISE = frozenset(["assert", "raise", "yield"])


def _is_kept_by_others(evidence: Evidence, story: Story) -> bool:
    """Whether another operation leaves the entry in that is put in at this very place: a start hook's counterpart.

    The accessor that does it for both does not count.
    """
    return any(not other.is_same_operation(story) for other in evidence.kept_at.get(story.insertion.place, ()))


_EXCUSES = (_is_kept_by_others, _ends_its_owner, _goes_with_its_consumer, _names_what_is_bounded)
"""What tells that the entry does no harm where an exception leaves it in."""


def _never_answered(evidence: Evidence, story: Story) -> Iterable[Report]:
    """The entry waits for a reply that another function takes out; the wait itself can end without one."""
    parts = story.insertion.parts
    if not any(map(_is_made_for_waiting, parts)) or _evicts_where_all_is_well(story):
        return
    handlers = [e for e in evictions_elsewhere(evidence, story, even_unused=True, even_outer=True) if e.key is not None]
    if not handlers or any(eviction.is_filtered for eviction in handlers) or _is_cleaned_up(story):
        return
    held = next((h for _, h in story.stays if _waited_for(evidence, parts, h) and not _is_let_pass(story, h)), None)
    if held is not None:
        own = len(story.insertion.stack)
        yield _report(evidence, story, handlers[0], held, "is evicted only when the reply comes", own)


def _evicts_where_all_is_well(story: Story) -> bool:
    """Whether the operation evicts its own entry, and not only where it came to nothing before the wait."""
    is_left_in = any(way_out.kind != "raise" and not raised_in(held.history) for way_out, held in story.stays)
    return not is_left_in and any(not raised_in(removal.history) for removal in story.removals)


def _is_let_pass(story: Story, held: Held) -> bool:
    """Whether another wait for the same reply evicts when it fails, and this one does not: the author weighed them."""
    ended = next(mark.place for mark in held.history if mark.kind == "raise")
    caught = {
        mark.place
        for removal in story.removals
        for mark in removal.history
        if mark.kind == "raise" and mark.waits and is_waited_for(story.insertion.parts, mark.subjects)
    }
    return bool(caught) and ended not in caught


def _is_cleaned_up(story: Story) -> bool:
    """Whether the operation itself evicts from the container in a way that does not show which keys are meant."""
    known = {removal.eviction.place for removal in story.removals}
    known |= {eviction.place for eviction, match in story.attempts if match is Match.SAME}
    name = cache_name(story.insertion.cache)
    return any(cache_name(eviction.cache) == name and eviction.place not in known for eviction in story.walk.evictions)


def _is_made_for_waiting(value: Value) -> bool:
    """Whether the value is something that another function completes: a future, an event, one end of a channel."""
    made = value.base if isinstance(value, Item) else value
    return isinstance(made, Result) and called_word(made) in WAITED_FOR


def _waited_for(evidence: Evidence, parts: tuple[Value, ...], held: Held) -> bool:
    """Whether the entry stays after a wait for its own value that raised, timed out or was cancelled.

    Where something else raised first, that wait had an end, and a later one is another entry's. A coroutine waits by
    `await`; a plain call of it that gets the value gets what the wait has brought.
    """
    first = next((mark for mark in held.history if mark.kind == "raise"), None)
    if first is None or not is_waited_for(parts, first.subjects):
        return False
    routine = evidence.outline.routines.get(first.place.function)
    # Of an object that holds what is waited for, many methods may raise that do not wait.
    own = tuple(part for part in parts if _is_made_for_waiting(part))
    return first.waits or ((routine is None or not routine.function.is_async) and is_waited_for(own, first.subjects))


def _left_by_an_exception(evidence: Evidence, story: Story, removal: Removal) -> Held | None:
    """The entry as an exception leaves it; one that a jump in a handler leaves is LKL103's, if none gets out."""
    handled = [other for other in story.removals if not other.eviction.is_final]
    is_waited_out = any(mark.is_cancelled for other in handled for mark in other.history)
    stays = [
        (way_out, held)
        for way_out, held in story.stays
        if not _is_short_gap(evidence, removal, held)
        and not _is_end_of_owner(evidence, story, held)
        and not (is_waited_out and not _ends_waiting(held))
        and not _is_end_of_memo(story, held)
    ]
    uncaught = [held for way_out, held in stays if way_out.kind == "raise" and raised_in(held.history)]
    swallowed = [held for _, held in stays if raised_in(held.history) and guilty_jump(story, held) is None]
    return next(iter((*uncaught, *swallowed)), None)


def _is_end_of_memo(story: Story, held: Held) -> bool:
    """Whether what raises is the end of a value that is looked up for that, and made if it is missing: `close_pool`."""
    first = next((mark for mark in held.history if mark.kind == "raise"), None)
    return (
        first is not None
        and story.insertion.is_made_when_missed
        and any(
            # A lock is none the worse for a `with`.
            release.place == first.place and release.cache == story.insertion.cache and release.method != WITH
            for release in story.walk.releases
        )
    )


def _is_end_of_owner(evidence: Evidence, story: Story, held: Held) -> bool:
    """Whether the first exception says that the object which has the container is shut down."""
    first = next((mark for mark in held.history if mark.kind == "raise"), None)
    return first is not None and comes_of_shutdown(evidence, first.place, story.insertion.cache)


def _ends_waiting(held: Held) -> bool:
    """Whether what made the path leave is a wait; where some waits evict when they fail, plain calls are let pass."""
    raises = [mark for mark in held.history if mark.kind == "raise"]
    return raises[-1].waits


def _report(evidence: Evidence, story: Story, eviction: Eviction, held: Held, why: str, depth: int) -> Report:
    """`depth` is how many calls down the function stands that should evict."""
    insertion = story.insertion
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
