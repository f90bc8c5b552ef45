"""Which routines a routine may call, hand over or read as a property, as far as a walk can find them.

Where a name or a receiver says what it stands for, only that counts; an attribute of anything else may be any class's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.outline import Outline, label_of, method, renamed, resolve
from leaklint.receivers import Receivers, classes_of, receivers
from leaklint.routine import Routine
from leaklint.values import word

RUN_UNSEEN = ("__init__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__")
"""Methods that Python runs where the code names the class, or an object of it."""


class Index(msgspec.Struct, frozen=True):
    """The outline's routines, sorted by how they may be meant."""

    outline: Outline
    by_word: dict[str, frozenset[str]]
    """Last word to the routines and the constructors that may be meant by it, behind a dot."""
    kin: dict[str, str]
    """A class to one of all that it is connected with by bases, the same one for all of them."""
    defining: dict[str, list[tuple[str, str]]]
    """A method's name to the classes that define one, each with its routine."""
    nested: dict[tuple[str, str], list[str]]
    """A routine and a name to the routines of this name that are nested in it."""
    instances: dict[str, tuple[str | None, str | None]]
    """What each routine calls the instance or the class, and which class that is."""
    receivers: Receivers
    """What stands before the dots."""

    def is_of_use(self, attribute: str) -> bool:
        """Whether an attribute of this name may mean a routine, by itself or behind the class that it names."""
        return attribute in self.by_word or attribute in self.defining or attribute == "__class__"


def index(outline: Outline) -> Index:
    """Sort the routines."""
    by_word: dict[str, set[str]] = {}
    for name, routine in outline.routines.items():
        if routine.parent is None:
            by_word.setdefault(routine.function.name, set()).add(name)
    for name in outline.classes:
        by_word.setdefault(word(name).rpartition(".")[2], set()).update(_run_by_class(outline, name))
    nested: dict[tuple[str, str], list[str]] = {}
    for name, routine in outline.routines.items():
        if routine.parent is not None:
            nested.setdefault((routine.parent, routine.function.name), []).append(name)
    instances = {name: _receiver(routine, outline) for name, routine in outline.routines.items()}
    words = {last: frozenset(names) for last, names in by_word.items()}
    defining: dict[str, list[tuple[str, str]]] = {}
    for blueprint in outline.classes.values():
        for method_name, name in blueprint.methods.items():
            defining.setdefault(method_name, []).append((blueprint.name, name))
    return Index(outline, words, _kin(outline), defining, nested, instances, receivers(outline, words))


def called_by(found: Index, routine: Routine) -> set[str]:
    """Those that one routine may call."""
    others = renamed(found.outline, routine.name)
    attributes = (node for node in routine.nodes_of(ir.Attribute) if found.is_of_use(node.name) or node.name in others)
    calls = (node for node in routine.nodes_of(ir.Call) if isinstance(node.function, ir.Name))
    nodes: Iterator[msgspec.Struct] = itertools.chain(
        routine.function.decorators,
        attributes,
        calls,
        routine.nodes_of(ir.WithItem),
        {node.id: node for node in routine.nodes_of(ir.Name)}.values(),
        routine.nodes_of(ir.Lambda),
        routine.nodes_of(ir.Define),
    )
    return {callee for node in nodes for callee in _named(found, routine, node)}


def called_with_arguments(found: Index, routine: Routine) -> set[str]:
    """The routines that a routine may call with something that may be a key."""
    calls = [node.function for node in routine.nodes_of(ir.Call) if node.arguments]
    return {callee for function in calls for callee in _named(found, routine, function)}


def _kin(outline: Outline) -> dict[str, str]:
    """Sort classes into families: what `self.run` means may stand in any class that an heir has in common."""
    near: dict[str, list[str]] = {name: [] for name in outline.classes}
    for blueprint in outline.classes.values():
        for base in blueprint.bases:
            if base in near:
                near[base].append(blueprint.name)
                near[blueprint.name].append(base)
    found: dict[str, str] = {}
    for first in near:
        pending = [first] if first not in found else []
        while pending:
            name = pending.pop()
            if name not in found:
                found[name] = first
                pending += near[name]
    return found


def _run_by_class(outline: Outline, name: str) -> set[str]:
    found = (method(outline, name, special) for special in RUN_UNSEEN)
    return {routine.name for routine in found if routine is not None}


def _named(found: Index, routine: Routine, node: msgspec.Struct) -> Iterator[str]:
    """The routines that one node of a routine may stand for, or run."""
    outline = found.outline
    match node:
        case ir.Attribute(value=ir.Name(id=name), name=attribute) if name == found.instances[routine.name][0]:
            owner = found.instances[routine.name][1]
            yield from _methods(found, owner, attribute)
            if attribute == "__class__":
                yield from _run_by_heirs(found, owner)
        case ir.Attribute(value=ir.Call(function=ir.Name(id="super")), name=attribute):
            yield from _methods(found, found.instances[routine.name][1], attribute)
        case ir.Attribute(value=value, name=attribute):
            yield from _behind_a_dot(found, routine, value, attribute)
        case ir.Call(function=ir.Name(id=name)) | ir.WithItem(context=ir.Name(id=name)):
            receiver, owner = found.instances[routine.name]
            if name == receiver:
                yield from _run_by_heirs(found, owner)
        case ir.Name(id=name):
            yield from _meant(found, routine, name)
        case ir.Lambda(function=function) | ir.Define(function=function) if function.at in outline.names_at:
            yield outline.names_at[function.at]


def _behind_a_dot(found: Index, routine: Routine, value: ir.Expression, attribute: str) -> Iterator[str]:
    """What an attribute may be: of a class, what it and its relatives define; of what is not known, anything."""
    outline = found.outline
    attribute = renamed(outline, routine.name).get(attribute, attribute)
    if isinstance(value, ir.Text | ir.Template | ir.Constant):
        return
    if isinstance(value, ir.Name) and value.id not in outline.local_names[routine.name]:
        target = resolve(outline, value.id, routine.name)
        if target in outline.classes:
            yield from _methods(found, target, attribute)
            yield from _run_by_class(outline, f"{target}.{attribute}")
            return
        if not label_of(routine.name) and value.id in outline.imports and not label_of(target):
            # A module that is not looked at.
            return
    named = found.by_word.get(attribute, ())
    classes = classes_of(found.receivers, value, routine) if named else None
    if classes is None:
        yield from named
    else:
        for owner in classes:
            yield from _methods(found, owner, attribute)


def _receiver(routine: Routine, outline: Outline) -> tuple[str | None, str | None]:
    """The name of the instance or class in a method and in what is nested in one, and the class."""
    inner: Routine | None = routine
    while inner is not None and inner.class_name is None:
        inner = outline.routines.get(inner.parent or "")
    if inner is None or not inner.takes_receiver or not inner.function.parameters:
        return None, None
    return inner.function.parameters[0].name, inner.class_name


def _methods(found: Index, class_name: str | None, name: str) -> Iterator[str]:
    """The methods that an attribute of the class or its instance may be, whichever heir it belongs to."""
    family = found.kin.get(class_name or "")
    if family is not None:
        yield from (routine for owner, routine in found.defining.get(name, ()) if found.kin[owner] == family)


def _run_by_heirs(found: Index, class_name: str | None) -> Iterator[str]:
    for special in RUN_UNSEEN:
        yield from _methods(found, class_name, special)


def _meant(found: Index, routine: Routine, name: str) -> Iterator[str]:
    """What a name stands for: a nested function, one of the module, one imported, or a class."""
    outline = found.outline
    inner: Routine | None = routine
    while inner is not None:
        yield from found.nested.get((inner.name, name), ())
        inner = outline.routines.get(inner.parent or "")
    target = resolve(outline, name, routine.name)
    if target in outline.classes:
        yield from _run_by_class(outline, target)
    elif target in outline.routines:
        yield target
