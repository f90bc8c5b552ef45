"""Containers that a module is concerned with, where it is looked at together with what it uses of other modules.

Its own are, those that it fills and others empty or the other way round, and those of others that it has filled and
emptied by different calls. All else that is done in other modules is found where it stands.
"""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.ir_walk import last_part
from leaklint.outline import Outline, Routine, label_of, renamed
from leaklint.relevance import ANY, Changes, changes, relevant_names
from leaklint.usage import growing
from leaklint.values import word

_RUN_UNSEEN = ("__init__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__")


def containers_of_interest(outline: Outline) -> frozenset[str]:
    """Last words of the containers that a rule may be about."""
    changed = changes(outline)
    if not any(map(label_of, outline.routines)):
        return relevant_names(outline, changed) | growing(outline)
    alone = _own_part(outline)
    own = {name: found for name, found in changed.items() if not label_of(name)}
    linked = {name: found for name, found in changed.items() if label_of(name)}
    found = relevant_names(alone, own) | growing(alone)
    filled, emptied = _together(own)
    filled_elsewhere, emptied_elsewhere = _together(linked)
    return found | (filled & emptied_elsewhere) | (emptied & filled_elsewhere) | _by_calls(outline, linked)


def _own_part(outline: Outline) -> Outline:
    return msgspec.structs.replace(
        outline,
        routines={name: routine for name, routine in outline.routines.items() if not label_of(name)},
        classes={name: blueprint for name, blueprint in outline.classes.items() if not label_of(name)},
        kinds={name: kind for name, kind in outline.kinds.items() if not label_of(name)},
        default_factories={name: made for name, made in outline.default_factories.items() if not label_of(name)},
    )


def _together(changed: Changes) -> tuple[frozenset[str], frozenset[str]]:
    return (
        frozenset().union(*(filled for filled, _ in changed.values())) - {ANY},
        frozenset().union(*(emptied for _, emptied in changed.values())) - {ANY},
    )


def _by_calls(outline: Outline, linked: Changes) -> frozenset[str]:
    """Containers that one function which the module calls fills, and another one empties."""
    filled, emptied = _together(linked)
    if not filled & emptied:
        return frozenset()
    own = [routine for name, routine in outline.routines.items() if not label_of(name)]
    called = set().union(*(_called(routine, outline) for routine in own))
    spread, words = _spread(outline, linked, filled & emptied), _called_as(outline)
    entries = [found for name, found in spread.items() if not words[name].isdisjoint(called)]
    return frozenset(name for name in filled & emptied if _has_both(name, entries))


def _has_both(name: str, entries: list[tuple[set[str], set[str]]]) -> bool:
    filling = {number for number, (filled, _) in enumerate(entries) if name in filled}
    emptying = {number for number, (_, emptied) in enumerate(entries) if name in emptied}
    return bool(filling) and bool(emptying) and len(filling | emptying) > 1


def _spread(outline: Outline, linked: Changes, names: frozenset[str]) -> dict[str, tuple[set[str], set[str]]]:
    """What each function of another module fills and empties, what it calls in its own module included."""
    found = {name: (set(filled & names), set(emptied & names)) for name, (filled, emptied) in linked.items()}
    callers: dict[str, list[str]] = {}
    for name in linked:
        for called in _names(outline.routines[name], outline):
            callers.setdefault(called, []).append(name)
    words = _called_as(outline)
    pending = [name for name, (filled, emptied) in found.items() if filled or emptied]
    while pending:
        filled, emptied = found[name := pending.pop()]
        near = {caller for called in words[name] for caller in callers.get(called, ())}
        for caller in (caller for caller in near if label_of(caller) == label_of(name)):
            fills, empties = found[caller]
            if not (filled <= fills and emptied <= empties):
                fills |= filled
                empties |= emptied
                pending.append(caller)
    return found


def _called_as(outline: Outline) -> dict[str, set[str]]:
    """The words that each function goes by where it is called: its name, that of its class if Python calls it."""
    found = {name: {routine.function.name} for name, routine in outline.routines.items()}
    for blueprint in outline.classes.values():
        for method in _RUN_UNSEEN:
            if (name := blueprint.methods.get(method)) in found:
                found[name].add(word(blueprint.name).rpartition(".")[2])
    return found


def _called(routine: Routine, outline: Outline) -> set[str]:
    """The last words of what a routine calls with an argument, which may be a key."""
    others = renamed(outline, routine.name)
    calls = [node for node in routine.nodes if isinstance(node, ir.Call) and node.arguments]
    words = {last_part(call.function) for call in calls}
    return {others.get(name, name) for name in words if name is not None}


def _names(routine: Routine, outline: Outline) -> set[str]:
    """Every word that stands in a routine, imported ones as they go where they stand."""
    others = renamed(outline, routine.name)
    names = set()
    for node in routine.nodes:
        if isinstance(node, ir.Attribute):
            names.add(node.name)
        elif isinstance(node, ir.Name):
            names.add(others.get(node.id, node.id))
        elif isinstance(node, ir.Lambda | ir.Define):
            names.add(node.function.name)
    return names
