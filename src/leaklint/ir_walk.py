"""Generic traversal of the IR: children of a node in evaluation order, and everything below it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir


def children(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """The IR structs directly inside `node`, spans left out."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            for item in value:
                if isinstance(item, msgspec.Struct):
                    yield item
        elif name != "at" and isinstance(value, msgspec.Struct):
            yield value


def below(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """Every IR struct inside `node`, itself included, nested functions and classes too."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(children(current))))


def in_scope(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """Like :func:`below`, but nested functions, lambdas and classes are given and not entered."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        if current is node or not isinstance(current, ir.Define | ir.DefineClass | ir.Lambda):
            pending.extend(reversed(list(children(current))))


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
