"""A cache that a lock guards everywhere else is evicted without the lock.

## What

Most insertions and evictions of a long-lived mapping or set happen under one lock, which is an attribute or a global
that a `with` holds; one eviction happens without it. A helper that all its callers call under the lock counts as
guarded. What a constructor or a shutdown does is silent, and so is an eviction under an `asyncio` lock's cache that
does not wait between looking and evicting: nothing can come between.

## Why

Whoever holds the lock has looked into the cache and goes by what was there. Between `if key not in cache` and the use
of `cache[key]` the eviction takes the entry away, which is a `KeyError`; between the creation of a value and its
insertion the eviction finds nothing to evict, and the entry stays for good. One such race in 10,000 operations is 100
entries left behind after a day of ten operations a second.

## Bad

```python
import threading


class Pool:
    def __init__(self, connect):
        self._connect = connect
        self._lock = threading.Lock()
        self._connections = {}

    def get(self, host):
        with self._lock:
            if host not in self._connections:
                self._connections[host] = self._connect(host)
            return self._connections[host]

    def replace(self, host):
        with self._lock:
            self._connections[host] = self._connect(host)

    def forget(self, host):
        self._connections.pop(host, None)
```

## Good

```python
import threading


class Pool:
    def __init__(self, connect):
        self._connect = connect
        self._lock = threading.Lock()
        self._connections = {}

    def get(self, host):
        with self._lock:
            if host not in self._connections:
                self._connections[host] = self._connect(host)
            return self._connections[host]

    def replace(self, host):
        with self._lock:
            self._connections[host] = self._connect(host)

    def forget(self, host):
        with self._lock:
            self._connections.pop(host, None)
```

## Repair

Unsafe: the eviction goes into a `with` as the guarded places have it, together with the look that it goes by
(`if key in cache:`); what is done with the evicted value stays outside. Under an `asyncio` lock all from the look to
the eviction goes in, for the function waits in between. A caller that cannot be seen may hold the lock already, and if
it is not reentrant would then wait for itself. No repair is made where a caller in sight may hold it, where the
function is handed on to be called by others, where too much stands between look and eviction, and where the lock does
not go by the same name.

## A real one

[kafka-python 1.4.5](https://github.com/dpkp/kafka-python/issues/1744), `kafka/conn.py`: one thread sends a request and
puts it into `in_flight_requests`, another closes the connection and takes out what is there. A request that enters
after that is never answered, and a worker stood still for two days; 1.4.6 sends, enters and evicts under one lock.
leaklint does not report it: in 1.4.5 the lock is held while sending alone, so nothing shows that it guards the mapping.

opentelemetry-sdk 1.45.2, `opentelemetry/sdk/util/__init__.py`: `BoundedDict` tests and deletes a key under its lock,
and deletes it in `__delitem__` without: between test and deletion that is a `KeyError`. leaklint reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Insertion, Place
from leaklint.guarding import (
    LOCK_WORDS,
    Site,
    functions_on_the_way,
    guarding_lock,
    is_asynchronous,
    shared_sites,
    sites_of,
)
from leaklint.ir_walk import in_scope, last_part
from leaklint.outline import label_of
from leaklint.routine import Routine
from leaklint.rule import Note, Report, Rule
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.telling import code, eviction_words
from leaklint.values import Value, spell

LEAST = 2
"""Accesses under a lock that show that it guards the cache."""
_QUIET_MANAGERS = frozenset("closing nullcontext open redirect_stderr redirect_stdout suppress".split())


def check(evidence: Evidence) -> Iterable[Report]:
    """Evictions without the lock that is held at most other insertions and evictions."""
    told: set[Place] = set()
    for story in evidence.first_stories.values():
        sites = shared_sites(evidence, story.insertion.cache)
        lock = guarding_lock(sites, evidence)
        if lock is None:
            continue
        guarded = [site for site in sites if site.is_guarded_by(lock)]
        for site in sites:
            eviction = site.accesses[0]
            if site.place in told or not isinstance(eviction, Eviction) or not _is_at_fault(site, lock, evidence):
                continue
            others = len(sites) - 1 - len(guarded)
            reads = _guarded_reads(evidence, story.insertion.cache, lock)
            if len(guarded) + reads >= LEAST and len(guarded) > others:
                told.add(site.place)
                yield _report(evidence, story, eviction, lock, guarded)


def _is_at_fault(site: Site, lock: Value, evidence: Evidence) -> bool:
    """Whether no way to the eviction holds this lock, or anything that may be one."""
    if label_of(site.place.function):
        return False
    for access in site.accesses:
        if not access.stack and _is_private(site.place.function):
            # Nobody in sight calls it: whoever does may hold the lock.
            return False
        if any(_may_lock(manager, evidence) for manager in access.locks):
            return False
        routines = [evidence.outline.routines.get(name) for name in functions_on_the_way(access)]
        if any(routine is not None and _takes_the_lock_itself(routine, lock) for routine in routines):
            return False
    if is_asynchronous(lock, evidence):
        return _waits_before(site, evidence)
    return True


def _is_private(function: str) -> bool:
    name = function.partition("@")[0].rpartition(".")[2]
    return name.startswith("_") and not name.endswith("__")


def _may_lock(manager: Value, evidence: Evidence) -> bool:
    """Whether a context manager may be a lock, or hold one; `suppress` and `open` do not."""
    name = spell(manager).partition("(")[0].rpartition(".")[2]
    return name not in _QUIET_MANAGERS


def _takes_the_lock_itself(routine: Routine, lock: Value) -> bool:
    """Whether the routine calls `lock.acquire()`, is decorated to hold it, or says by its name that its caller does."""
    words = {part for name in (*routine.decorations, routine.function.name) for part in name.lower().split("_")}
    if not words.isdisjoint(LOCK_WORDS | {"unlocked", "nolock", "unsafe", "synchronised"}):
        return True
    return any(isinstance(node, ir.Attribute) and node.name == "acquire" for node in routine.nodes)


def _waits_before(site: Site, evidence: Evidence) -> bool:
    """Whether the routine looks into the cache, waits, and evicts then: meanwhile others may have changed it."""
    routine = evidence.outline.routines.get(site.place.function)
    if routine is None or not routine.function.is_async:
        return False
    evicted = (site.place.at.line, site.place.at.column)
    nodes = routine.nodes
    name = cache_name(site.accesses[0].cache)
    looks = [node.at for node in nodes if isinstance(node, ir.Attribute | ir.Name) and last_part(node) == name]
    waits = [node.at for node in nodes if isinstance(node, ir.Await)]
    return any(
        (look.end_line, look.end_column) <= (wait.end_line, wait.end_column) <= evicted
        for look in looks
        for wait in waits
    )


def _guarded_reads(evidence: Evidence, cache: Value, lock: Value) -> int:
    """How many `with` blocks of the lock mention the cache without inserting or evicting."""
    name, lock_name = cache_name(cache), cache_name(lock)
    changing = {site.place.at for site in sites_of(evidence, cache)}
    count = 0
    for routine in evidence.outline.routines.values():
        for node in routine.nodes:
            if not isinstance(node, ir.With) or not any(last_part(item.context) == lock_name for item in node.items):
                continue
            mentions = [inner for statement in node.body for inner in in_scope(statement)]
            is_read = any(isinstance(inner, ir.Attribute | ir.Name) and last_part(inner) == name for inner in mentions)
            count += is_read and not any(node.at.contains(at) for at in changing)
    return count


def _report(evidence: Evidence, story: Story, eviction: Eviction, lock: Value, guarded: list[Site]) -> Report:
    cache, held = code(eviction.cache), code(lock)
    key = eviction_words(evidence, eviction) if eviction.key is not None else "everything"
    inserting = next(site for site in guarded if isinstance(site.accesses[0], Insertion))
    evicting = [site for site in guarded if isinstance(site.accesses[0], Eviction)][:1]
    return Report(
        code=RULE.code,
        place=eviction.place,
        message=f"{key} is evicted from {cache} without {held}, which guards it elsewhere",
        advice=f"Hold {held} around the eviction.",
        key=key.strip("`"),
        story=story,
        trace=(
            Note(inserting.place, f"inserted into {cache} under {held} here"),
            *(Note(site.place, f"evicted under {held} here") for site in evicting),
            Note(eviction.place, f"evicted without {held} here"),
        ),
        eviction=eviction,
    )


RULE = Rule("LKL203", "unlocked-eviction", "a cache guarded by a lock is evicted without it", False, check, __doc__)
