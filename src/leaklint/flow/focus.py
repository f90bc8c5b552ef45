"""Walks once more, with less to look at, what took too long: only the containers that the function's own module fills.

Most of what such a walk reads through is about other containers. What became of those is still not known, so that
nothing is told of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint.flow.events import Exit, Walk
from leaklint.flow.filled import Filling, container_name
from leaklint.flow.machine import EVALUATIONS_ALLOWED
from leaklint.flow.walk import Ground, ground_of, walk
from leaklint.outline import label_of
from leaklint.summaries import Survey, concern_of

EVALUATIONS_AGAIN = 8_000
"""How many expressions such a walk may evaluate; all of a module together may take as many as one that is not such."""

MOST_GROUNDS = 4
"""How often a module's routines are looked at anew, each time with regard to other containers."""


def walks_again(seen: Survey, filling: Filling, begun: list[Walk]) -> tuple[Walk, ...]:
    """What is seen from the functions whose walks were given up, with regard to fewer containers."""
    given_up = [one for one in begun if not one.is_complete and not label_of(one.function)]
    return tuple(_walks(seen, filling, given_up))


def _walks(seen: Survey, filling: Filling, given_up: list[Walk]) -> Iterator[Walk]:
    containers = frozenset[str]().union(*filling.values())
    grounds: dict[frozenset[str], Ground] = {}
    cost = 0
    pairs = [(known, filled) for known in given_up for filled in _filled_here(known, seen, filling)]
    for one, filled in pairs:
        if filled == containers or cost > EVALUATIONS_ALLOWED:
            continue
        if filled not in grounds:
            if len(grounds) == MOST_GROUNDS:
                continue
            fewer = {name: words & filled for name, words in filling.items()}
            grounds[filled] = ground_of(seen, filled, concern_of(seen, filled, fewer))
        again = walk(grounds[filled], seen.outline.routines[one.function], one.class_name, EVALUATIONS_AGAIN)
        cost += again.evaluations
        if again.is_complete:
            yield _with_regard_to(filled, again)


def _filled_here(one: Walk, seen: Survey, filling: Filling) -> list[frozenset[str]]:
    """The containers that the function fills, and those that each function of its module fills which it calls."""
    routines = seen.outline.routines
    called = [name for name in filling if name in one.entered and not label_of(name)]
    near = (name for name in called if routines[name].function.name in routines[one.function].words)
    return [filled for filled in dict.fromkeys(filling.get(name, _NONE) for name in (one.function, *near)) if filled]


_NONE = frozenset[str]()


def _with_regard_to(names: frozenset[str], seen: Walk) -> Walk:
    """The walk without what it has seen of other containers."""
    return msgspec.structs.replace(
        seen,
        exits=tuple(_exit(names, way_out) for way_out in seen.exits),
        insertions=tuple(one for one in seen.insertions if container_name(one.cache) in names),
        evictions=tuple(one for one in seen.evictions if container_name(one.cache) in names),
        removals=tuple(one for one in seen.removals if container_name(one.insertion.cache) in names),
        releases=tuple(one for one in seen.releases if container_name(one.cache) in names),
    )


def _exit(names: frozenset[str], way_out: Exit) -> Exit:
    return msgspec.structs.replace(
        way_out,
        held=tuple(held for held in way_out.held if container_name(held.insertion.cache) in names),
        released=tuple(release for release in way_out.released if container_name(release.cache) in names),
    )
