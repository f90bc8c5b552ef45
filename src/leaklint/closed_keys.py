"""What shows that a container stays small though nothing evicts from it: its keys are those of a closed set.

Each question is about one insertion, and goes by what stands around it: where the key comes from, how often the
insertion can happen, and what the entry weighs.
"""

from __future__ import annotations

from collections.abc import Iterator

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.flow.events import Insertion, Place
from leaklint.growth import is_shared, words_of
from leaklint.ir_walk import in_scope, last_part
from leaklint.may_raise import LOGGING_METHODS
from leaklint.own_keys import is_given_once
from leaklint.routine import Routine
from leaklint.same_caches import cache_name
from leaklint.stories import Story
from leaklint.usage import MAKES_THE_OBJECT, keeps_its_entries
from leaklint.values import (
    Constant,
    Element,
    Entry,
    Field,
    Instance,
    Item,
    Parameter,
    Result,
    Value,
    holes,
    within,
)


def is_closed(evidence: Evidence, story: Story) -> bool:
    """Whether the keys, as far as the code around the insertion says, are of a closed set."""
    return any(question(evidence, story) for question in _QUESTIONS)


def _is_of_what_its_owner_has(evidence: Evidence, story: Story) -> bool:
    """Whether the key belongs to an element of what the same object was made with: there are as many as of those."""
    cache = story.insertion.cache
    if not isinstance(cache, Field) or is_shared(evidence, cache):
        return False
    parts = holes(story.insertion.key)
    return bool(parts) and all(_is_of_an_element(evidence, part, cache) for part in parts)


def _is_of_an_element(evidence: Evidence, part: Value, cache: Field) -> bool:
    match part:
        case Field(base=base):
            return _is_of_an_element(evidence, base, cache)
        case Element(iterable=iterable):
            held = next((inner for inner in _containers_of(iterable) if inner.base == cache.base), None)
            return held is not None and held != cache and _is_given_whole(evidence, held.name)
        case _:
            return False


def _containers_of(iterable: Value) -> Iterator[Field]:
    """The attribute that is gone through: `self._plugins`, its `values()`, one of its entries."""
    match iterable:
        case Field():
            yield iterable
        case Item(base=base) | Entry(cache=base):
            yield from _containers_of(base)
        case Result(callee=callee, inputs=(receiver, *_)) if callee.rpartition(".")[2] in ("keys", "values", "items"):
            yield from _containers_of(receiver)
        case _:
            return


def _is_given_whole(evidence: Evidence, name: str) -> bool:
    """Whether the constructor gives the attribute its value, and nothing is taken out of it for others to come in."""
    is_made_once = name in evidence.assignments and name not in evidence.set_later
    return is_made_once and keeps_its_entries(evidence.outline, name) and not evidence.project_evicts(name)


def _is_of_its_owner(evidence: Evidence, story: Story) -> bool:
    """Whether the object enters under a key that it has for itself: one entry for each object that lives so long."""
    cache = story.insertion.cache
    parts = holes(story.insertion.key)
    is_own = isinstance(cache, Field) and isinstance(cache.base, Instance) and not is_shared(evidence, cache)
    return is_own and bool(parts) and all(is_given_once(evidence, part) for part in parts)


def _only_logs(evidence: Evidence, story: Story) -> bool:
    """Whether the entry keeps a message from being logged twice: what is logged weighs more than what is kept."""
    insertion = story.insertion
    name, routine = cache_name(insertion.cache), evidence.outline.routines.get(insertion.place.function)
    if name is None or routine is None or not _is_mark(insertion.value, insertion.key):
        return False
    others = (other for other in evidence.outline.routines.values() if other is not routine)
    is_asked_elsewhere = any(
        last_part(node) == name
        for other in others
        if other.function.name not in MAKES_THE_OBJECT
        for node in other.nodes
        if isinstance(node, ir.Attribute | ir.Name)
    )
    return not is_asked_elsewhere and _does_nothing_but_log(routine, name)


def _is_mark(value: Value, key: Value) -> bool:
    return value == key or isinstance(value, Constant)


def _does_nothing_but_log(routine: Routine, name: str) -> bool:
    done = [node.value for node in routine.nodes if isinstance(node, ir.Evaluate)]
    calls = [node for node in done if isinstance(node, ir.Call) and not _is_on(node, name)]
    gives_back = any(isinstance(node, ir.Return) and node.value is not None for node in routine.nodes)
    waits = any(isinstance(node, ir.Await | ir.Yield) for node in routine.nodes)
    return bool(calls) and all(map(_is_logging, calls)) and not gives_back and not waits


def _is_on(call: ir.Call, name: str) -> bool:
    return isinstance(call.function, ir.Attribute) and last_part(call.function.value) == name


def _is_logging(call: ir.Call) -> bool:
    match call.function:
        case ir.Attribute(value=value, name=method):
            receiver = words_of(last_part(value) or "")
            logs = method in LOGGING_METHODS and not receiver.isdisjoint({"log", "logger", "logging"})
            return logs or (method == "warn" and "warnings" in receiver)
        case _:
            return False


_PLAIN = frozenset("None bool bytes float int str tuple Tuple Optional Union".split())


def _is_memo_of_plain_data(evidence: Evidence, story: Story) -> bool:
    """Whether a function finds out some plain data for a key, keeps it to be asked again, and gives it back."""
    insertion = story.insertion
    name, routine = cache_name(insertion.cache), evidence.outline.routines.get(insertion.place.function)
    if name is None or routine is None or _is_made_of_its_own(insertion):
        return False
    declared = [node.annotation for _, node in evidence.assignments.get(name, ()) if isinstance(node, ir.Assign)]
    said = [annotation for annotation in declared if annotation is not None]
    return bool(said) and all(map(_is_of_plain_values, said)) and _gives_back_what_it_keeps(routine, name)


def _is_made_of_its_own(insertion: Insertion) -> bool:
    """Whether the value goes on from what was there: such an entry is a state, and nothing that is found out."""
    return any(isinstance(part, Entry) and part.cache == insertion.cache for part in within(insertion.value))


def _is_of_plain_values(annotation: ir.Expression) -> bool:
    match annotation:
        case ir.Subscript(index=ir.Display(items=(_, values))):
            named = [node for node in in_scope(values) if isinstance(node, ir.Name | ir.Attribute)]
            return bool(named) and all(last_part(node) in _PLAIN for node in named)
        case _:
            return False


def _gives_back_what_it_keeps(routine: Routine, name: str) -> bool:
    """Whether the variable that the function puts in is what it gives back, and what it looks up it gives back, too."""
    kept = {
        node.value.id
        for node in routine.nodes
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Name)
        for target in node.targets
        if isinstance(target, ir.Subscript) and last_part(target.value) == name
    }
    given = [node.value for node in routine.nodes if isinstance(node, ir.Return) and node.value is not None]
    parts = [part for value in given for part in in_scope(value)]
    found = {
        node.target.id if isinstance(node, ir.Walrus) else target.id
        for node in routine.nodes
        if isinstance(node, ir.Walrus | ir.Assign) and _looks_up(node.value, name)
        for target in (node.targets if isinstance(node, ir.Assign) else (node.target,))
        if isinstance(target, ir.Name)
    }
    named = {part.id for part in parts if isinstance(part, ir.Name)}
    gives_found = not found.isdisjoint(named) or any(_looks_up(part, name) for part in parts)
    return gives_found and not kept.isdisjoint(named)


def _looks_up(node: object, name: str) -> bool:
    match node:
        case ir.Subscript(value=value) | ir.Call(function=ir.Attribute(value=value, name="get")):
            return last_part(value) == name
        case _:
            return False


def _is_handed_in_by_nobody(evidence: Evidence, story: Story) -> bool:
    """Whether a function without parameters makes the key of what it asks the program's settings for."""
    name, routine = cache_name(story.insertion.cache), evidence.outline.routines.get(story.insertion.place.function)
    if name is None or routine is None or routine.parent is not None or routine.function.parameters:
        return False
    keys = [
        target.index
        for node in routine.nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Subscript) and last_part(target.value) == name
    ]
    return bool(keys) and all(_is_told_by_calls(key, _assigned_to(routine)) for key in keys)


def _assigned_to(routine: Routine) -> dict[str, list[ir.Expression]]:
    """What the assignments of the function give to its variables."""
    found: dict[str, list[ir.Expression]] = {}
    for node in routine.nodes:
        if isinstance(node, ir.Assign) and node.value is not None:
            for target in node.targets:
                if isinstance(target, ir.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _is_told_by_calls(key: ir.Expression, assigned: dict[str, list[ir.Expression]]) -> bool:
    """Whether all that the key is made of comes out of functions that are called by their names."""
    pending, seen = [key], {""}
    while pending:
        parts = list(in_scope(pending.pop()))
        called = {id(part.function) for part in parts if isinstance(part, ir.Call)}
        for part in parts:
            if isinstance(part, ir.Name) and id(part) not in called and part.id not in seen:
                if part.id not in assigned:
                    return False
                seen.add(part.id)
                pending += assigned[part.id]
    return True


def _is_listed(evidence: Evidence, story: Story) -> bool:
    """Whether the keys are what a listing has that is asked for without saying of what: all there is, each time."""
    insertion = story.insertion
    parts = holes(insertion.key)
    listed = [part for hole in parts for part in within(hole) if isinstance(part, Element) and _is_of_a_listing(part)]
    if not parts or any(not any(part in listed for part in within(hole)) for hole in parts):
        return False
    return not any(_goes_on(evidence, place) for place in (insertion.place, *insertion.stack))


def _is_of_a_listing(element: Element) -> bool:
    iterable = element.iterable
    while isinstance(iterable, Field):
        iterable = iterable.base
    if not isinstance(iterable, Result) or len(iterable.inputs) > iterable.callee.count("."):
        return False
    return all(map(_is_asked_for_all, iterable.inputs))


def _is_asked_for_all(receiver: Value) -> bool:
    """Whether it is what the object has, or opens itself by a class, and nothing that came in."""
    match receiver:
        case Field(base=base):
            return _is_asked_for_all(base)
        case Result(callee=callee):
            return any(part[:1].isupper() for part in callee.split("."))
        case _:
            return not any(isinstance(part, Parameter | Element) for part in within(receiver))


def _goes_on(evidence: Evidence, place: Place) -> bool:
    """Whether it stands in a loop that goes on with what comes in: that is a stream and no listing."""
    routine = evidence.outline.routines.get(place.function)
    loops = (node for node in routine.nodes if isinstance(node, ir.While | ir.For)) if routine is not None else ()
    return any((isinstance(loop, ir.While) or loop.is_async) and loop.at.contains(place.at) for loop in loops)


def _is_of_definitions(evidence: Evidence, story: Story) -> bool:
    """Whether the value is made of what was asked to be a function or a class: the program defines so many of these."""
    name, routine = cache_name(story.insertion.cache), evidence.outline.routines.get(story.insertion.place.function)
    checked = _checked_definitions(routine) if routine is not None else set()
    if routine is None or not checked:
        return False
    kept = [
        node.value
        for node in routine.nodes
        if isinstance(node, ir.Assign) and node.value is not None and _changes_an_entry(node, name)
    ]
    assigned = _assigned_to(routine)
    made = [*kept, *(value for one in kept if isinstance(one, ir.Name) for value in assigned.get(one.id, ()))]
    return any(isinstance(part, ir.Name) and part.id in checked for value in made for part in in_scope(value))


def _checked_definitions(routine: Routine) -> set[str]:
    """The variables that the routine asks `inspect` about: `inspect.isclass(loaded)`."""
    return {
        call.arguments[0].value.id
        for call in routine.nodes
        if isinstance(call, ir.Call) and last_part(call.function) in ("isclass", "isfunction", "ismethod")
        if call.arguments and isinstance(call.arguments[0].value, ir.Name)
    }


def _is_a_balance(evidence: Evidence, story: Story) -> bool:
    """Whether amounts are added under the key and taken off again: they are of the items, which the key has many of."""
    name = cache_name(story.insertion.cache)
    changes = [
        node
        for routine in evidence.outline.routines.values()
        for node in routine.nodes
        if isinstance(node, ir.Assign | ir.Augment) and _changes_an_entry(node, name)
    ]
    sums = [node for node in changes if isinstance(node, ir.Augment)]
    is_counted = all(isinstance(node.value, ir.Constant) for node in sums)
    return sums == changes and {node.operator for node in sums} == {"+", "-"} and not is_counted


def _changes_an_entry(node: ir.Assign | ir.Augment, name: str | None) -> bool:
    targets = node.targets if isinstance(node, ir.Assign) else (node.target,)
    return any(isinstance(target, ir.Subscript) and last_part(target.value) == name for target in targets)


_QUESTIONS = (
    _is_of_what_its_owner_has,
    _is_of_its_owner,
    _only_logs,
    _is_memo_of_plain_data,
    _is_handed_in_by_nobody,
    _is_listed,
    _is_of_definitions,
    _is_a_balance,
)
