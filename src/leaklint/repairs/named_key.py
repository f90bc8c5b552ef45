"""A key that may be another one by the end of a wait gets a name where it is inserted, so that nobody reads it anew.

A counter that the object moves on with every request is one, a variable that is bound again behind the insertion too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import assigned_attributes, below, last_part
from leaklint.outline import family
from leaklint.repairs.changes import Change, Hoist, InsertBefore, ReplaceExpression
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import bound_by
from leaklint.repairs.layout import text_of
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import locals_of

if TYPE_CHECKING:
    import msgspec

    from leaklint.outline import Outline
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.stretch import Stretch
    from leaklint.routine import Routine

MOVED_ON = "what the key reads may have changed when the entry would be evicted"

_ONLY_READ = ir.Name | ir.Attribute | ir.Constant | ir.Text | ir.Template | ir.Display
_PAUSES_OR_REPEATS = ir.Await | ir.Yield | ir.For | ir.While


def moves_on(intent: Intent, stretch: Stretch, key: ir.Expression) -> bool:
    """Whether what a key reads may change behind the insertion: other operations may set the attributes in it."""
    _, variables = _read(key)
    behind = (node for node in below(stretch.function) if isinstance(node, ir.Node) and node.at > stretch.insertion.at)
    return others_move_on(intent, stretch, key) or any(not bound_by(node).isdisjoint(variables) for node in behind)


def others_move_on(intent: Intent, stretch: Stretch, key: ir.Expression) -> bool:
    """Whether other operations may set what a key reads; what the function's own variables do is told elsewhere."""
    attributes, variables = _read(key)
    return _is_set(intent, stretch, attributes) or _are_set_module_wide(intent, stretch, variables)


def name_the_key(intent: Intent, stretch: Stretch, key: ir.Expression) -> tuple[str, tuple[Change, ...]]:
    """Return a name for the `key` of the insertion, and the changes that bind it above.

    Raises RefusedError where the key does more than to read, or might be another one where it would get its name.
    """
    layout = intent.layout
    if not all(isinstance(node, _ONLY_READ) for node in below(key)):
        raise RefusedError("the key is made by calls, and may be another one when the wait is over")
    wanted = (last_part(key) or "").strip("_").lower() if isinstance(key, ir.Attribute | ir.Name) else ""
    name = free_name(wanted or "key", stretch.function, layout.names)
    if wanted and name != wanted:
        name = free_name(f"inserted_{wanted}", stretch.function, layout.names)
    around = stretch.sibling(stretch.first)
    _require_unchanged_up_to(intent, stretch, around, key)
    if around is not stretch.insertion:
        line = f"{name} = {text_of(layout, key.at)}"
        return name, (InsertBefore(around, (line,), above_comments=False), ReplaceExpression(key.at, name))
    if evaluation_order(layout, around, key) not in ("kept", "reads"):
        raise RefusedError("the key cannot be given a name without changing the order of evaluation")
    return name, (Hoist(around, key, name),)


def _require_unchanged_up_to(intent: Intent, stretch: Stretch, around: ir.Statement, key: ir.Expression) -> None:
    """Raise RefusedError unless the key is the same at the beginning of a statement and at the insertion in it."""
    attributes, variables = _read(key)
    end = stretch.insertion.at.end_line, stretch.insertion.at.end_column
    before = [node for node in below(around) if isinstance(node, ir.Node) and (node.at.line, node.at.column) < end]
    changed = [node for node in before if assigned_attributes(node) & attributes or bound_by(node) & variables]
    calls = any(isinstance(node, ir.Call) for node in before)
    if changed or any(isinstance(node, _PAUSES_OR_REPEATS) for node in before):
        raise RefusedError("the key may be another one above the statement that the insertion is in")
    if calls and _is_set(intent, stretch, attributes, by_others=True):
        raise RefusedError("what is called before the insertion may change the key")


def _read(key: ir.Expression) -> tuple[set[str], set[str]]:
    """The attributes and the variables that a key reads."""
    nodes = list(below(key))
    attributes = {node.name for node in nodes if isinstance(node, ir.Attribute)}
    return attributes, {node.id for node in nodes if isinstance(node, ir.Name)}


def _is_set(intent: Intent, stretch: Stretch, attributes: set[str], *, by_others: bool = False) -> bool:
    """Whether a function that is no constructor sets one of the attributes, of an object that may be the same."""
    outline = intent.evidence.outline
    here = outline.routines[outline.names_at[stretch.function.at]]
    routines = [one for one in outline.routines.values() if one.function.name != "__init__"]
    others = [one for one in routines if one is not here or not by_others]
    return any(
        not (_is_own(routine, node) and _is_of_another_class(outline, here, routine, attribute))
        for routine in others
        for node in routine.nodes
        for attribute in assigned_attributes(node) & attributes
    )


def _are_set_module_wide(intent: Intent, stretch: Stretch, variables: set[str]) -> bool:
    """Whether a function sets one of the variables for the whole module."""
    shared = variables - locals_of(stretch.function)
    return any(
        not shared.isdisjoint(routine.function.global_names) and any(bound_by(node) & shared for node in routine.nodes)
        for routine in intent.evidence.outline.routines.values()
    )


def _is_own(routine: Routine, node: msgspec.Struct) -> bool:
    """Whether a node sets attributes of the instance that the method belongs to, and of nothing else."""
    receiver = routine.function.parameters[0].name if routine.takes_receiver and routine.function.parameters else None
    match node:
        case ir.Assign(targets=targets):
            owners = [target.value for target in targets if isinstance(target, ir.Attribute)]
        case ir.Augment(target=ir.Attribute(value=owner)):
            owners = [owner]
        case _:
            return False
    return bool(owners) and all(isinstance(owner, ir.Name) and owner.id == receiver for owner in owners)


def _is_of_another_class(outline: Outline, here: Routine, other: Routine, attribute: str) -> bool:
    if here.class_name is None or other.class_name is None:
        return False
    return family(outline, here.class_name, attribute) != family(outline, other.class_name, attribute)
