"""The value is closed, ended or cancelled, and its entry stays in the mapping.

## What

An operation is done with what it keeps under a key: it calls its `close()`, `end()` or `cancel()`, or puts None in its
place. The entry itself stays, and nothing in the module takes single entries out. Or the hook for the good end evicts
the entry, and the one that is told of the same item's error or abort leaves it in.

## Why

The author knew the moment when the value was of no more use; the mapping still holds it, and everything that it refers
to. In tracing code this is one span per request, with all its attributes: 10,000 requests an hour are 240,000 a day.

## Bad

```python
class SpanHandler:
    def __init__(self, tracer):
        self._tracer = tracer
        self._spans = {}

    def on_start(self, run_id, name):
        self._spans[run_id] = self._tracer.start_span(name)

    def on_end(self, run_id):
        self._spans[run_id].end()
```

## Good

```python
class SpanHandler:
    def __init__(self, tracer):
        self._tracer = tracer
        self._spans = {}

    def on_start(self, run_id, name):
        self._spans[run_id] = self._tracer.start_span(name)

    def on_end(self, run_id):
        self._spans.pop(run_id).end()
```

## Repair

Safe where nothing else asks for the entry. The eviction stands on a line behind the end of the value, so that an end
that raises leaves everything as it was; or behind the last line of the function that reads the entry, or behind a `try`
or `with` that swallows what the end raises. It stands in a `finally` where the same function has put the entry in.
`cache[key] = None` becomes the eviction. Where others can run between lookup and eviction, at an `await`, a `yield` or
outside the lock, they may have put a new value in: the same lock is taken again, and the entry goes only if it still is
the one whose value was ended.

Unsafe, because somebody may miss the entry:

- another function looks entries up, asks for them with `in`, or goes through them; a `close()` that only does to all
  values what was done to this one does not count, nor does another end that takes a missing key;
- another file of the project names the mapping;
- the entry is looked up by `cache[key]` in a loop, where an item that comes twice would raise;
- the code takes a lock where it inserts, and none here, or another one: whether it is free here cannot be seen;
- another function ends values in a way that no eviction can follow, and nothing would be reported there any more.

None where the key is bound anew before the value is ended, where the entry is read behind it on some other way, where
the value is ended in the middle of a statement or only later (`call_later(60, client.close)`), and where a helper does
more than look it up.

## A real one

[opentelemetry-instrumentation-langchain 0.43.1](https://github.com/traceloop/openllmetry/pull/3216): the end hook ends
the span of each run and keeps its entry; 0.44.0 deletes the entry in the same method. leaklint reports it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leaklint.ended_values import kept_releases
from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Place, Release
from leaklint.growth import growing_stories, outlives_operations, why_fresh
from leaklint.hooks import end_hook, failure_hook
from leaklint.model import MODULES_APART, Span
from leaklint.routine import Routine
from leaklint.rule import Note, Report, Rule
from leaklint.stories import Story
from leaklint.telling import code, eviction_note, key_trace, key_words, short


def check(evidence: Evidence) -> Iterable[Report]:
    """Values that are done with on some way out that leaves their entry in a container that only grows."""
    told = list(_released(evidence))
    yield from told
    known = {report.story.insertion.cache for report in told}
    for story in growing_stories(evidence):
        hook = end_hook(evidence, story) if story.insertion.cache not in known else None
        if hook is not None:
            ends = kept_releases(evidence, story.insertion.cache)
            release = next((release for release in ends if release.place.function == hook.name), None)
            yield _report_of_hook(evidence, story, hook) if release is None else _report(evidence, story, release)
    for story in evidence.open_stories:
        failure = failure_hook(evidence, story)
        if failure is not None:
            yield _report_of_hook(evidence, story, *failure)


def _released(evidence: Evidence) -> Iterator[Report]:
    for story in growing_stories(evidence):
        cache = story.insertion.cache
        if not outlives_operations(evidence, cache) and why_fresh(evidence, story.insertion.key) is None:
            continue
        for release in kept_releases(evidence, cache):
            yield _report(evidence, story, release)


def _report(evidence: Evidence, story: Story, release: Release) -> Report:
    key, cache = key_words(evidence, story), code(story.insertion.cache)
    what = "is replaced by None" if release.method == "= None" else f"is done with (`{release.method}()`)"
    # Another file that ends the value does not know the container; this one is told, where it puts the value in.
    is_elsewhere = release.place.at.line >= MODULES_APART
    return Report(
        code=RULE.code,
        place=story.insertion.place if is_elsewhere else release.place,
        message=f"the value {what}, its entry stays in {cache}",
        advice=f"Evict the entry from {cache} where its value is done with.",
        key=key.strip("`"),
        story=story,
        trace=(*key_trace(evidence, story), Note(release.place, f"the value {what}, and nothing evicts the entry")),
    )


def _report_of_hook(evidence: Evidence, story: Story, hook: Routine, evicted: Eviction | None = None) -> Report:
    key, cache = key_words(evidence, story), code(story.insertion.cache)
    name, at = f"`{short(hook.name)}`", hook.function.at
    place = Place(hook.name, Span(at.line, at.column, at.line, at.column + len("def")))
    elsewhere = [eviction_note(evicted, f"{key} is evicted where all went well")] if evicted is not None else []
    return Report(
        code=RULE.code,
        place=story.insertion.place,
        message=f"{key} enters {cache}, and {name} ends the same item and leaves its entry in",
        advice=f"Evict the entry from {cache} in {name}.",
        key=key.strip("`"),
        story=story,
        trace=(
            *key_trace(evidence, story),
            Note(place, f"{name} is told of the end, and nothing evicts the entry"),
            *elsewhere,
        ),
    )


RULE = Rule("LKL106", "released-but-kept", "the value is closed or ended, its entry stays", True, check, __doc__)
"""The rule."""
