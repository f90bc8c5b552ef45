"""Which containers something really comes into, before all walks: of what names suggest, most is no cache at all.

By its name every `tasks` is the container that some class keeps, and whatever calls a method of a name that fills one
may fill it. Each routine that inserts is therefore walked by itself, which is short; what is no cache there (bounded,
foreign, made by the call itself) is none for its callers either, unless it is they who hand it over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.concern import Concern, called_as
from leaklint.containers import INSERTING_METHODS
from leaklint.flow.events import Walk
from leaklint.flow.walk import Ground, walk
from leaklint.ir_walk import children, flattened, in_scope, last_part
from leaklint.outline import Outline, heirs, label_of, renamed
from leaklint.relevance import known_containers
from leaklint.routine import Routine
from leaklint.summaries import Survey
from leaklint.values import Entry, Value, last_name

EVALUATIONS_TO_FILL = 2_000
"""How many expressions may be evaluated to see a routine insert; one that needs more is taken at its names."""


Filling: TypeAlias = dict[str, frozenset[str]]
"""Routines that put something into a container themselves, each with the containers."""


def seen_to_fill(seen: Survey, ground: Ground, concerned: Concern, looks: list[Walk]) -> Filling:
    """The routines that put something into a container themselves, each with the containers.

    The walks that told so come to the `looks`.
    """
    found = {}
    for name, suggested in concerned.filling.items():
        words = _seen(seen.outline.routines[name], suggested, ground, concerned, looks)
        if words:
            found[name] = words
    return found


def _seen(
    routine: Routine, suggested: frozenset[str], ground: Ground, concerned: Concern, looks: list[Walk]
) -> frozenset[str]:
    filled = _filled_by(routine, concerned, ground)
    suggested &= filled.words
    if routine.parent is not None:
        # What a closure fills may be what the function around it was given.
        return suggested
    words = suggested & filled.given & known_containers(ground.outline)
    for class_name in dict.fromkeys((routine.class_name, *receivers_of(ground.outline, routine))):
        if suggested <= words:
            break
        done = walk(ground, routine, class_name, EVALUATIONS_TO_FILL, reads_all=False)
        if not done.is_complete:
            return suggested & filled.named
        looks.append(done)
        words |= {container_name(insertion.cache) or "" for insertion in done.insertions} & suggested
    return words


class Filled(msgspec.Struct, frozen=True):
    """What a routine may insert into, as its own code says."""

    words: frozenset[str]
    """The last words of it, through variables, and of what the functions name that give it."""
    named: frozenset[str]
    """The last words of it alone."""
    given: frozenset[str]
    """Those of them that a caller hands over, or an object that has them."""


def _filled_by(routine: Routine, concerned: Concern, ground: Ground) -> Filled:
    """Follow what is inserted into through the variables of the routine, whatever the order of its statements."""
    parameters = {parameter.name for parameter in routine.function.parameters[1 if routine.takes_receiver else 0 :]}
    handed = frozenset[str]().union(*(concerned.handed.get(called, ()) for called in called_as(routine)))
    others = renamed(ground.outline, routine.name)
    bound = _bound(routine)
    from_callers = set(parameters)
    while more := {n for n, values in bound.items() if n not in from_callers and _mention(values, from_callers)}:
        from_callers |= more
    words: set[str] = set()
    behind_calls: set[str] = set()
    given: set[str] = set()
    pending: list[msgspec.Struct] = list(_inserted_into(routine))
    followed: set[str] = set()
    while pending:
        node = pending.pop()
        match node:
            case ir.Name(id=name) if name in parameters:
                words |= handed
                given |= handed
                pending += bound.get(name, ()) if name not in followed else ()
                followed.add(name)
            case ir.Name(id=name) if name in bound:
                pending += bound[name] if name not in followed else ()
                followed.add(name)
            case ir.Name(id=name):
                words.add(others.get(name, name))
            case ir.Attribute(value=value, name=name):
                words.add(name)
                if _mention([value], from_callers):
                    given.add(name)
                # `entries.get(key)` is an entry of what stands before the dot.
                pending.append(value)
            case ir.Call():
                last = last_part(node.function)
                named = ground.outline.known.routines.get(last or "", ())
                behind_calls.update(*(concerned.near[one.name] for one in named))
                pending += children(node)
            case _:
                pending += children(node)
    return Filled(frozenset(words | behind_calls), frozenset(words), frozenset(given))


def _inserted_into(routine: Routine) -> Iterator[ir.Expression]:
    """What stands before the brackets, or before the dot, where something comes in."""
    for node in routine.nodes:
        match node:
            case ir.Attribute(value=receiver, name=method) if method in INSERTING_METHODS:
                yield receiver
            case ir.Assign(targets=targets):
                stores = (inner for target in targets for inner in flattened(target))
                yield from (store.value for store in stores if isinstance(store, ir.Subscript))
            case ir.Augment(target=target, operator="|"):
                yield target
            case ir.WithItem(target=ir.Subscript(value=receiver)):
                yield receiver
            case ir.Subscript(value=receiver):
                # A defaultdict's missing key comes in where it is read.
                yield receiver


def _bound(routine: Routine) -> dict[str, list[ir.Expression]]:
    """The variables of the routine, each with what it may be made from."""
    found: dict[str, list[ir.Expression]] = {}
    for node in routine.nodes:
        match node:
            case ir.Assign(targets=targets, value=value) if value is not None:
                pass
            case ir.For(target=target, iterable=value) | ir.Clause(target=target, iterable=value):
                targets = (target,)
            case ir.WithItem(target=target, context=value) if target is not None:
                targets = (target,)
            case ir.Walrus(target=target, value=value):
                targets = (target,)
            case _:
                continue
        for inner in (inner for target in targets for inner in flattened(target)):
            if isinstance(inner, ir.Name):
                found.setdefault(inner.id, []).append(value)
    return found


def _mention(expressions: Iterable[msgspec.Struct], names: set[str]) -> bool:
    nodes = (node for expression in expressions for node in in_scope(expression))
    return any(isinstance(node, ir.Name) and node.id in names for node in nodes)


def container_name(cache: Value) -> str | None:
    """The last word of a container; of one that is an entry that of the outermost."""
    while isinstance(cache, Entry):
        cache = cache.cache
    return last_name(cache)


def receivers_of(outline: Outline, routine: Routine) -> list[str | None]:
    """The classes whose `self` the function may have: its own, and those subclasses that inherit it.

    Of another module's function only classes of the module itself count.
    """
    is_own = not label_of(routine.name)
    if routine.class_name is None:
        return [None] if is_own else []
    found = (outline.classes[name] for name in heirs(outline, routine.class_name))
    inheriting = (
        blueprint.name
        for blueprint in found
        if blueprint.methods and routine.function.name not in blueprint.methods and not label_of(blueprint.name)
    )
    return [*([routine.class_name] if is_own else []), *islice(inheriting, 4)]
