"""Reading and storing attributes and subscripts, of known objects, of known containers, of caches and of the rest."""

from __future__ import annotations

from leaklint import ir
from leaklint.containers import COUNT, Kind
from leaklint.flow.caches import (
    class_of,
    container,
    default_factory,
    evict,
    insert,
    is_cache,
    is_picked_from,
    kind_of,
    membership,
    sweep,
)
from leaklint.flow.events import Mark, Written
from leaklint.flow.iteration import as_index, content_at, part_of
from leaklint.flow.machine import Arguments, Context, Valued, Ways, value_of
from leaklint.flow.names import member
from leaklint.flow.releases import note_store
from leaklint.flow.state import Raised, State
from leaklint.model import Span
from leaklint.outline import method
from leaklint.values import (
    Allocated,
    Applied,
    ClassReference,
    Closure,
    Constant,
    Element,
    Entry,
    Field,
    Instance,
    Item,
    Text,
    Value,
)

COUNTED = frozenset({COUNT, "bool", "float", "int"})
"""What a defaultdict of numbers builds: who reads such a count keeps nothing."""


def read_attribute(base: Value, name: str, node: ir.Attribute, state: State, context: Context, ways: Ways) -> Valued:
    """`base.name`: what was stored there on this path, a method, a property's result, or the attribute as a symbol."""
    outline = context.machine.outline
    stored = state.fields.get((base, name))
    if stored is not None:
        return [(state, stored)]
    if isinstance(base, Allocated):
        held = content_at(base, Text(name), state)
        if held is not None:
            return [(state, held)]
    if name == "__class__" and isinstance(base, Instance):
        return [(state, ClassReference(base.class_name))]
    of_module = member(base, name, outline)
    if of_module is not None:
        return [(state, of_module)]
    owner = class_of(base, outline)
    routine = method(outline, owner, name) if owner else None
    if routine is None or owner is None:
        return [(state, Field(base, name))]
    if {"property", "cached_property"} & set(routine.decorations):
        return context.machine.call(Closure(routine.name, 0, base), Arguments(), node, state, context, ways)
    is_unbound = not routine.takes_receiver or (
        isinstance(base, ClassReference) and "classmethod" not in routine.decorations
    )
    return [(state, Closure(routine.name, 0, None if is_unbound else base))]


def store_attribute(base: Value, name: str, value: Value, at: Span, state: State, context: Context) -> None:
    """`base.name = value`. A new container in place of a cache evicts all that the old one held."""
    if isinstance(base, Allocated):
        others = tuple(pair for pair in state.contents.get(base, ()) if pair[0] != Text(name))
        state.contents[base] = (*others, (Text(name), value))
        return
    path = container(Field(base, name), state, context.machine.outline)
    if isinstance(value, Allocated) and value.kind in ("dict", "set", "list"):
        if kind_of(path, context.machine.outline) in (Kind.MAPPING, Kind.SET):
            evict(path, None, at, state, context)
        state.published[value] = path
    elif is_picked_from(value, path):
        sweep(path, at, state, context)
    state.fields[(base, name)] = value


def read_item(base: Value, index: Value, node: ir.Subscript, state: State, context: Context, ways: Ways) -> Value:
    """`base[index]`. Of a defaultdict that is an insertion if the key may be missing, of another cache a KeyError."""
    outline = context.machine.outline
    position = as_index(index)
    if position is not None:
        part = part_of(base, position, state)
        if part is not None:
            return part
    if isinstance(base, Allocated) and base not in state.published:
        return content_at(base, index, state) or _some_element(base, index, state) or Item(base, index)
    cache = container(base, state, outline)
    if not is_cache(cache, outline):
        return Item(base, index)
    factory = default_factory(cache, outline)
    is_kept = factory is not None and (factory not in COUNTED or node.at == context.augmented)
    if is_kept and state.facts.get(membership(cache, index)) is not True:
        insert(
            cache, index, written_key(node.index, index, state, context), Entry(cache, index), node.at, state, context
        )
    fact = membership(cache, index)
    if ways.is_guarded and state.facts.get(fact) is not True:
        missing = state.copy()
        missing.facts[fact] = False
        mark = Mark("raise", context.place(node.at), "[]")
        missing.mark(mark)
        ways.add_raise(missing, Raised("error", "KeyError", mark))
    held = state.entries.get((cache, index))
    if held is not None and isinstance(held.value, Allocated) and held.value.kind == "record":
        return held.value
    return Entry(cache, index)


def _some_element(base: Allocated, index: Value, state: State) -> Value | None:
    """The element of a known list under an unknown index: on the first pass of a loop the first one, and so on."""
    contents = state.contents.get(base, ())
    if base.kind != "list" or not contents:
        return None
    number = index.turns[-1].number if isinstance(index, Element) and index.turns else 1
    return contents[min(number, len(contents)) - 1][1]


def store_item(base: Value, index: Value, value: Value, node: ir.Subscript, state: State, context: Context) -> None:
    """`base[index] = value`: an insertion, or a change to a known container."""
    if isinstance(base, Allocated):
        others = tuple(pair for pair in state.contents.get(base, ()) if pair[0] != index)
        state.contents[base] = (*others, (index, value))
        if base not in state.published:
            return
    cache = container(base, state, context.machine.outline)
    if kind_of(cache, context.machine.outline) is not Kind.SET:
        insert(cache, index, written_key(node.index, index, state, context), value, node.at, state, context)
        note_store(cache, index, value, node.at, state, context)


def written_key(expression: ir.Expression, value: Value, state: State, context: Context) -> Written:
    """The key as it stands in the code, with the attribute or variable it is read from, here and by the caller."""
    if isinstance(expression, ir.Name):
        own = Applied("variable", (Text(expression.id), Constant(str(context.frame))))
        origin = context.machine.origins.get((context.frame, expression.id))
        inherited = origin[1] if origin is not None and origin[0] == value else ()
        return Written(expression.at, (own, *inherited))
    if not isinstance(expression, ir.Attribute):
        return Written(expression.at)
    base = value_of(expression.value, state, context, Ways())
    return Written(expression.at, (Field(base, expression.name),))
