"""Names for what a repair adds: telling, in the words of the code around, and clashing with nothing."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Set as AbstractSet

from leaklint import ir
from leaklint.ir_walk import below, in_scope

_RESERVED = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins)])
_SIBILANTS = ("s", "x", "z", "ch", "sh")
_SHORTEST_PLURAL = 4


def free_name(wanted: str, function: ir.Function | None, module_wide: AbstractSet[str]) -> str:
    """`wanted`, or `wanted_2`, `wanted_3`, … if that name means something already in `function`.

    `module_wide` are the names of the module. Whatever it or the function names anywhere is taken, nested scopes and
    comprehension variables included: a name that is free by luck of scoping would still mislead the reader.
    """
    taken = module_wide | names_within(function) if function is not None else module_wide
    name, number = wanted, 2
    while name in taken or name in _RESERVED:
        name, number = f"{wanted}_{number}", number + 1
    return name


def names_within(function: ir.Function) -> set[str]:
    """Every name that is bound, read or declared anywhere in `function`."""
    return {function.name, *function.global_names, *function.nonlocal_names} | _named(function)


def module_names(module: ir.Module) -> set[str]:
    """Every name bound at the top of `module` or declared `global` in a function of it.

    A star import binds names nobody can see; they are not among them.
    """
    found: set[str] = set()
    for node in in_scope(module):
        found |= _bound_by(node)
    for node in below(module):
        if isinstance(node, ir.Function):
            found.update(node.global_names)
    return found


def tracking_name(key_variable: str | None, base_name: str | None) -> str:
    """Return the name of a list that tracks derived keys.

    What the key's name adds to the base key's goes in front: `query_state_id` over `state_id` is tracked in
    `per_query_state_ids`. A key of another name is tracked in its plural, one without a telling name in `tracked_keys`.
    """
    key = (key_variable or "").strip("_")
    base = (base_name or "").rpartition(".")[2].strip("_")
    if not key or key in {"k", "key"}:
        return "tracked_keys"
    if base and key != base and key.endswith("_" + base):
        return f"per_{plural(key)}"
    if key == base or len(key) == 1:
        return f"tracked_{plural(key)}"
    return plural(key)


def plural(word: str) -> str:
    """Put an identifier's last word in the plural: `entry` → `entries`, `box` → `boxes`, `client_id` → `client_ids`."""
    if word.endswith("y") and word[-2:-1] not in {"", "a", "e", "i", "o", "u", "_"}:
        return word[:-1] + "ies"
    if word.endswith(_SIBILANTS):
        return word + "es"
    return word + "s"


def singular(word: str) -> str | None:
    """Put an identifier's last word in the singular: `entries` → `entry`; None where it is no plural, as `status`."""
    if word.endswith(("ss", "us", "is")) or not word.endswith("s") or len(word) < _SHORTEST_PLURAL:
        return None
    if word.endswith("ies"):
        return word[:-3] + "y"
    is_longer = word.endswith(("sses", "shes", "xes", "buses", "tuses", "ches")) and not word.endswith("aches")
    return word[:-2] if is_longer else word[:-1]


def loop_name(key_variable: str | None, function: ir.Function, module_wide: AbstractSet[str]) -> str:
    """Return the variable of a loop over tracked keys: the key's own, which means the same thing, or a free one.

    The key's own variable is taken only if it is a plain local: rebinding a parameter or a name that nested
    functions, `global` or `nonlocal` share would be seen elsewhere.
    """
    if key_variable is not None and _is_private_local(key_variable, function):
        return key_variable
    return free_name(key_variable or "tracked_key", function, module_wide)


def _is_private_local(name: str, function: ir.Function) -> bool:
    shared = {parameter.name for parameter in function.parameters}
    shared |= {*function.global_names, *function.nonlocal_names}
    for node in below(function):
        if isinstance(node, ir.Function) and node is not function:
            shared |= names_within(node)
    bound: set[str] = set()
    for statement in function.body:
        for node in below(statement):
            bound |= _bound_by(node)
    return name in bound and name not in shared


def _named(function: ir.Function) -> set[str]:
    found: set[str] = set()
    for node in below(function):
        found |= _bound_by(node)
        match node:
            case ir.Name(id=name) | ir.Parameter(name=name):
                found.add(name)
            case ir.Function():
                found |= {*node.global_names, *node.nonlocal_names}
    return found


def _bound_by(node: object) -> set[str]:
    """Return the names that `node` itself binds."""
    match node:
        case ir.Import(bound=name) | ir.Define(function=ir.Function(name=name)):
            return {name}
        case ir.DefineClass(definition=ir.Class(name=name)) | ir.Parameter(name=name):
            return {name}
        case ir.Handler(name=str(name)):
            return {name}
        case ir.Case(bound=names):
            return set(names)
        case ir.Assign(targets=targets) | ir.Delete(targets=targets):
            return {name for target in targets for name in _targets(target)}
        case ir.For(target=target) | ir.Clause(target=target) | ir.Augment(target=target) | ir.Walrus(target=target):
            return set(_targets(target))
        case ir.WithItem(target=target) if target is not None:
            return set(_targets(target))
        case _:
            return set()


def _targets(target: ir.Expression) -> list[str]:
    match target:
        case ir.Name(id=name):
            return [name]
        case ir.Starred(value=value):
            return _targets(value)
        case ir.Display(items=items):
            return [name for item in items for name in _targets(item)]
        case _:
            return []
