"""Generic traversal of the IR: children of a node in evaluation order, and everything below it."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.model import Span

_WITHOUT_NODES = (str, str | None, int, bool, Span)


def children(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """The IR structs directly inside `node`, spans left out."""
    found: list[msgspec.Struct] = []
    _add_reversed(node, found)
    return reversed(found)


def below(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """Every IR struct inside `node`, itself included, nested functions and classes too."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        _add_reversed(current, pending)


def in_scope(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """Like :func:`below`, but nested functions, lambdas and classes are given and not entered."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        if current is node or not isinstance(current, ir.Define | ir.DefineClass | ir.Lambda):
            _add_reversed(current, pending)


def _add_reversed(node: msgspec.Struct, pending: list[msgspec.Struct]) -> None:
    """Add the children, the last one first: a stack gives them back in order."""
    for name in _fields_with_nodes(type(node)):
        value = getattr(node, name)
        if isinstance(value, tuple):
            for item in reversed(value):
                if isinstance(item, msgspec.Struct):
                    pending.append(item)  # noqa: PERF401 - a comprehension for each short tuple costs more
        elif isinstance(value, msgspec.Struct):
            pending.append(value)


@functools.cache
def _fields_with_nodes(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that can hold IR, the last one first."""
    fields = [field.name for field in msgspec.structs.fields(kind) if field.type not in _WITHOUT_NODES]
    return tuple(reversed(fields))


def flattened(target: ir.Expression) -> Iterator[ir.Expression]:
    """The targets that a target of an assignment holds: both of `a, *b[k] = …`."""
    if isinstance(target, ir.Display):
        for item in target.items:
            yield from flattened(item)
    elif isinstance(target, ir.Starred):
        yield from flattened(target.value)
    else:
        yield target


def assigned_attributes(node: msgspec.Struct) -> set[str]:
    """The attributes that the node itself gives a value."""
    match node:
        case ir.Assign(targets=targets):
            pass
        case ir.Augment(target=target) | ir.For(target=target) | ir.Clause(target=target):
            targets = (target,)
        case ir.WithItem(target=target) if target is not None:
            targets = (target,)
        case _:
            return set()
    found = (inner for target in targets for inner in flattened(target))
    return {inner.name for inner in found if isinstance(inner, ir.Attribute)}


def dotted(expression: ir.Expression | None) -> str | None:
    """`a.b.c` of a chain of attributes over a name, else None."""
    names: list[str] = []
    while isinstance(expression, ir.Attribute):
        names.append(expression.name)
        expression = expression.value
    if not isinstance(expression, ir.Name):
        return None
    return ".".join([expression.id, *reversed(names)])


def last_part(expression: ir.Expression | None) -> str | None:
    """The last word of a name or attribute chain: `c` of `a.b.c`; of a subscript `Dict[str, int]` that of `Dict`."""
    match expression:
        case ir.Name(id=name) | ir.Attribute(name=name):
            return name
        case ir.Subscript(value=value):
            return last_part(value)
        case ir.Text(value=text):
            return text.partition("[")[0].rpartition(".")[2].strip()
        case _:
            return None
