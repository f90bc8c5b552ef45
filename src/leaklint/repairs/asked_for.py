"""Whether anybody asks for the entries of a container beside the function that ends their values.

Who does would find nothing once a repair evicts them: a lookup raises, a report leaves the item out, a pool makes
another. What only puts entries in, counts them, or goes through them when the container's life ends, does not ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.model import MODULES_APART
from leaklint.outline import family
from leaklint.repairs.find import function_of, shared_block, standing_in, statement_around
from leaklint.repairs.layout import text_of
from leaklint.repairs.lookup import cache_names, is_cache
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.sweeps import only_ends_all, with_parents
from leaklint.routine import Routine
from leaklint.same_caches import cache_name
from leaklint.values import Field, Instance

if TYPE_CHECKING:
    from collections.abc import Collection

    from leaklint.evidence import Evidence
    from leaklint.flow.events import Release
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.sweeps import Parents
    from leaklint.values import Value


class Asking(msgspec.Struct, frozen=True, eq=False):
    """What is needed to judge a mention of the container."""

    layout: Layout
    evidence: Evidence
    word: str
    own: ir.Function
    endings: tuple[ir.Statement, ...]
    """The statements that end a value, in whatever function."""


def is_asked_for(
    layout: Layout, evidence: Evidence, cache: Value, own: ir.Function, releases: Collection[Release]
) -> bool:
    """Whether a function beside `own` asks for an entry; `releases` are the ends of the container's values.

    Other functions that end a value ask only for what they end, and may if they take a missing key.
    """
    word = cache_name(cache)
    assert word is not None
    if evidence.project_names(word):
        return True
    endings = tuple(statement_around(layout, release.place.at) for release in releases)
    methods = {release.method for release in releases}
    asking = Asking(layout, evidence, word, own, endings)
    ending = [function_of(layout, statement).at for statement in endings]
    for routine in evidence.outline.routines.values():
        if routine.function.at == own.at:
            continue
        names, is_end = cache_names(routine.function, word), routine.function.at in ending
        if only_ends_all(routine.function, names, methods):
            continue
        others = {word} if _is_of_another_class(evidence, routine, cache, word) else set()
        asked = (
            node
            for node, parents in with_parents(routine.function)
            if is_cache(node, names) and not _is_own(node, others) and not _is_harmless(node, parents, is_end=is_end)
        )
        if any(not _is_excused(asking, node, routine) for node in asked):
            return True
    return False


def _is_of_another_class(evidence: Evidence, routine: Routine, cache: Value, word: str) -> bool:
    """Whether the attribute of that name that a method's own object has is another container."""
    match cache:
        case Field(base=Instance(class_name=owner)) if routine.class_name is not None:
            return family(evidence.outline, routine.class_name, word) != owner
        case _:
            return False


def _is_own(node: msgspec.Struct, words: Collection[str]) -> bool:
    """Whether it is an attribute of the method's own object that goes by one of the words."""
    return isinstance(node, ir.Attribute) and node.name in words and last_part(node.value) in ("self", "cls")


def _is_harmless(node: msgspec.Struct, parents: Parents, *, is_end: bool) -> bool:
    """Whether a mention puts entries in, counts them, or looks one up to end it if it is there."""
    match parents[0]:
        case ir.Subscript(value=value) if value is node:
            outer = parents[1]
            return isinstance(outer, ir.Assign) and any(target is parents[0] for target in outer.targets)
        case ir.Attribute(value=value, name=method) if value is node:
            return method in ("update", "clear") or (method == "get" and is_end)
        case ir.Assign() | ir.If() | ir.While() | ir.Not() | ir.Boolean():
            return True
        case ir.Compare(operator="in" | "not in"):
            return is_end
        case ir.Argument():
            call = parents[1]
            return isinstance(call, ir.Call) and last_part(call.function) in ("len", "bool")
        case _:
            return False


def _is_excused(asking: Asking, node: msgspec.Struct, routine: Routine) -> bool:
    """Whether a lookup finds what it looks for all the same, going by where it stands."""
    if not isinstance(node, ir.Node) or node.at.line >= MODULES_APART:
        return False
    try:
        return _is_put_in_before(asking, node) or _only_helps(asking, routine)
    except RefusedError:
        return False


def _lookup_around(asking: Asking, node: ir.Node) -> ir.Subscript | None:
    statement = statement_around(asking.layout, node.at)
    found = (one for one in below(statement) if isinstance(one, ir.Subscript) and one.value is node)
    return next(found, None)


def _is_put_in_before(asking: Asking, node: ir.Node) -> bool:
    """Whether the statements before have put in what is looked up, without a condition."""
    layout, lookup = asking.layout, _lookup_around(asking, node)
    if lookup is None:
        return False
    reading = statement_around(layout, node.at)
    text = text_of(layout, lookup.at)
    for putting in below(function_of(layout, reading)):
        if not isinstance(putting, ir.Assign) or putting is reading:
            continue
        if any(isinstance(one, ir.Subscript) and text_of(layout, one.at) == text for one in putting.targets):
            block = shared_block(layout, [putting, reading])
            first, second = standing_in(layout, putting, block), standing_in(layout, reading, block)
            if first is not None and second is not None and first < second and block.statements[first] is putting:
                return True
    return False


def _only_helps(asking: Asking, routine: Routine) -> bool:
    """Whether a private helper is only ever called by what ends the values, or before that in the same function."""
    name = routine.function.name
    if not name.startswith("_") or name.startswith("__"):
        return False
    calls = {id(node.function): node for node in below(asking.layout.module) if isinstance(node, ir.Call)}
    mentions = [
        node
        for node in below(asking.layout.module)
        if isinstance(node, ir.Name | ir.Attribute) and last_part(node) == name
    ]
    first = min((end.at.line, end.at.column) for end in asking.endings if asking.own.at.contains(end.at))
    return bool(mentions) and all(
        id(node) in calls
        and (
            any(ending.at.contains(node.at) for ending in asking.endings)
            or (asking.own.at.contains(node.at) and (node.at.line, node.at.column) < first)
        )
        for node in mentions
    )
