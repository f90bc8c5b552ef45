"""The keys to evict are found by testing every key of the cache.

## What

A cleanup goes through all keys of a long-lived mapping or set and evicts those that begin with a prefix, match a
pattern, or have the operation's id as one of their parts. A sweep by age, by size or by the state of the value is
something else and stays silent, also if it is one of a part of the keys; so does whatever takes all entries, and a
function that empties other containers as a whole beside. The container must be one that lives through many operations:
where there is one, its own entries are all that a scan tests. Where the keys are tuples and a part of them is compared
as a whole, no pattern can break: that is a matter only for operations that scan at their own end.

## Why

The cost of one cleanup grows with the entries of all other operations: with 1,000 batches of 40 entries in flight each
cleanup tests 40,000 keys, all of them together 40 million. Other threads change the cache during the scan
(`RuntimeError: dictionary changed size during iteration`). And when the key's pattern changes in the place that builds
it, the scan goes on finding nothing and says so to nobody; `batch-1` also begins the keys of `batch-10`.

## Bad

```python
import threading


class Transform:
    def __init__(self, factory):
        self._lock = threading.Lock()
        self._factory = factory
        self._clients = {}

    def process(self, rows, state_id):
        try:
            for index, row in enumerate(rows):
                key = f"{state_id}_r{index}"
                with self._lock:
                    self._clients[key] = self._factory(key)
                self._clients[key].send(row)
        finally:
            with self._lock:
                for key in list(self._clients):
                    if key.startswith(f"{state_id}_r"):
                        del self._clients[key]
```

## Good

```python
import threading


class Transform:
    def __init__(self, factory):
        self._lock = threading.Lock()
        self._factory = factory
        self._clients = {}

    def process(self, rows, state_id):
        tracked_keys = []
        try:
            for index, row in enumerate(rows):
                key = f"{state_id}_r{index}"
                tracked_keys.append(key)
                with self._lock:
                    self._clients[key] = self._factory(key)
                self._clients[key].send(row)
        finally:
            with self._lock:
                for key in tracked_keys:
                    self._clients.pop(key, None)
```

## Repair

Unsafe, where one function builds the keys and scans for the beginning that it builds them with: a list of them takes
the scan's place. Else none; a mapping for each operation (`cache[state_id][index]`), evicted as a whole, may do.

## A real one

[gcsfs 0.6.0](https://github.com/fsspec/gcsfs/pull/242), `gcsfs/core.py`: to forget one path it tests all cached ones
for a prefix. `bucket/ab` goes with `bucket/a`, and the listing of `bucket`, which has changed too, stays. 0.6.1 evicts
the path and its parents by key. leaklint does not report it: nothing in the class shows that its objects live long.

[langfuse 5.0.4](https://github.com/langfuse/langfuse-python/pull/1829), `langfuse/_utils/prompt_cache.py`: to forget
the prompt `summary` evicts `summary_detailed` too. leaklint reports it; the fix is in no release yet.
"""

from __future__ import annotations

from collections.abc import Iterable

from leaklint import ir
from leaklint.containers import Kind
from leaklint.evidence import Evidence
from leaklint.flow.caches import kind_of
from leaklint.flow.events import Eviction, Place, Walk
from leaklint.growth import outlives_operations
from leaklint.ir_walk import in_scope, last_part
from leaklint.outline import label_of
from leaklint.rule import Note, Report, Rule
from leaklint.same_caches import cache_name, may_be_same_cache
from leaklint.scans import Scan, assigned, reads_a_part, scans_of, tests_around
from leaklint.stories import Story
from leaklint.telling import code, words
from leaklint.values import Element, Group, within

_BEGINNINGS = frozenset({"startswith", "endswith"})
_MATCHERS = frozenset("fnmatch fnmatchcase fullmatch match search".split())


def check(evidence: Evidence) -> Iterable[Report]:
    """Evictions of what a scan over the cache's keys has picked by a part of the key."""
    scans: dict[str, list[Scan]] = {}
    for walk in evidence.walks:
        for eviction in walk.evictions:
            story = next(iter(evidence.stories_by_cache.may_be(eviction.cache)), None)
            if story is None or _is_bounded(evidence, eviction) or not _is_for_many(evidence, walk, eviction):
                continue
            for name in dict.fromkeys((eviction.place.function, *(place.function for place in eviction.stack))):
                routine = evidence.outline.routines.get(name)
                if routine is None or label_of(name) or _empties_others(walk, eviction, name):
                    continue
                if name not in scans:
                    scans[name] = list(scans_of(routine))
                for scan in scans.get(name, ()):
                    picking = _picking_test(scan, eviction, name, evidence)
                    if picking is not None and not _only_costs(picking, story, walk, eviction):
                        yield _report(evidence, story, eviction, Place(name, scan.spot), picking)


def _is_bounded(evidence: Evidence, eviction: Eviction) -> bool:
    """Whether the module limits the cache's length, which limits the scan too."""
    return cache_name(eviction.cache) in evidence.names_bounded


def _is_for_many(evidence: Evidence, walk: Walk, eviction: Eviction) -> bool:
    """Whether the container has entries of other operations: its owner lives long, or each cleans up after itself."""
    return _cleans_up(walk, eviction) or outlives_operations(evidence, eviction.cache)


def _cleans_up(walk: Walk, eviction: Eviction) -> bool:
    """Whether it is the end of an operation that has put something in."""
    inserted = any(may_be_same_cache(insertion.cache, eviction.cache) for insertion in walk.insertions)
    return inserted and eviction.is_final


def _only_costs(test: ir.Expression, story: Story, walk: Walk, eviction: Eviction) -> bool:
    """Whether a part of a tuple is compared as a whole, and not by each operation at its end.

    No change of a pattern makes such a scan miss its keys, and somebody who invalidates now and then can afford it.
    """
    is_whole = isinstance(test, ir.Compare) and test.operator in ("==", "!=")
    return is_whole and isinstance(story.insertion.key, Group) and not _cleans_up(walk, eviction)


def _empties_others(walk: Walk, eviction: Eviction, function: str) -> bool:
    """Whether the function takes all out of other containers: then the scan is a part of clearing up by hand."""
    return any(
        other.key is None
        and not other.is_filtered
        and other.place.function == function
        and not may_be_same_cache(other.cache, eviction.cache)
        for other in walk.evictions
    )


def _picking_test(scan: Scan, eviction: Eviction, function: str, evidence: Evidence) -> ir.Expression | None:
    """The test by which the scan picks what is evicted; None if it is no scan of this cache, or by something else."""
    loops = {eviction.place.at} | {turn.loop for turn in eviction.turns}
    loops |= {part.loop for part in within(eviction.key) if isinstance(part, Element)} if eviction.key else set()
    if scan.loop not in loops or _name_of(scan.over, evidence, function) != cache_name(eviction.cache):
        return None
    takes_attributes = kind_of(eviction.cache, evidence.outline) is not Kind.SET
    tests = [*scan.tests, *tests_around(scan, eviction, function)]
    if any(_is_about_order(test) or _mentions(test, scan.values) for test, _ in tests):
        return None
    for test, holds in tests:
        found = _part_test(test, holds, scan, takes_attributes=takes_attributes)
        if found is not None:
            return found
    return None


def _name_of(container: ir.Expression, evidence: Evidence, function: str) -> str | None:
    """The word of the container; of a local alias (`clients = self._clients`) that of what it stands for."""
    while isinstance(container, ir.Subscript):
        container = container.value
    if isinstance(container, ir.Name):
        value = assigned(container.id, evidence.outline.routines[function])
        if isinstance(value, ir.Attribute | ir.Name | ir.Subscript):
            return _name_of(value, evidence, function)
    return last_part(container)


def _is_about_order(test: ir.Expression) -> bool:
    """Whether something is greater than something else: an age, a size."""
    return any(isinstance(node, ir.Compare) and node.operator in ("<", "<=", ">", ">=") for node in in_scope(test))


def _mentions(test: ir.Expression, names: frozenset[str]) -> bool:
    return any(isinstance(node, ir.Name) and node.id in names for node in in_scope(test))


def _part_test(test: ir.Expression, holds: bool, scan: Scan, *, takes_attributes: bool) -> ir.Expression | None:
    """The part of a test that asks about a part of the key and is true of what is evicted."""
    match test:
        case ir.Not(value=value):
            return _part_test(value, not holds, scan, takes_attributes=takes_attributes)
        case ir.Boolean(values=values):
            tests = (_part_test(value, holds, scan, takes_attributes=takes_attributes) for value in values)
            return next((found for found in tests if found is not None), None)
        case ir.Walrus(value=value):
            return _part_test(value, holds, scan, takes_attributes=takes_attributes)
        case ir.Compare(operator="==" | "!=" | "is" | "is not" as operator, left=left, right=right):
            is_equal = holds is (operator in ("==", "is"))
            if isinstance(right, ir.Constant) and right.value == "None":
                return _part_test(left, not is_equal, scan, takes_attributes=takes_attributes)
            for one, other in ((left, right), (right, left)):
                if is_equal and _is_part(one, scan, takes_attributes) and _is_variable(other, scan):
                    return test
        case ir.Compare(operator="in" | "not in" as operator, left=left, right=right):
            if holds is (operator == "in") and _is_key(right, scan, takes_attributes) and _is_variable(left, scan):
                return test
        case ir.Call() if holds and _is_pattern_test(test, scan, takes_attributes):
            return test
    return None


def _is_pattern_test(call: ir.Call, scan: Scan, takes_attributes: bool) -> bool:
    """`key.startswith(prefix)`, `re.match(pattern, key)`, `pattern.match(key)`, `fnmatch(key, pattern)`."""
    given = [argument.value for argument in call.arguments]
    name = last_part(call.function)
    owner = call.function.value if isinstance(call.function, ir.Attribute) else None
    if name in _BEGINNINGS and owner is not None:
        return _is_key(owner, scan, takes_attributes) and any(_is_variable(value, scan) for value in given)
    if name not in _MATCHERS or not any(_is_key(value, scan, takes_attributes) for value in given):
        return False
    others = [value for value in given if not _is_key(value, scan, takes_attributes)]
    return any(_is_variable(value, scan) for value in (others or ([owner] if owner is not None else [])))


def _is_key(expression: ir.Expression, scan: Scan, takes_attributes: bool) -> bool:
    """Whether the expression is a key, as a string too, or a part of one."""
    match expression:
        case ir.Name(id=name):
            return name in scan.keys or name in scan.parts
        case ir.Call(function=ir.Name(id="str" | "repr"), arguments=(given,)):
            return _is_key(given.value, scan, takes_attributes)
        case _:
            return _is_part(expression, scan, takes_attributes)


def _is_part(expression: ir.Expression, scan: Scan, takes_attributes: bool) -> bool:
    if isinstance(expression, ir.Name):
        return expression.id in scan.parts
    if isinstance(expression, ir.Attribute) and not takes_attributes:
        return False
    return reads_a_part(expression, scan.keys)


def _is_variable(expression: ir.Expression, scan: Scan) -> bool:
    """Whether the expression differs from one cleanup to the next: a name that is no constant's, not of the scan."""
    names = [node.id for node in in_scope(expression) if isinstance(node, ir.Name)]
    words = [node.name for node in in_scope(expression) if isinstance(node, ir.Attribute)]
    if not names or any(name in scan.keys | scan.parts for name in names):
        return False
    is_constant = any(word.isupper() for word in (*names, *words))
    return not is_constant and any(not name[:1].isupper() for name in names)


def _report(evidence: Evidence, story: Story, eviction: Eviction, place: Place, test: ir.Expression) -> Report:
    picked = words(evidence, test.at, None) if test.at.line == test.at.end_line else "a part of the key"
    cache = code(eviction.cache)
    insertion = story.insertion
    notes = [
        Note(insertion.place, f"inserted into {cache} here"),
        Note(Place(place.function, test.at), f"every key of {cache} is tested for {picked}"),
    ]
    if eviction.place.at != place.at:
        notes.append(Note(eviction.place, "what the scan has picked is evicted here"))
    return Report(
        code=RULE.code,
        place=place,
        message=f"every key of {cache} is tested to find those to evict: {picked}",
        advice="Track the keys that the operation inserts and evict each, or keep them in a mapping of their own.",
        key=picked.strip("`"),
        story=story,
        trace=tuple(notes),
        eviction=eviction,
    )


RULE = Rule("LKL202", "scan-eviction", "the keys to evict are found by testing every key", False, check, __doc__)
