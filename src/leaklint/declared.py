"""What assignments say of the names they give a value: the kind of container, the class, what a defaultdict makes."""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.containers import Kind, default_factory, kind_of_type, kind_of_value, merge
from leaklint.ir_walk import dotted, last_part

WRAPPERS = frozenset({"Optional", "ClassVar", "Final", "Annotated"})


class ContainerFacts(msgspec.Struct, frozen=True):
    """What assignments say of each name."""

    kinds: dict[str, Kind]
    types: dict[str, str]
    default_factories: dict[str, str]


def container_facts(assigned: list[tuple[str, ir.Assign]]) -> ContainerFacts:
    """What a name and the statements that give it a value say together."""
    said: dict[str, list[Kind]] = {}
    types: dict[str, str] = {}
    factories: dict[str, str] = {}
    declared: dict[str, Kind] = {}
    built: dict[str, set[Kind]] = {}
    for name, statement in assigned:
        kinds = [kind_of_value(statement.value)]
        built.setdefault(name, set()).update(kinds)
        if kinds == [Kind.UNKNOWN] or kinds == [Kind.FOREIGN]:
            annotated = kind_of_type(statement.annotation) if statement.annotation is not None else Kind.UNKNOWN
            kinds = [annotated] if annotated is not Kind.UNKNOWN and kinds == [Kind.UNKNOWN] else kinds
        if statement.annotation is not None and kind_of_type(statement.annotation) in (Kind.MAPPING, Kind.SET):
            declared[name] = kind_of_type(statement.annotation)
        said.setdefault(name, []).extend(kinds)
        factory = default_factory(statement.value)
        if factory is not None:
            factories[name] = factory
        type_name = _built_type(statement)
        if type_name is not None:
            types[name] = type_name
    # What is declared and built as a mapping stays one when it is read back from a file.
    kinds_of = {
        name: declared[name] if declared.get(name) in built[name] else merge(kinds) for name, kinds in said.items()
    }
    return ContainerFacts(kinds_of, types, factories)


def _built_type(statement: ir.Assign) -> str | None:
    """The class of what is assigned, as it is written: that of the constructor, else that of the annotation."""
    if isinstance(statement.value, ir.Call):
        return dotted(unsubscripted(statement.value.function))
    if isinstance(statement.value, ir.Name | ir.Constant | None):
        return annotated_class(statement.annotation)
    return None


def annotated_class(annotation: ir.Expression | None) -> str | None:
    """The class that an annotation names, as it is written: `pool.Pool` of `Optional["pool.Pool"]`."""
    match annotation:
        case ir.Subscript(value=value, index=index) if last_part(value) in WRAPPERS:
            return annotated_class(index.items[0] if isinstance(index, ir.Display) and index.items else index)
        case ir.Subscript(value=value):
            return dotted(value)
        case ir.Binary(operator="|", left=left, right=ir.Constant(value="None")):
            return annotated_class(left)
        case ir.Binary(operator="|", left=ir.Constant(value="None"), right=right):
            return annotated_class(right)
        case ir.Text(value=text):
            return _quoted_class(text)
        case ir.Name() | ir.Attribute():
            return dotted(annotation)
        case _:
            return None


def _quoted_class(text: str) -> str | None:
    inner = text.strip().removeprefix("Optional[").removeprefix("typing.Optional[").removesuffix("| None")
    name = inner.partition("[")[0].strip().rstrip("]")
    return name if all(part.isidentifier() for part in name.split(".")) else None


def unsubscripted(expression: ir.Expression) -> ir.Expression:
    """`Pool` of `Pool[Client]`."""
    return expression.value if isinstance(expression, ir.Subscript) else expression
