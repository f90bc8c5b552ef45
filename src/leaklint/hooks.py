"""Hooks of a beginning and an end: functions that are told of both, as their names say.

They go by one name but for one word, and whatever the key is made from the end is given, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from leaklint.evidence import Evidence, is_bounded
from leaklint.flow.events import Eviction
from leaklint.growth import goes_with_its_owner, has_stayed, sibling_evictions, words_of
from leaklint.outline import Outline, label_of
from leaklint.routine import Routine
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.values import Parameter, Value, involved

ENDS_OF = {
    "attach": ("detach",),
    "before": ("after",),
    "begin": ("end", "finish"),
    "begun": ("ended", "finished"),
    "connect": ("disconnect",),
    "connected": ("disconnected",),
    "create": ("delete", "destroy"),
    "created": ("deleted", "destroyed", "removed"),
    "enter": ("exit", "leave"),
    "entered": ("exited", "left"),
    "join": ("leave", "part"),
    "joined": ("left", "parted"),
    "login": ("logout",),
    "open": ("close",),
    "opened": ("closed",),
    "pre": ("post",),
    "prerun": ("postrun",),
    "register": ("deregister", "unregister"),
    "start": ("end", "finish", "stop"),
    "started": ("completed", "ended", "finished", "stopped"),
    "subscribe": ("unsubscribe",),
}
"""What a hook's name says of a beginning, and what its counterpart says of the end."""


FAILURES = ("aborted", "cancel", "cancelled", "error", "errored", "exception", "fail", "failed", "failure", "timeout")
"""What a hook's name says of an end that came out badly, in place of the word for a good one."""


def end_hook(evidence: Evidence, story: Story) -> Routine | None:
    """The function that is told of the end of what a function of the story is told of the beginning of.

    Where a sibling container loses the key again, that says more.
    """
    if next(sibling_evictions(evidence, story), None) is not None:
        return None
    return next((hook for start, given in _starts(evidence, story) for hook in _ends(start, given, evidence)), None)


def failure_hook(evidence: Evidence, story: Story) -> tuple[Routine, Eviction] | None:
    """The function that is told of a bad end and leaves the entry in, and the eviction of the one for the good end."""
    if not has_stayed(story):
        return None
    found = next(_failures(evidence, story), None)
    # What asks the whole project comes last.
    return found if found is not None and not _ends_otherwise(evidence, story.insertion.cache) else None


def _failures(evidence: Evidence, story: Story) -> Iterator[tuple[Routine, Eviction]]:
    for start, given in _starts(evidence, story):
        for hook in _ends(start, given, evidence):
            for evicted in islice(_evicted_by(hook, story, evidence), 1):
                failing = _failing(start, hook, given, evidence)
                yield from ((one, evicted) for one in failing if _leaves_in(one, story.insertion.cache, evidence))


def _ends_otherwise(evidence: Evidence, cache: Value) -> bool:
    """Whether the container is kept small, goes with its owner, or is evicted from by another file."""
    name = cache_name(cache)
    return (
        name is None
        or is_bounded(evidence, cache)
        or goes_with_its_owner(evidence, cache)
        or evidence.project_evicts(name)
    )


def _evicted_by(hook: Routine, story: Story, evidence: Evidence) -> Iterator[Eviction]:
    """The evictions of the entry that the hook is told of."""
    for walk, eviction in evidence.evictions.may_be(story.insertion.cache):
        key = eviction.key
        is_told = key is not None and any(isinstance(part, Parameter) for part in involved(key))
        if walk.function == hook.name and is_told and not eviction.is_filtered:
            yield eviction


def _leaves_in(hook: Routine, cache: Value, evidence: Evidence) -> bool:
    """Whether the hook does nothing to the container, calls nothing that evicts, and has no base class to ask."""
    if cache_name(cache) in hook.words or "super" in hook.words:
        return False
    evicting = {eviction.place.function for _, eviction in evidence.evictions.may_be(cache)}
    return evicting.isdisjoint(_may_call(hook, evidence.outline))


def _may_call(hook: Routine, found: Outline) -> set[str]:
    """The functions that the hook may call, by their names, and that these may call."""
    reached: set[str] = set()
    pending = [hook]
    while pending:
        routine = pending.pop()
        if routine.name not in reached:
            reached.add(routine.name)
            pending += (one for word in routine.words for one in found.known.routines.get(word, ()))
    return reached


def _failing(start: Routine, hook: Routine, given: set[str], evidence: Evidence) -> Iterator[Routine]:
    """The hooks beside the good end's that are told of a bad one."""
    words, beside = hook.function.name.split("_"), _beside(start, evidence.outline)
    beginning = start.function.name.split("_")
    changed = next(number for number, word in enumerate(words) if word != beginning[number])
    for failure in FAILURES:
        other = beside.get("_".join([*words[:changed], failure, *words[changed + 1 :]]))
        if other is not None and _is_told(other, given):
            yield other


def _starts(evidence: Evidence, story: Story) -> Iterator[tuple[Routine, set[str]]]:
    """The functions that the entry comes in through, each with the parameters that its key is made from."""
    made_from = {part.name for part in involved(story.insertion.key) if isinstance(part, Parameter)}
    insertion = story.insertion
    functions = [story.walk.function, *(place.function for place in insertion.stack), insertion.place.function]
    for name in dict.fromkeys(functions):
        start = evidence.outline.routines.get(name)
        if start is None:
            continue
        given = made_from if name == story.walk.function else set()
        given = given or {parameter.name for parameter in start.function.parameters[start.takes_receiver :]}
        if given:
            yield start, given


def _ends(start: Routine, given: set[str], evidence: Evidence) -> Iterator[Routine]:
    words = start.function.name.split("_")
    beside = _beside(start, evidence.outline)
    for number, word_of_start in enumerate(words):
        for end in ENDS_OF.get(word_of_start, ()):
            hook = beside.get("_".join([*words[:number], end, *words[number + 1 :]]))
            if hook is not None and _is_told(hook, given) and not _is_named_after_another(hook, given):
                yield hook


def _is_told(hook: Routine, given: set[str]) -> bool:
    return given <= {parameter.name for parameter in hook.function.parameters}


def _beside(start: Routine, found: Outline) -> dict[str, Routine]:
    """The methods of the same class by their names, or the functions of the same module or function."""
    if start.class_name is not None:
        methods = found.classes[start.class_name].methods if start.class_name in found.classes else {}
        return {name: found.routines[method] for name, method in methods.items()}
    near = (one for one in found.routines.values() if one.class_name is None and one.parent == start.parent)
    return {one.function.name: one for one in near if label_of(one.name) == label_of(start.name)}


def _is_named_after_another(hook: Routine, given: set[str]) -> bool:
    """Whether the name says that something else ends, which is given too: `unsubscribe_queue(queue_name, exchange)`."""
    words = words_of(hook.function.name)
    named = {one.name for one in hook.function.parameters if not words.isdisjoint(words_of(one.name))}
    return bool(named) and named.isdisjoint(given)
