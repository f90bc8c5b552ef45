"""Containers that a module is concerned with, where it is looked at together with what it uses of other modules.

Its own are, those that it fills and others empty or the other way round, and those of others that it has filled and
emptied by different calls. All else that is done in other modules is found where it stands.
"""

from __future__ import annotations

import msgspec

from leaklint.callees import called_with_arguments
from leaklint.factories import growing_variables
from leaklint.groundwork import Groundwork
from leaklint.outline import Outline, label_of
from leaklint.relevance import ANY, NOTHING, Changes, relevant_names, ruled_out
from leaklint.usage import growing


def containers_of_interest(ground: Groundwork) -> frozenset[str]:
    """Last words of the containers that a rule may be about."""
    outline, changed = ground.outline, ground.changed
    if not any(map(label_of, outline.routines)):
        return relevant_names(outline, changed) | growing(outline) | _of_factories(outline)
    alone = _own_part(outline)
    own = {name: found for name, found in changed.items() if not label_of(name)}
    linked = {name: found for name, found in changed.items() if label_of(name)}
    found = relevant_names(alone, own) | growing(alone) | _of_factories(alone)
    filled, emptied = _together(own)
    filled_elsewhere, emptied_elsewhere = _together(linked)
    found |= (filled & emptied_elsewhere) | (emptied & filled_elsewhere) | _by_calls(ground, linked)
    return found - ruled_out(outline)


def _of_factories(outline: Outline) -> frozenset[str]:
    return frozenset(name for _, name in growing_variables(outline))


def _own_part(outline: Outline) -> Outline:
    return msgspec.structs.replace(
        outline,
        routines={name: routine for name, routine in outline.routines.items() if not label_of(name)},
        classes={name: blueprint for name, blueprint in outline.classes.items() if not label_of(name)},
        kinds={name: kind for name, kind in outline.kinds.items() if not label_of(name)},
        default_factories={name: made for name, made in outline.default_factories.items() if not label_of(name)},
    )


def _together(changed: Changes) -> tuple[frozenset[str], frozenset[str]]:
    inserted, evicted = set[str](), set[str]()
    for change in changed.values():
        if change is not NOTHING:
            inserted |= change.inserted
            evicted |= change.evicted
            evicted |= change.replaced
    return frozenset(inserted) - {ANY}, frozenset(evicted) - {ANY}


def _by_calls(ground: Groundwork, linked: Changes) -> frozenset[str]:
    """Containers that one function which the module calls fills, and another one empties."""
    filled, emptied = _together(linked)
    names = (filled & emptied) - ruled_out(ground.outline)
    if not names:
        return frozenset()
    own = [routine for name, routine in ground.outline.routines.items() if not label_of(name)]
    called = {callee for routine in own for callee in called_with_arguments(ground.index, routine)}
    entries = called & linked.keys()
    if len(entries) < 2:
        return frozenset()
    spread = _spread(ground, linked, entries, names)
    changed = [spread[name] for name in entries]
    return frozenset(name for name in names if _has_both(name, changed))


def _has_both(name: str, entries: list[tuple[set[str], set[str]]]) -> bool:
    filling = {number for number, (filled, _) in enumerate(entries) if name in filled}
    emptying = {number for number, (_, emptied) in enumerate(entries) if name in emptied}
    return bool(filling) and bool(emptying) and len(filling | emptying) > 1


def _spread(
    ground: Groundwork, linked: Changes, entries: set[str], names: frozenset[str]
) -> dict[str, tuple[set[str], set[str]]]:
    """What functions of other modules fill and empty, and what they call in their own module; from `entries` on."""
    changed: dict[str, tuple[set[str], set[str]]] = {}
    callers: dict[str, list[str]] = {}
    unseen = list(entries)
    while unseen:
        name = unseen.pop()
        if name in changed:
            continue
        change = linked[name]
        changed[name] = set(change.inserted & names), set((change.evicted | change.replaced) & names)
        for callee in ground.reached_by(name):
            if label_of(callee) == label_of(name):
                callers.setdefault(callee, []).append(name)
                unseen.append(callee)
    pending = [name for name, (filled, emptied) in changed.items() if filled or emptied]
    while pending:
        filled, emptied = changed[name := pending.pop()]
        for caller in callers.get(name, ()):
            fills, empties = changed[caller]
            if not (filled <= fills and emptied <= empties):
                fills |= filled
                empties |= emptied
                pending.append(caller)
    return changed
