"""Walks a module: every function that a caller can begin with, reading through those that it calls."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.flow.events import Walk
from leaklint.flow.filled import Filling, container_name, receivers_of, seen_to_fill
from leaklint.flow.focus import walks_again
from leaklint.flow.machine import EVALUATIONS_ALLOWED
from leaklint.flow.walk import Ground, ground_of, walk
from leaklint.groundwork import Groundwork
from leaklint.ir_walk import below
from leaklint.outline import Outline, label_of
from leaklint.routine import Routine
from leaklint.shared import containers_of_interest
from leaklint.summaries import Summary, Survey, concern_of, survey

EVALUATIONS_PER_MODULE = 4 * EVALUATIONS_ALLOWED
"""How many expressions all walks of a module may evaluate; what is not walked by then is not reported on."""


def walk_module(outline: Outline) -> tuple[Walk, ...]:
    """One walk per function that touches a container, private ones only where no other walk has read through them.

    Functions of other modules are walked as the module's own classes inherit them, and where they may evict what the
    module inserts. What evicts or ends something matters only where an entry came in: what may insert is walked first,
    and of the rest what may let go of something of a container that something was seen to come into.
    """
    groundwork = Groundwork(outline)
    containers = containers_of_interest(groundwork)
    if not containers:
        return ()
    seen = survey(groundwork)
    looks: list[Walk] = []
    filling = _filling(seen, containers, looks)
    if not filling:
        return ()
    filled = frozenset[str]().union(*filling.values())
    ground = ground_of(seen, filled, concern_of(seen, filled, filling))
    telling = [routine for routine in outline.routines.values() if ground.summaries[routine.name].is_telling]
    own = [routine for routine in telling if not label_of(routine.name)]
    public = [r for r in (*own, *_running_own_methods(telling, containers)) if not r.is_private]
    named = _named(outline)
    begun = Begun(ground)
    ordered = (*public, *_outer_first([r for r in own if r.is_private], named))
    for routine in ordered:
        if ground.summaries[routine.name].fills:
            begun.begin(routine)
    names = begun.names_filled
    for routine in ordered:
        if not ground.summaries[routine.name].fills and not names.isdisjoint(ground.summaries[routine.name].lets_go):
            begun.begin(routine)
    for routine in _evicting_elsewhere(ground, begun.names_filled, named):
        begun.begin_elsewhere(routine)
    numbers = {routine.name: number for number, routine in enumerate(ordered)}
    walks = sorted(begun.walks, key=lambda walk: numbers.get(walk.function, len(numbers)))
    walks += walks_again(seen, filling, walks)
    return (*walks, *_looks_at_the_rest(looks, walks))


def _looks_at_the_rest(looks: list[Walk], walks: list[Walk]) -> Iterator[Walk]:
    """Where walks were given up, the short ones whose insertions none of them came to: that they stay is not said."""
    if all(walk.is_complete for walk in walks):
        return
    reached = {insertion.place for walk in walks for insertion in walk.insertions}
    for look in looks:
        if any(insertion.place not in reached for insertion in look.insertions):
            yield msgspec.structs.replace(look, is_complete=False, is_short=True)


def _filling(seen: Survey, containers: frozenset[str], looks: list[Walk]) -> Filling:
    """What really puts something into the containers, of all that by its names may."""
    concerned = concern_of(seen, containers)
    return seen_to_fill(seen, ground_of(seen, containers, concerned), concerned, looks)


class Begun(msgspec.Struct):
    """The walks of a module so far, and what they have cost."""

    ground: Ground
    walks: list[Walk] = msgspec.field(default_factory=list)
    entered: set[str] = msgspec.field(default_factory=set)
    cost: int = 0
    cost_elsewhere: int = 0

    @property
    def names_filled(self) -> frozenset[str | None]:
        """The words of the containers that something came into."""
        return frozenset(container_name(insertion.cache) for walk in self.walks for insertion in walk.insertions)

    def begin(self, routine: Routine) -> None:
        """Walk a routine as a method of each class that has it, a private one that was read through not again."""
        if routine.is_private and routine.name in self.entered:
            return
        outline = self.ground.outline
        for class_name in receivers_of(outline, routine) if not routine.is_private else [routine.class_name]:
            if self.cost > EVALUATIONS_PER_MODULE:
                self.walks.append(_not_begun(routine, class_name))
                continue
            if label_of(routine.name) and self.cost_elsewhere > EVALUATIONS_ALLOWED:
                continue
            done = self._walk(routine, class_name)
            self.cost_elsewhere += done.evaluations if label_of(routine.name) else 0
            if not done.is_complete:
                # With the methods of an heir it would be as long.
                break
            self.entered |= done.entered

    def begin_elsewhere(self, routine: Routine) -> None:
        """Walk a function of another module, as far as the budget goes."""
        if not (routine.is_private and routine.name in self.entered) and self.cost <= EVALUATIONS_PER_MODULE:
            self.entered |= self._walk(routine, routine.class_name).entered

    def _walk(self, routine: Routine, class_name: str | None) -> Walk:
        done = walk(self.ground, routine, class_name)
        self.walks.append(done)
        self.cost += done.evaluations
        return done


def _running_own_methods(telling: list[Routine], containers: frozenset[str]) -> list[Routine]:
    """Methods of other modules' classes that run methods of the module which name a container, its hooks."""
    methods = {routine.name: routine for routine in telling if routine.class_name is not None}
    called = {r.function.name for r in methods.values() if not label_of(r.name) and _names_in(r) & containers}
    asking: dict[str, list[Routine]] = {}
    for routine in methods.values() if called else ():
        for asked in _asked_of_itself(routine):
            asking.setdefault(asked, []).append(routine)
    found: dict[str, Routine] = {}
    pending = list(called)
    while pending:
        for routine in asking.pop(pending.pop(), ()):
            if routine.name not in found:
                found[routine.name] = routine
                pending.append(routine.function.name)
    return sorted((r for r in found.values() if label_of(r.name)), key=lambda routine: routine.function.at)


def _asked_of_itself(routine: Routine) -> set[str]:
    receiver = routine.function.parameters[0].name if routine.function.parameters else ""
    return {
        node.name
        for statement in routine.function.body
        for node in below(statement)
        if isinstance(node, ir.Attribute) and isinstance(node.value, ir.Name) and node.value.id == receiver
    }


def _evicting_elsewhere(ground: Ground, names: frozenset[str | None], named: set[str | None]) -> list[Routine]:
    """Functions of other modules that may evict what was inserted; private ones last, if anything names them."""
    routines = ground.outline.routines.values()
    linked = [routine for routine in routines if label_of(routine.name) and routine.parent is None]
    evicting = [r for r in linked if _may_evict(ground.summaries[r.name]) and _names_in(r) & names]
    found = [routine for routine in evicting if not routine.is_private or routine.function.name in named]
    return sorted(found, key=lambda routine: routine.is_private)


def _may_evict(summary: Summary) -> bool:
    return summary.evicts and summary.touches


def unused_routines(outline: Outline) -> frozenset[str]:
    """Private routines that no other one names; a nested one may be handed out unseen."""
    named = _named(outline)
    private = [r for r in outline.routines.values() if r.is_private and r.parent is None and not label_of(r.name)]
    return frozenset(routine.name for routine in private if routine.function.name not in named)


def _outer_first(routines: list[Routine], named: set[str | None]) -> list[Routine]:
    """Those that nobody in the module names come first; they may read through the others."""
    return sorted(routines, key=lambda routine: (routine.parent is not None, routine.function.name in named))


def _named(outline: Outline) -> set[str | None]:
    return {name for routine in outline.routines.values() for name in _names_in(routine)}


def _names_in(routine: Routine) -> frozenset[str]:
    return routine.words - {routine.function.name}


def _not_begun(routine: Routine, class_name: str | None) -> Walk:
    """A walk that the module's budget has no steps left for."""
    return Walk(
        function=routine.name,
        class_name=class_name,
        exits=(),
        insertions=(),
        evictions=(),
        removals=(),
        releases=(),
        births=(),
        entered=frozenset(),
        is_complete=False,
        evaluations=0,
    )
