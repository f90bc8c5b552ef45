"""Functions as seen by their callers: a few cheap facts about each routine, to a fixed point over the module's calls.

They decide what the walk reads through. A routine that neither touches a container nor gives a key back is taken as a
call that may or may not raise, which keeps the walk short on ordinary code.
"""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.callees import Index, called_with_arguments
from leaklint.concern import Concern, concern
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS
from leaklint.given_back import gives_something, key_givers
from leaklint.groundwork import Groundwork
from leaklint.ir_walk import flattened, last_part
from leaklint.may_raise import call_may_raise, operation_may_raise
from leaklint.outline import Outline, heirs, label_of
from leaklint.routine import Routine
from leaklint.values import word


class Summary(msgspec.Struct, frozen=True):
    """What a routine does, whatever its arguments, its callees in the module included."""

    may_raise: bool
    inserts: bool
    evicts: bool
    calls_parameters: bool
    """Whether it calls something that it was given, or changes a container that it was given."""
    builds: bool
    """Whether it is a short function that gives back anything."""
    builds_key: bool = False
    """Whether it is a short function that gives back something that a key may be in, not only what others answer."""
    touches: bool = False
    """Whether it names a container that a rule may be about, or calls a routine that does something to one."""
    is_telling: bool = False
    """Whether a walk that begins with it may see what no walk of its callees sees."""
    fills: bool = False
    """Whether an entry may come into a container by it."""
    lets_go: frozenset[str] = frozenset()
    """The containers that may lose entries by it, or of which it may end what they hold."""

    @property
    def is_worth_reading(self) -> bool:
        """Whether a walk learns something from reading through it."""
        return self.touches or self.calls_parameters or self.builds


class Survey(msgspec.Struct, frozen=True):
    """What is known of the routines of an outline, whatever containers are asked about."""

    ground: Groundwork
    spread: dict[str, Summary]
    """A summary per routine, without what it has to do with containers."""
    edges: dict[str, set[str]]
    """Each routine to those that it may call, without what a name of another module cannot mean."""
    givers: frozenset[str]
    """Those that give back what a key may be in."""

    @property
    def outline(self) -> Outline:
        """What is surveyed."""
        return self.ground.outline


def survey(ground: Groundwork) -> Survey:
    """Look at the routines."""
    outline = ground.outline
    by_last_name: dict[str, list[str]] = {}
    for name, routine in outline.routines.items():
        by_last_name.setdefault(routine.function.name, []).append(name)
    for blueprint in outline.classes.values():
        for method_name in ("__init__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__call__"):
            if method_name in blueprint.methods:
                last = word(blueprint.name).rpartition(".")[2]
                by_last_name.setdefault(last, []).append(blueprint.methods[method_name])
    known = frozenset(by_last_name)
    found = {name: _own(routine, known) for name, routine in outline.routines.items()}
    edges = {name: _within_reach(outline, name, called) for name, called in ground.reached.items()}
    return Survey(ground, _spread(found, edges), edges, key_givers(outline.routines, by_last_name))


def concern_of(seen: Survey, containers: frozenset[str], filling: dict[str, frozenset[str]] | None = None) -> Concern:
    """What the routines have to do with these containers; `filling` is what was seen to fill them, if that is known."""
    return concern(seen.outline, containers, seen.ground.changed, seen.edges, filling)


def summarise(seen: Survey, concerned: Concern) -> dict[str, Summary]:
    """A summary per routine, with regard to the containers that they are concerned with."""
    routines = seen.outline.routines
    return {
        name: msgspec.structs.replace(
            summary,
            touches=concerned.touches(name),
            is_telling=_is_telling(routines[name], concerned, seen.ground.index, seen.ground.reached[name]),
            builds_key=name in seen.givers,
            fills=bool(concerned.fills[name]),
            lets_go=concerned.lets_go(name),
        )
        for name, summary in seen.spread.items()
    }


def _is_telling(routine: Routine, concerned: Concern, found: Index, called: set[str]) -> bool:
    """Whether a walk from here may tell something of its own: a key that it passes on, an eviction after an insertion.

    What it only calls without an argument is told by that routine's own walk, if anybody may begin there.
    """
    name = routine.name
    if not concerned.acts(name):
        return False
    if concerned.near[name] or concerned.fills[name] & concerned.empties[name]:
        return True
    if any(concerned.acts(callee) and found.outline.routines[callee].is_private for callee in called):
        return True
    if not concerned.fills[name]:
        return False
    return any(concerned.fills[callee] for callee in called_with_arguments(found, routine))


def _spread(found: dict[str, Summary], callees: dict[str, set[str]]) -> dict[str, Summary]:
    """Hand facts from callees to callers until nothing changes."""
    callers: dict[str, set[str]] = {}
    for name, called in callees.items():
        for callee in called:
            callers.setdefault(callee, set()).add(name)
    pending = list(found)
    while pending:
        name = pending.pop()
        for caller in callers.get(name, ()):
            joined = _join(found[caller], found[name])
            if joined != found[caller]:
                found[caller] = joined
                pending.append(caller)
    return found


def _join(caller: Summary, callee: Summary) -> Summary:
    return Summary(
        may_raise=caller.may_raise or callee.may_raise,
        inserts=caller.inserts or callee.inserts,
        evicts=caller.evicts or callee.evicts,
        calls_parameters=caller.calls_parameters or callee.calls_parameters,
        builds=caller.builds,
    )


def _within_reach(outline: Outline, caller: str, callees: set[str]) -> set[str]:
    """What other modules' code can mean by a name: of this module's functions only those of heirs of its class.

    What it is handed as an argument is no name to it, and counts as a call of a parameter.
    """
    if not label_of(caller):
        return callees
    owner = outline.routines[caller].class_name
    if owner is None:
        return {callee for callee in callees if label_of(callee)}
    inheriting = {owner, *heirs(outline, owner)}
    return {callee for callee in callees if label_of(callee) or outline.routines[callee].class_name in inheriting}


def _own(routine: Routine, known: frozenset[str]) -> Summary:
    alone = routine.once(_alone)
    return Summary(
        may_raise=alone.raises or not alone.raising_calls <= known,
        inserts=alone.inserts,
        evicts=alone.evicts,
        calls_parameters=alone.calls_parameters,
        builds=routine.once(gives_something),
    )


class Alone(msgspec.Struct, frozen=True):
    """What a routine does by itself, whoever it calls."""

    raises: bool
    """Whether anything but a call may raise."""
    raising_calls: frozenset[str | None]
    """The last words of the calls that may raise."""
    inserts: bool
    evicts: bool
    calls_parameters: bool


def _alone(routine: Routine) -> Alone:
    function = routine.function
    parameters = {parameter.name for parameter in function.parameters[1 if routine.takes_receiver else 0 :]}
    nodes = routine.nodes
    calls = routine.nodes_of(ir.Call)
    methods = {node.name for node in routine.nodes_of(ir.Attribute)}
    targets = (target for node in routine.nodes_of(ir.Assign) for target in node.targets)
    stores = [inner for target in targets for inner in flattened(target)]
    return Alone(
        raises=any(operation_may_raise(node) for node in nodes if not isinstance(node, ir.Call)),
        raising_calls=frozenset(last_part(call.function) for call in calls if call_may_raise(call)),
        inserts=bool(methods & INSERTING_METHODS)
        or any(isinstance(target, ir.Subscript) for target in stores)
        or any(node.operator == "|" for node in routine.nodes_of(ir.Augment)),
        evicts=bool(methods & EVICTING_METHODS)
        or bool(routine.nodes_of(ir.Delete))
        or any(isinstance(target, ir.Attribute) for target in stores),
        calls_parameters=any(_names_one_of(call, parameters) for call in calls)
        or any(_changes_one_of(node, parameters) for node in nodes),
    )


def _names_one_of(call: ir.Call, names: set[str]) -> bool:
    return isinstance(call.function, ir.Name) and call.function.id in names


def _changes_one_of(node: msgspec.Struct, names: set[str]) -> bool:
    """Whether a container that was passed in gets or loses entries here."""
    match node:
        case ir.Attribute(value=ir.Name(id=name), name=method):
            return name in names and (method in INSERTING_METHODS or method in EVICTING_METHODS)
        case ir.Assign(targets=targets) | ir.Delete(targets=targets):
            stores = [inner for target in targets for inner in flattened(target)]
            bases = [target.value for target in stores if isinstance(target, ir.Subscript)]
            return any(isinstance(base, ir.Name) and base.id in names for base in bases)
        case _:
            return False
