"""The evicted value has a `close()` that other evictions call, and this one drops it.

## What

Somewhere the code closes, cancels or stops the values of a long-lived mapping when it evicts them. Another eviction of
the same mapping takes a value out and drops it as it is: `del cache[key]`, a `pop` whose result nobody takes, a
`clear()`. A value that is returned, handed on, closed before or after, or that has ended by itself, is silent, and so
is a function that sets several variables of the module back to what they begin with.

## Why

The entry is gone and its resource is not: a socket, a thread, a timer, a file handle, and nobody can reach it any more
to close it. A process has 1,024 file descriptors by default; at one dropped connection a minute it is out of them after
17 hours.

## Bad

```python
class Pool:
    def __init__(self, connect):
        self._connect = connect
        self._connections = {}

    def get(self, host):
        if host not in self._connections:
            self._connections[host] = self._connect(host)
        return self._connections[host]

    def release(self, host):
        self._connections.pop(host).close()

    def forget(self, host):
        self._connections.pop(host, None)
```

## Good

```python
class Pool:
    def __init__(self, connect):
        self._connect = connect
        self._connections = {}

    def get(self, host):
        if host not in self._connections:
            self._connections[host] = self._connect(host)
        return self._connections[host]

    def release(self, host):
        self._connections.pop(host).close()

    def forget(self, host):
        connection = self._connections.pop(host, None)
        if connection is not None:
            connection.close()
```

## Repair

Unsafe: what is taken out is closed behind the eviction as another eviction closes it, and behind the lock if nothing
else follows under it. Before a `clear()` comes a loop over the values. Whoever still uses the value would find it
closed. There is none where the other eviction awaits and this function cannot, or closes the value in no plain call.

## A real one

[hermes-agent 0.16.0](https://github.com/NousResearch/hermes-agent/issues/25315), `gateway/run.py`: two evictions of
`_agent_cache` release the agent's HTTP client; a third one, on `/new` and `/model`, only pops the agent. With three
more leaks the gateway grew from 400 MB to over 20 GB in a day; 0.17.0 releases there too. leaklint does not report it:
the other two reach the mapping through `getattr`, which is not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from leaklint import ir
from leaklint.endings import is_ending
from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Insertion, Place, Release, Walk
from leaklint.flow.releases import REPLACED, WITH
from leaklint.ir_walk import below, last_part
from leaklint.keys import Match, compare
from leaklint.outline import label_of
from leaklint.routine import Routine
from leaklint.rule import Note, Report, Rule
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.telling import code, eviction_words
from leaklint.values import Closure, Element, Parameter, Result, Value, involved, within

_NO_CLOSING = frozenset({"exit", "finish", "set_exception", "set_result", WITH, REPLACED})
_OWN_END_WORDS = frozenset(
    """
    callback cb closed completed connection_lost dead died disconnected done ended event exited expired failed finish
    finished handle handler listener lost notify on received stopped terminated
    """.split()
)
_LONELY_NAMES = frozenset({"del", "enter", "init", "new", "post_init", "setup", "setstate", "start"})
"""Where an object begins or ends: there is nothing to close yet, or no time for it any more."""
_ENDS_BY_ITSELF = frozenset("abort cancel end kill release stop terminate".split())
"""What is called to end early something that also ends on its own: a task, a timer, a process."""


class Closing(msgspec.Struct, frozen=True):
    """An eviction whose value is closed."""

    eviction: Eviction
    release: Release


def check(evidence: Evidence) -> Iterable[Report]:
    """Evictions that drop what another eviction of the same cache closes."""
    for story in evidence.first_stories.values():
        cache = story.insertion.cache
        closing = next(_closings(evidence, cache), None)
        if closing is None or _is_of_others(evidence, cache):
            continue
        told: set[Place] = set()
        for _, eviction in evidence.evictions.may_be(cache):
            if eviction.place in told:
                continue
            if _drops(eviction, evidence) and not _is_cared_for(eviction, closing.release.method, evidence):
                told.add(eviction.place)
                yield _report(evidence, story, eviction, closing)


def _is_of_others(evidence: Evidence, cache: Value) -> bool:
    """Whether values come in from callers, who made them and may close them."""
    return any(isinstance(insertion.value, Parameter) for _, insertion in evidence.insertions.may_be(cache))


def _closings(evidence: Evidence, cache: Value) -> Iterator[Closing]:
    """Evictions from the cache that close the value, before or after."""
    for walk, release in evidence.releases.may_be(cache):
        if release.is_given or release.method in _NO_CLOSING:
            continue
        for eviction in walk.evictions:
            if eviction.cache == release.cache and _is_of_the_same_entry(eviction, release):
                yield Closing(eviction, release)


def _is_of_the_same_entry(eviction: Eviction, release: Release) -> bool:
    return eviction.key is None or compare(eviction.key, release.key) is Match.SAME


def _drops(eviction: Eviction, evidence: Evidence) -> bool:
    """Whether the statement of the eviction lets the value go: nothing takes what it gives."""
    routine = evidence.outline.routines.get(eviction.place.function)
    if routine is None or label_of(eviction.place.function) or routine.parent is not None:
        return False
    if routine.function.name.strip("_") in _LONELY_NAMES:
        return False
    for node in routine.nodes:
        match node:
            case ir.Evaluate(value=ir.Call(function=ir.Attribute(), at=at)) if at == eviction.place.at:
                return True
            case ir.Delete(targets=targets) if any(target.at == eviction.place.at for target in targets):
                return True
            case ir.Assign(at=at, value=ir.Mapping() | ir.Call()) if at == eviction.place.at:
                return True
    return False


def _is_cared_for(eviction: Eviction, method: str, evidence: Evidence) -> bool:
    """Whether the value is closed on some way to the eviction, has ended by itself, or may be in other hands."""
    name = cache_name(eviction.cache)
    for walk, other in evidence.evictions_at.get(eviction.place, ()):
        if any(release.cache == other.cache and _may_be_of(release, other) for release in walk.releases):
            return True
        if _was_its_own(other, walk) or _moves_on(other, walk):
            return True
        functions = [*(place.function for place in other.stack), other.place.function]
        routines = [routine for f in functions if (routine := evidence.outline.routines.get(f)) is not None]
        if any(_ends_something(routine) or _has_ended(routine) for routine in routines):
            return True
        if other.key is None and any(_sets_the_module_back(routine, evidence) for routine in routines):
            return True
        if any(_reads_a_value(routine, name, eviction) for routine in routines):
            return True
        if _is_its_own_work(routines, eviction, evidence):
            return True
    return eviction.is_final and method.strip("_").partition("_")[0] in _ENDS_BY_ITSELF


def _may_be_of(release: Release, eviction: Eviction) -> bool:
    if eviction.key is None or isinstance(release.key, Element):
        return True
    return compare(eviction.key, release.key) is not Match.DIFFERENT


def _was_its_own(eviction: Eviction, walk: Walk) -> bool:
    """Whether the operation itself had put the entry in: it knows the value by another name."""
    return any(removal.eviction == eviction for removal in walk.removals)


def _moves_on(eviction: Eviction, walk: Walk) -> bool:
    """Whether the operation puts something under the same key into another cache: the value moves."""
    return any(
        insertion.cache != eviction.cache
        and eviction.key is not None
        and compare(insertion.key, eviction.key) is not Match.DIFFERENT
        for insertion in walk.insertions
    )


def _ends_something(routine: Routine) -> bool:
    """Whether the routine closes anything at all: in doubt, the value by another name."""
    return any(_is_an_end(node) for statement in routine.function.body for node in below(statement))


def _is_an_end(node: msgspec.Struct) -> bool:
    """A call of some `close`, or a `with` of a variable."""
    match node:
        case ir.Call(function=function):
            return is_ending(last_part(function) or "")
        case ir.With(items=items):
            return any(isinstance(item.context, ir.Name) for item in items)
        case _:
            return False


def _sets_the_module_back(routine: Routine, evidence: Evidence) -> bool:
    """Whether several variables of the module get what they begin with: between tests, or in a forked process."""
    begun = {
        target.id: node.value
        for node in evidence.module.body
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    set_back = {
        target.id
        for node in routine.nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Name) and target.id in routine.function.global_names
        if _is_the_same_beginning(node.value, begun.get(target.id))
    }
    return len(set_back) > 1


def _is_the_same_beginning(value: ir.Expression | None, begun: ir.Expression | None) -> bool:
    match value, begun:
        case ir.Constant(value=one), ir.Constant(value=other):
            return one == other
        case ir.Mapping(pairs=()), ir.Mapping(pairs=()):
            return True
        case ir.Call(function=one, arguments=()), ir.Call(function=other, arguments=()):
            return last_part(one) == last_part(other)
        case _:
            return False


def _has_ended(routine: Routine) -> bool:
    """Whether the routine is called when the value has ended: a handler of an event."""
    if routine.parent is not None:
        return True
    return not _OWN_END_WORDS.isdisjoint(routine.function.name.lower().strip("_").split("_"))


def _reads_a_value(routine: Routine, name: str | None, eviction: Eviction) -> bool:
    """Whether the routine takes a value out of the cache in any other way than by the eviction itself."""
    nodes = routine.nodes
    changed = {target.at for node in nodes if isinstance(node, ir.Assign | ir.Delete) for target in node.targets}
    for node in nodes:
        match node:
            case ir.Subscript(value=value, at=at) if last_part(value) == name and at not in changed:
                return True
            case ir.Attribute(value=value, name="get" | "items" | "pop" | "popitem" | "values", at=at) if last_part(
                value
            ) == name and not eviction.place.at.contains(at):
                return True
    return False


def _is_its_own_work(routines: list[Routine], eviction: Eviction, evidence: Evidence) -> bool:
    """Whether the value is the run of one of these routines: a task or timer takes itself out at its end."""
    names = {routine.name for routine in routines}
    return any(not names.isdisjoint(_run_by(insertion)) for _, insertion in evidence.insertions.may_be(eviction.cache))


def _run_by(insertion: Insertion) -> set[str]:
    """The routines that the inserted value was made with."""
    if not isinstance(insertion.value, Result):
        return set()
    given = [part for value in (insertion.value, *insertion.value.inputs) for part in involved(value)]
    return {part.function for value in given for part in within(value) if isinstance(part, Closure)}


def _report(evidence: Evidence, story: Story, eviction: Eviction, closing: Closing) -> Report:
    cache = code(eviction.cache)
    method = closing.release.method
    called = f"`{method}()`"
    key = eviction_words(evidence, eviction) if eviction.key is not None else "everything"
    return Report(
        code=RULE.code,
        place=eviction.place,
        message=f"what {cache} holds under {key} is dropped without {called}"
        if eviction.key is not None
        else f"what {cache} holds is dropped without {called}",
        advice=f"Call {called} on what is evicted, as the other eviction does.",
        key=key.strip("`"),
        story=story,
        trace=(
            Note(story.insertion.place, f"inserted into {cache} here"),
            Note(closing.release.place, f"another eviction calls {called} here"),
            Note(eviction.place, "this one drops the value as it is"),
        ),
        eviction=eviction,
        release=closing.release,
    )


RULE = Rule(
    "LKL204", "evicted-not-closed", "the evicted value has a `close()` that is called elsewhere", False, check, __doc__
)
