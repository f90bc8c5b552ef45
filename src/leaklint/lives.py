"""How long the objects of a class live, told by how code uses the class: which are made for one operation.

An object that a function makes, fills, and asks at its end for what came of it is gone with the call, and whatever it
holds with it. A server that `main()` makes and runs is not: nobody asks it for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, children, in_scope, last_part

Parents: TypeAlias = tuple[msgspec.Struct, ...]
"""The structs around a node, innermost first."""

_ASKS_FOR_A_TYPE = frozenset(["isinstance", "issubclass"])


class Life(msgspec.Struct, frozen=True):
    """What some code does with the objects that go by a name: a class, or a function that makes them."""

    is_made: bool = False
    """Whether some function makes one for itself."""
    may_last: bool = False
    """Whether it may keep one, derive from the class, or offer it to others."""
    makers: frozenset[str] = frozenset()
    """Functions that make one for their callers."""
    holders: frozenset[str] = frozenset()
    """Classes whose objects have one each, made with them and kept to themselves."""

    def beside(self, other: Life) -> Life:
        """What both do."""
        return Life(
            self.is_made or other.is_made,
            self.may_last or other.may_last,
            self.makers | other.makers,
            self.holders | other.holders,
        )


def life(module: ir.Module, name: str, *, is_package: bool = False) -> Life:
    """Look at every mention of the name; what a package imports it offers to others."""
    found = Life()
    for node, parents in _with_parents(module):
        if found.may_last:
            break
        found = found.beside(_mention(node, parents, name, is_package=is_package))
    return found


def is_brief(name: str, life_of: Callable[[str], Life]) -> bool:
    """Whether all objects of a class are made for one operation, as far as the code shows; some must be."""
    return _is_brief(name, life_of, frozenset([name]))


def _is_brief(name: str, life_of: Callable[[str], Life], known: frozenset[str]) -> bool:
    found = life_of(name)
    for maker in sorted(found.makers):
        found = found.beside(life_of(maker))
    new = found.holders - known
    are_held = bool(new) and new == found.holders
    return (
        not found.may_last
        and (found.is_made or are_held)
        and all(_is_brief(holder, life_of, known | new) for holder in sorted(new))
    )


_NOTHING = Life()
_MADE = Life(is_made=True)
_LASTS = Life(may_last=True)


def _mention(node: msgspec.Struct, parents: Parents, name: str, *, is_package: bool) -> Life:
    match node:
        case ir.Import(name=imported, bound=bound) if imported == name:
            return _LASTS if is_package or bound != name else _NOTHING
        case ir.Text(value=text) if text == name:
            return _LASTS
        case ir.Name(id=word) | ir.Attribute(name=word) if word == name:
            return _use(node, parents)
        case _:
            return _NOTHING


def _use(node: msgspec.Struct, parents: Parents) -> Life:
    match parents[0]:
        case ir.Call(function=called) if called is node:
            return _made(parents[0], parents[1:])
        case ir.Argument() if isinstance(parents[1], ir.Call) and last_part(parents[1].function) in _ASKS_FOR_A_TYPE:
            return _NOTHING
        case _:
            return _LASTS


def _made(call: msgspec.Struct, parents: Parents) -> Life:
    """What becomes of an object at the place where it is made."""
    function = next((around for around in parents if isinstance(around, ir.Function)), None)
    if function is None or function.name == "<lambda>":
        return _LASTS
    match parents[0]:
        case ir.Assign(targets=(ir.Attribute(value=ir.Name(id="self"), name=attribute),)):
            holder = next((around for around in parents if isinstance(around, ir.Class)), None)
            is_its_own = function.name == "__init__" and _is_kept_to_itself(parents[-1], attribute)
            return Life(holders=frozenset([holder.name])) if holder is not None and is_its_own else _LASTS
        case ir.Return() if _is_at_the_top(parents):
            return Life(makers=frozenset([function.name]))
        case ir.Assign(targets=(ir.Name(id=variable),)) | ir.WithItem(target=ir.Name(id=variable)):
            is_brief = _is_asked_in_the_end(function, variable, call)
            return _MADE if is_brief else _LASTS
        case ir.Attribute() if isinstance(parents[1], ir.Call) and not _is_for_nothing(parents):
            return _MADE
        case _:
            return _LASTS


def _is_kept_to_itself(module: msgspec.Struct, attribute: str) -> bool:
    """Whether the module only looks into what the attribute stands for, and calls its methods."""
    return not any(
        _gets_away(node, parents)
        for node, parents in _with_parents(module)
        if isinstance(node, ir.Attribute) and node.name == attribute and not _is_bound(node, parents)
    )


def _is_at_the_top(parents: Parents) -> bool:
    """Whether the function around stands in no class and no other function, and nothing wraps it."""
    functions = [around for around in parents if isinstance(around, ir.Function)]
    is_in_class = any(isinstance(around, ir.Class) for around in parents)
    return len(functions) == 1 and not functions[0].decorators and not is_in_class


def _is_asked_in_the_end(function: ir.Function, variable: str, call: msgspec.Struct) -> bool:
    """Whether the function keeps the object to itself, and the last that it does with it is to ask for a value."""
    if variable in function.global_names or variable in function.nonlocal_names:
        return False
    scope = list(in_scope(function))
    if any(isinstance(node, ir.While) and _is_endless(node) for node in scope) or _is_captured(
        function, scope, variable
    ):
        return False
    mentions = [
        (node, parents)
        for node, parents in _with_parents(function)
        if isinstance(node, ir.Name) and node.id == variable and not _is_bound(node, parents)
    ]
    if not mentions or any(_gets_away(node, parents) for node, parents in mentions):
        return False
    _, last = max(mentions, key=lambda mention: (mention[0].at.line, mention[0].at.column))
    return _is_looked_into(last) or not _is_for_nothing(last)


def _is_endless(loop: ir.While) -> bool:
    return isinstance(loop.test, ir.Constant) and loop.test.value in ("True", "1")


def _is_captured(function: ir.Function, scope: list[msgspec.Struct], variable: str) -> bool:
    """Whether a function inside that is handed over has a use for the variable: it may be called whenever."""
    inner = [node.function for node in scope if isinstance(node, ir.Define | ir.Lambda)]
    if not inner:
        return False
    called = _only_called(list(below(function)), {one.name for one in inner})
    return any(
        isinstance(node, ir.Name) and node.id == variable
        for one in inner
        if one.name not in called or one.decorators
        for node in below(one)
    )


def _only_called(nodes: list[msgspec.Struct], names: set[str]) -> set[str]:
    """The functions that nothing is done with but to call them."""
    calls = {id(node.function) for node in nodes if isinstance(node, ir.Call)}
    handed = {node.id for node in nodes if isinstance(node, ir.Name) and id(node) not in calls}
    return names - handed - {"<lambda>"}


def _is_bound(node: msgspec.Struct, parents: Parents) -> bool:
    match parents[0]:
        case ir.Assign(targets=targets):
            return any(target is node for target in targets)
        case ir.WithItem(target=target):
            return target is node
        case _:
            return False


def _gets_away(node: msgspec.Struct, parents: Parents) -> bool:
    """Whether somebody else may keep the object from here on."""
    match parents[0]:
        case ir.Attribute():
            # A method that is handed over takes its object along.
            return isinstance(parents[1], ir.Pair | ir.Display) or _is_given_away(parents[1:])
        case ir.Argument():
            return _is_given_away(parents)
        case ir.Subscript(value=value):
            return value is not node
        case ir.WithItem() | ir.If() | ir.Not() | ir.Boolean() | ir.Compare() | ir.Assert() | ir.For() | ir.Clause():
            return False
        case _:
            return True


def _is_given_away(parents: Parents) -> bool:
    """Whether a value is an argument of what may keep it: a class does in its objects, a method in its own object."""
    match parents:
        case (ir.Argument(), ir.Call(function=ir.Name(id=called)), *_):
            return not called.lstrip("_")[:1].islower()
        case _:
            return isinstance(parents[0], ir.Argument)


def _is_looked_into(parents: Parents) -> bool:
    """Whether an attribute is read that is no method which is called."""
    return isinstance(parents[0], ir.Attribute) and not (
        isinstance(parents[1], ir.Call) and parents[1].function is parents[0]
    )


def _is_for_nothing(parents: Parents) -> bool:
    """Whether nothing is done with the value of the statement around: `server.run()`."""
    return any(
        isinstance(around, ir.Evaluate) for around in parents[: next(_statement_depths(parents), len(parents)) + 1]
    )


def _statement_depths(parents: Parents) -> Iterator[int]:
    return (depth for depth, around in enumerate(parents) if isinstance(around, ir.Statement))


def _with_parents(root: msgspec.Struct) -> Iterator[tuple[msgspec.Struct, Parents]]:
    """Everything inside, annotations left out."""
    pending: list[tuple[msgspec.Struct, Parents]] = [(root, ())]
    while pending:
        node, parents = pending.pop()
        yield node, parents
        left_out = (getattr(node, "annotation", None), getattr(node, "returns", None))
        inner = (node, *parents)
        pending.extend((child, inner) for child in children(node) if not any(child is one for one in left_out))
