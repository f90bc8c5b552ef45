"""An early `return`, `continue` or `break` leaves before the eviction.

## What

A function puts an entry into a long-lived mapping and takes it out again further down, but one early way out in between
skips the eviction.

## Why

The early exit is often the common case (nothing to do, no reply expected), so the mapping grows with almost every call:
at ten messages a second to which no reply is expected, by 864,000 entries a day.

## Bad

```python
class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}

    def request(self, number, message, wants_reply):
        self._pending[number] = message
        if not wants_reply:
            return None
        del self._pending[number]
        return message
```

## Good

```python
class Client:
    def __init__(self, transport):
        self._transport = transport
        self._pending = {}

    def request(self, number, message, wants_reply):
        self._pending[number] = message
        try:
            if not wants_reply:
                return None
        finally:
            del self._pending[number]
        return message
```

## Repair

Safe where the eviction stands in the same block as the insertion: what lies between goes into a `try`, the eviction
into its `finally`. Where an exception leads to the exit and the eviction has to stay where it is, what is before it
evicts in an `except BaseException:` and raises again. Unsafe where the next operation under a key ends the entry that
is there and puts in its own, which a `finally` of the earlier one would evict, and where somebody goes through the
entries that stay and begins again.

## A real one

[zigpy-deconz 0.1.1](https://github.com/zigpy/zigpy-deconz/pull/20), `zigpy_deconz/zigbee/application.py`: a request to
which no reply is expected returns early and leaves its entry in `_pending`; 0.1.2 evicts it before that `return`.
leaklint reports the entry, as LKL102: what is awaited before the `return` can raise, and leaves it too.

[mcp 2.3.0](https://github.com/modelcontextprotocol/python-sdk/pull/2934), `mcp/server/streamable_http.py`: where a
response fails before its writer has begun, the request ends and the writer stays in `_sse_stream_writers`. leaklint
reports it; the fix is in no release yet.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint import ir
from leaklint.evidence import Evidence, evictions_elsewhere, is_bounded, shared_depth
from leaklint.flow.events import Eviction, Guard, Held, Insertion, Mark, Removal
from leaklint.ir_walk import last_part
from leaklint.keys import Match
from leaklint.own_keys import is_of_its_owner
from leaklint.rule import Note, Report, Rule
from leaklint.stories import Story, guilty_jump, raised_in
from leaklint.telling import code, eviction_note, key_trace, key_words
from leaklint.usage import ends_a_life
from leaklint.values import Constant, Entry, Global, Parameter, Text, Value, children, within


def check(evidence: Evidence) -> Iterable[Report]:
    """Jumps after an insertion that every path which takes them leaves the entry by, while other paths evict it."""
    for story in evidence.open_stories:
        if is_bounded(evidence, story.insertion.cache) or is_of_its_owner(evidence, story):
            continue
        known = story.removals or story.sibling_removals
        removals = [removal for removal in known if not raised_in(removal.history) and _is_the_rule(removal, story)]
        if removals and (_is_found_or_put_in(story, removals) or _is_gathered(evidence, story, removals)):
            continue
        if not known:
            yield from _returned_before(evidence, story)
        if not removals:
            continue
        yield from _under_another_guard(evidence, story, removals)
        if any(not one.is_final for one in _evictions(removals)) and _is_handed_on(evidence, story):
            continue
        told: set[Mark] = set()
        for _, held in story.stays:
            jump = guilty_jump(story, held)
            if jump is None or jump in told or _is_in_another_step(story, removals[0].eviction, jump):
                continue
            if not _escapes_too(story, held):
                told.add(jump)
                yield _report(evidence, story, removals[0].eviction, jump)


def _is_the_rule(removal: Removal, story: Story) -> bool:
    """Whether the operation always evicts this key if nothing leaves before: an eviction under a condition is a choice.

    A condition under which the insertion stands too is none of its own, nor is one that asks about the entry.
    """
    eviction, insertion = removal.eviction, story.insertion
    if eviction.key is None or eviction.is_final:
        return eviction.key is not None
    shared = {guard.place for guard in insertion.around}
    return all(guard.place in shared or _asks_about(guard, insertion) for guard in eviction.around)


def _asks_about(guard: Guard, insertion: Insertion) -> bool:
    """Whether the condition is about the entry; what another container has under its key is another matter."""
    own = {insertion.cache, insertion.key, insertion.value}
    pending = list(guard.asked)
    while pending:
        asked = pending.pop()
        if asked in own:
            return True
        if not isinstance(asked, Entry) or asked.cache == insertion.cache:
            pending.extend(children(asked))
    return False


def _is_gathered(evidence: Evidence, story: Story, removals: list[Removal]) -> bool:
    """Whether many calls fill the entry, the first of which puts it in, and what is in it decides whether it may go.

    A number is no such thing: it counts who uses the entry, and each call has to count down again.
    """
    insertion = story.insertion
    has_room = not isinstance(insertion.value, Constant)
    return (
        (insertion.is_made_when_missed or _is_record_by_default(evidence, story))
        and has_room
        and all(any(_asks_about(guard, insertion) for guard in removal.eviction.around) for removal in removals)
    )


def _is_record_by_default(evidence: Evidence, story: Story) -> bool:
    """Whether it is a `setdefault` of a record, which leaves what is there: single fields of it come and go.

    From what has room for items the operation takes out again what it has put in.
    """
    insertion = story.insertion
    entry = Entry(insertion.cache, insertion.key)
    routine = evidence.outline.routines.get(insertion.place.function)
    calls = (node for node in routine.nodes if isinstance(node, ir.Call)) if routine is not None else ()
    taken_out = [eviction.key for eviction in story.walk.evictions if eviction.cache == entry]
    return any(call.at == insertion.place.at and last_part(call.function) == "setdefault" for call in calls) and all(
        isinstance(key, Text | Constant | Global) for key in taken_out
    )


def _is_found_or_put_in(story: Story, removals: list[Removal]) -> bool:
    """Whether the entry is put in unless it is there from an earlier call, and evicted either way.

    What is there is then cared for first, and the insertion stands under the `else`: no accessor does that.
    """
    asked_first = {
        guard.place
        for guard in story.insertion.around
        if guard.is_otherwise and any(part == story.insertion.cache for asked in guard.asked for part in within(asked))
    }
    evicted_under = {guard.place for removal in removals for guard in removal.eviction.around}
    return bool(asked_first - evicted_under)


def _is_in_another_step(story: Story, eviction: Eviction, jump: Mark) -> bool:
    """Whether one helper inserts and another evicts, and the jump is the other's: a start and an end of something."""
    insertion = story.insertion
    depth = shared_depth(insertion.stack, eviction.stack)
    if depth == len(insertion.stack) or depth == len(eviction.stack):
        return False
    return jump.place.function != insertion.stack[depth].function


def _evictions(removals: list[Removal]) -> list[Eviction]:
    return [removal.eviction for removal in removals]


def _is_handed_on(evidence: Evidence, story: Story) -> bool:
    """Whether the entry may stay for another function to evict: a key is released there, one at a time.

    That may go through all keys and try what is tried here.
    """
    if any(one.key is not None and not one.is_filtered for one in evictions_elsewhere(evidence, story)):
        return True
    own = {removal.eviction.place for removal in story.removals}
    return any(_is_of_each(other) for place in own for _, other in evidence.evictions_at[place])


def _is_of_each(eviction: Eviction) -> bool:
    """Whether a loop over the container, which is not its end, evicts what it can."""
    functions = (*(place.function for place in eviction.stack), eviction.place.function)
    return eviction.key is None and eviction.taken is not None and not any(map(ends_a_life, functions))


def _returned_before(evidence: Evidence, story: Story) -> Iterable[Report]:
    """A path that returns before the `try` whose `finally` evicts this key on the other paths."""
    final = next((e for e, match in story.attempts if match is Match.SAME and e.is_final and e.key is not None), None)
    if final is None or story.insertion.place.function == final.place.function:
        return
    for way_out, held in story.stays:
        jump = guilty_jump(story, held, function=final.place.function)
        if way_out.kind == "return" and jump is not None and not raised_in(held.history):
            yield _report(evidence, story, final, jump)
            return


def _under_another_guard(evidence: Evidence, story: Story, removals: list[Removal]) -> Iterable[Report]:
    """A `finally` that evicts only under a condition about something else than the entry."""
    for removal in removals:
        foreign = [guard for guard in removal.eviction.guards if not all(map(_is_flag, guard.asked))]
        stays = any(not raised_in(held.history) and guilty_jump(story, held) is None for _, held in story.stays)
        if foreign and stays:
            place = foreign[0].place
            key = key_words(evidence, story)
            yield Report(
                code=RULE.code,
                place=place,
                message=f"this condition decides whether {key} leaves {code(story.insertion.cache)}",
                advice="Evict it whatever the condition says, or ask about the entry itself.",
                key=key_words(evidence, story).strip("`"),
                story=story,
                trace=(
                    *key_trace(evidence, story),
                    Note(place, "the entry stays where this does not hold"),
                    eviction_note(removal.eviction, f"{key_words(evidence, story)} is evicted only where it holds"),
                ),
                eviction=removal.eviction,
            )
            return


def _is_flag(asked: Value) -> bool:
    """Whether the caller decides: a parameter that is true or false."""
    return isinstance(asked, Parameter)


def _escapes_too(story: Story, held: Held) -> bool:
    """Whether the jump ends an exception that also leaves the function uncaught: then the exception is the leak."""
    if not raised_in(held.history) or held.history[0].kind != "raise":
        return False
    return any(way_out.kind == "raise" for way_out, _ in story.stays)


def _report(evidence: Evidence, story: Story, eviction: Eviction, jump: Mark) -> Report:
    insertion = story.insertion
    steps = (
        *key_trace(evidence, story),
        Note(jump.place, f"this `{jump.kind}` leaves the entry in"),
        eviction_note(eviction, f"{key_words(evidence, story)} is evicted only on the other way"),
    )
    return Report(
        code=RULE.code,
        place=jump.place,
        message=f"this `{jump.kind}` leaves {key_words(evidence, story)} in {code(insertion.cache)}",
        advice=f"Evict it before the `{jump.kind}`, or put the eviction into a `finally`.",
        key=key_words(evidence, story).strip("`"),
        story=story,
        trace=steps,
        eviction=eviction,
    )


RULE = Rule("LKL103", "eviction-skipped-on-exit", "an early exit leaves before the eviction", True, check, __doc__)
