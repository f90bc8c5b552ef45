"""How a function has come to the value that it ends: the lookup of its entry, by whatever name the value goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, dotted, in_scope, last_part
from leaklint.repairs.ending import argument_for
from leaklint.repairs.find import bound_by, statement_around
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.repairs.layout import Layout


class Lookup(msgspec.Struct, frozen=True, eq=False):
    """`cache[key]` or `cache.get(key)`, where the value was taken from, or `cache[key] = value`, where it was put in.

    `name` is the variable that has the value, if one has it. `is_strict` says that a missing key raises. Where a helper
    looks the entry up, `expression` is its call; `is_whole` says that it is the value and not a part of it.
    """

    expression: ir.Expression
    cache: ir.Expression
    key: ir.Expression
    statement: ir.Statement
    name: str | None
    is_strict: bool
    is_whole: bool = True


def lookup_of(layout: Layout, function: ir.Function, call: ir.Call, word: str) -> Lookup:
    """Return how `function` has come to the value that `call` ends, an entry of the container that goes by `word`.

    Raises RefusedError where that cannot be told, as where a helper does more than look the entry up.
    """
    names = cache_names(function, word)
    ended = [call.function.value] if isinstance(call.function, ir.Attribute) else []
    for expression in (*ended, *(argument.value for argument in call.arguments)):
        lookup, name = _traced(function, expression, names)
        if isinstance(lookup, ir.Call) and not _is_lookup(lookup, names):
            helped = _by_a_helper(layout, lookup, name, word)
            if helped is not None:
                return helped
        elif _is_lookup(lookup, names):
            cache, key, is_strict = taken_apart(lookup)
            statement = statement_around(layout, lookup.at)
            is_put_in = isinstance(statement, ir.Assign) and any(one is lookup for one in statement.targets)
            return Lookup(lookup, cache, key, statement, name, is_strict and not is_put_in)
    raise RefusedError("the entry is not looked up in the function that ends its value")


def cache_names(function: ir.Function, word: str) -> frozenset[str]:
    """The container's own word, and the variables of the function that stand for the container."""
    aliases = (
        target.id
        for node in in_scope(function)
        if isinstance(node, ir.Assign) and dotted(node.value) is not None and last_part(node.value) == word
        for target in node.targets
        if isinstance(target, ir.Name)
    )
    return frozenset([word, *(name for name in aliases if len(binders(function, name)) == 1)])


def is_cache(node: object, names: frozenset[str]) -> bool:
    """Whether a node is the container: `self._clients`, or a variable for it."""
    return isinstance(node, ir.Attribute | ir.Name) and dotted(node) is not None and last_part(node) in names


def binders(function: ir.Function, name: str) -> list[ir.Node]:
    """The nodes of the function that bind a name."""
    return [node for node in in_scope(function) if isinstance(node, ir.Node) and name in bound_by(node)]


def taken_apart(lookup: ir.Expression) -> tuple[ir.Expression, ir.Expression, bool]:
    """Return the container and the key of a lookup, and whether it raises where the key is missing."""
    match lookup:
        case ir.Subscript(value=cache, index=key):
            return cache, key, True
        case ir.Call(function=ir.Attribute(value=cache), arguments=(ir.Argument(value=key), *_)):
            return cache, key, False
    raise RefusedError("the entry is looked up in no form that is known")


def _is_lookup(node: ir.Expression, names: frozenset[str]) -> bool:
    match node:
        case ir.Subscript(value=cache):
            return is_cache(cache, names)
        case ir.Call(function=ir.Attribute(value=cache, name="get"), arguments=(ir.Argument(name=None), *_)):
            return is_cache(cache, names)
        case _:
            return False


def _traced(
    function: ir.Function, expression: ir.Expression, names: frozenset[str]
) -> tuple[ir.Expression, str | None]:
    """Where a value, or what it is a part of, comes from, and the variable that has all of it."""
    name: str | None = None
    seen: set[str] = set()
    while not _is_lookup(expression, names):
        match expression:
            case ir.Attribute(value=inner) | ir.Subscript(value=inner):
                expression, name = inner, None
            case ir.Name(id=variable) if variable not in seen:
                seen.add(variable)
                sources = list(_sources(function, variable, names))
                if len(sources) != 1:
                    break
                expression, is_whole = sources[0]
                name = variable if is_whole else None
            case _:
                break
    return expression, name


def _by_a_helper(layout: Layout, call: ir.Call, name: str | None, word: str) -> Lookup | None:
    """What `self._client(key)` looks up, if the method gives back `self._clients[key]` and does nothing else."""
    helper = _method_of(layout, call)
    work = [one for one in helper.body if not _is_documentation(one)] if helper is not None else []
    match work:
        case [ir.Return(value=value)] if value is not None:
            found, names = value, frozenset([word])
        case _:
            return None
    while isinstance(found, ir.Attribute | ir.Subscript) and not _is_lookup(found, names):
        found = found.value
    if not _is_lookup(found, names) or helper is None:
        return None
    cache, key, is_strict = taken_apart(found)
    given = argument_for(call, helper, key.id) if isinstance(key, ir.Name) else None
    if given is None or (dotted(cache) or "").partition(".")[0] != helper.parameters[0].name:
        return None
    is_whole = found is value
    return Lookup(
        call, cache, given, statement_around(layout, call.at), name if is_whole else None, is_strict, is_whole
    )


def _method_of(layout: Layout, call: ir.Call) -> ir.Function | None:
    """The method of the same object that is called, if the file has one of that name, and plain."""
    match call.function:
        case ir.Attribute(value=ir.Name(id=receiver), name=called):
            own = [node for node in below(layout.module) if isinstance(node, ir.Function) and node.name == called]
        case _:
            return None
    if len(own) != 1 or own[0].is_async or own[0].decorators or not own[0].parameters:
        return None
    return own[0] if own[0].parameters[0].name == receiver == "self" else None


def _is_documentation(statement: ir.Statement) -> bool:
    return isinstance(statement, ir.Evaluate) and isinstance(statement.value, ir.Text)


def _sources(function: ir.Function, variable: str, names: frozenset[str]) -> Iterator[tuple[ir.Expression, bool]]:
    """Where a variable's value comes from or is put; whether it is all of it, and not a part of a tuple."""
    stored = list(_stored(function, variable, names))
    for node in () if stored else binders(function, variable):
        match node:
            case ir.Assign(targets=targets, value=value) if value is not None:
                yield value, any(isinstance(target, ir.Name) and target.id == variable for target in targets)
            case ir.Walrus(value=value):
                yield value, True
            case _:
                # A loop, a handler: twice, so that it is not taken for the only one.
                yield from [(ir.Name(node.at, variable), False)] * 2
    if len(binders(function, variable)) <= 1:
        yield from ((target, True) for target in stored)


def _stored(function: ir.Function, variable: str, names: frozenset[str]) -> Iterator[ir.Subscript]:
    """The entries that a statement puts the variable's value in: `cache[key] = value`, `value = cache[key] = …`."""
    for node in in_scope(function):
        if isinstance(node, ir.Assign):
            others = [node.value, *node.targets]
            if any(isinstance(one, ir.Name) and one.id == variable for one in others):
                yield from (
                    target for target in node.targets if isinstance(target, ir.Subscript) and _is_lookup(target, names)
                )
