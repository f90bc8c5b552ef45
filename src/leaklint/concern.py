"""What each routine has to do with the containers of interest, whatever it calls included.

A walk reads through what may fill, empty or end something of theirs, and begins only where it may learn something. All
else that names a container only reads it, and what is read there says nothing to a caller.
"""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.endings import is_ending
from leaklint.given_back import gives_something
from leaklint.ir_walk import last_part
from leaklint.outline import Outline, renamed
from leaklint.relevance import ANY, Changes, container_of
from leaklint.routine import Routine
from leaklint.values import word


class Concern(msgspec.Struct, frozen=True):
    """The routines of an outline, by what they may do to the containers of interest."""

    near: dict[str, frozenset[str]]
    """Each routine to the containers that it names, or that it asks a short function for an entry of."""
    fills: dict[str, frozenset[str]]
    """Each routine to the containers that an entry may come into, by it or by what it calls."""
    empties: dict[str, frozenset[str]]
    """Each routine to the containers that an entry may go out of."""
    filling: dict[str, frozenset[str]]
    """The routines that may fill one themselves, to the containers that an entry may come into by that."""
    handed: dict[str, frozenset[str]]
    """The last words of what is called with a container or an entry of one, to these containers."""
    ends: dict[str, frozenset[str]]
    """Each routine to the containers of which it may end what is held, itself or by what it calls."""
    giving: frozenset[str]
    """Those that name a container and give something back."""

    def acts(self, name: str) -> bool:
        """Whether anything becomes of an entry in the routine, or in what it calls."""
        return bool(self.fills[name] or self.empties[name] or self.ends[name])

    def lets_go(self, name: str) -> frozenset[str]:
        """The containers that a walk from the routine may see losing entries, or the values of entries ending."""
        return self.empties[name] | self.ends[name]

    def touches(self, name: str) -> bool:
        """Whether a walk learns something about a container by reading through the routine."""
        return self.acts(name) or name in self.giving


def concern(
    outline: Outline,
    containers: frozenset[str],
    changed: Changes,
    callees: dict[str, set[str]],
    filling: dict[str, frozenset[str]] | None = None,
) -> Concern:
    """Sort the routines; `callees` are those that each one may call, `filling` what was seen to fill containers."""
    near = {name: _named(routine, containers, renamed(outline, name)) for name, routine in outline.routines.items()}
    giving = _ask(near, outline, callees)
    handed = _handed(outline, containers)
    fills, empties, ending = {}, {}, {}
    for name, change in changed.items():
        routine = outline.routines[name]
        behind = near[name].union(*(handed.get(called, ()) for called in called_as(routine)))
        fills[name] = _meant(change.inserted, behind, containers)
        empties[name] = _meant(change.evicted | change.replaced, behind, containers)
        ends_something = bool(near[name]) and routine.once(_ends_something)
        ending[name] = near[name] if ends_something else frozenset[str]()
    callers = _callers(callees)
    own = filling if filling is not None else {name: words for name, words in fills.items() if words}
    return Concern(
        near,
        _spread({name: own.get(name, frozenset()) for name in fills}, callers),
        _spread(empties, callers),
        own,
        handed,
        _spread(ending, callers),
        giving,
    )


def _named(routine: Routine, containers: frozenset[str], others: dict[str, str]) -> frozenset[str]:
    """The containers that a routine names."""
    words = routine.words
    if others and not others.keys().isdisjoint(words):
        attributes = frozenset(node.name for node in routine.nodes_of(ir.Attribute))
        words = attributes.union(others.get(node.id, node.id) for node in routine.nodes_of(ir.Name))
    return containers & words


def _meant(changed: frozenset[str], behind: frozenset[str], containers: frozenset[str]) -> frozenset[str]:
    """The containers that are changed; what is changed under another name is any of those in sight."""
    return (changed & containers) | (behind if ANY in changed else frozenset())


def called_as(routine: Routine) -> tuple[str, ...]:
    """The words that a routine may be called by: its own, and that of the class that it is a method of."""
    names = (routine.function.name, word(routine.class_name or "").rpartition(".")[2])
    return names if routine.class_name is not None else names[:1]


def _ask(near: dict[str, frozenset[str]], outline: Outline, callees: dict[str, set[str]]) -> frozenset[str]:
    """Add what functions that give something back have read from a container; these functions."""
    callers = _callers(callees)
    giving = {name for name, words in near.items() if words and gives_something(outline.routines[name])}
    pending = list(giving)
    while pending:
        words = near[name := pending.pop()]
        for caller in callers.get(name, ()):
            if not words <= near[caller]:
                near[caller] |= words
                if gives_something(outline.routines[caller]):
                    giving.add(caller)
                    pending.append(caller)
    return frozenset(giving)


def _handed(outline: Outline, containers: frozenset[str]) -> dict[str, frozenset[str]]:
    """The last words of what is called with a container or an entry of one, to these containers."""
    found: dict[str, frozenset[str]] = {}
    for name, routine in outline.routines.items():
        others = renamed(outline, name)
        for called, word_given in routine.once(_handed_by):
            given = others.get(word_given, word_given)
            if given in containers:
                found[called] = found.get(called, frozenset()) | {given}
    return found


def _handed_by(routine: Routine) -> tuple[tuple[str, str], ...]:
    """The last words of what a routine calls, each with that of something which it gives along."""
    found: dict[tuple[str, str], None] = {}
    for call in routine.nodes_of(ir.Call):
        called = last_part(call.function) if call.arguments else None
        for argument in call.arguments if called is not None else ():
            given = last_part(container_of(argument.value))
            if given is not None and called is not None:
                found[called, given] = None
    return tuple(found)


def _ends_something(routine: Routine) -> bool:
    """Whether something is closed, handed over to be closed, or given to a `with`."""
    return bool(routine.nodes_of(ir.With)) or any(map(is_ending, routine.words))


def _callers(callees: dict[str, set[str]]) -> dict[str, list[str]]:
    callers: dict[str, list[str]] = {}
    for name, called in callees.items():
        for callee in called:
            callers.setdefault(callee, []).append(name)
    return callers


def _spread(found: dict[str, frozenset[str]], callers: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    """Hand what routines do to their callers until nothing changes."""
    spread = dict(found)
    pending = [name for name, words in found.items() if words]
    while pending:
        words = spread[name := pending.pop()]
        for caller in callers.get(name, ()):
            if not words <= spread[caller]:
                spread[caller] |= words
                pending.append(caller)
    return spread
