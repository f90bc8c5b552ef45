"""What an attribute or variable is built from: a mapping that keeps its entries, or something that does not.

Weak mappings and foreign classes (a bounded or expiring cache looks like one from outside) are no caches of ours.
"""

from __future__ import annotations

import enum

from leaklint import ir
from leaklint.ir_walk import last_part

INSERTING_METHODS = frozenset({"setdefault", "update", "add", "__setitem__"})
EVICTING_METHODS = frozenset(
    {"pop", "popitem", "clear", "discard", "remove", "difference_update", "__delitem__", "intersection_update"}
)


COUNT = "count"
"""What a `Counter` has under a missing key: it comes in when it is counted up, not when it is read."""


class Kind(enum.Enum):
    """How a container keeps what is put into it."""

    MAPPING = "mapping"
    SET = "set"
    SEQUENCE = "sequence"
    FOREIGN = "foreign"
    """Built by code that the analysis does not know: it may be weak, bounded or expiring."""
    UNKNOWN = "unknown"
    """Nothing is said about it."""


_KIND_OF_TYPE = {
    **dict.fromkeys(("dict", "Dict", "defaultdict", "DefaultDict", "OrderedDict", "Counter"), Kind.MAPPING),
    **dict.fromkeys(("Mapping", "MutableMapping", "UserDict"), Kind.MAPPING),
    **dict.fromkeys(("set", "Set", "MutableSet", "AbstractSet"), Kind.SET),
    **dict.fromkeys(("list", "List", "Sequence", "MutableSequence", "tuple", "Tuple", "bytearray"), Kind.SEQUENCE),
    **dict.fromkeys(("deque", "Deque", "str", "bytes", "int", "float", "bool", "array"), Kind.SEQUENCE),
}
_WRAPS_A_TYPE = frozenset({"Optional", "ClassVar", "Final", "Annotated", "Union"})


def kind_of_type(annotation: ir.Expression | None) -> Kind:
    """The kind that a type annotation tells: `dict[str, Client]`, `Optional[Dict[...]]`, `set[str] | None`."""
    match annotation:
        case ir.Subscript(value=value, index=index) if last_part(value) in _WRAPS_A_TYPE:
            options = index.items if isinstance(index, ir.Display) else (index,)
            return merge([kind_of_type(option) for option in options])
        case ir.Binary(operator="|", left=left, right=right):
            return merge([kind_of_type(left), kind_of_type(right)])
        case ir.Constant():
            return Kind.UNKNOWN
    name = last_part(annotation)
    if name is None or name in _WRAPS_A_TYPE or name == "Any":
        return Kind.UNKNOWN
    return _KIND_OF_TYPE.get(name, Kind.FOREIGN)


def kind_of_value(value: ir.Expression | None) -> Kind:
    """The kind of what an expression builds."""
    match value:
        case ir.Mapping() | ir.Comprehension(kind="dict"):
            return Kind.MAPPING
        case ir.Comprehension(kind="set") | ir.Display(kind="set"):
            return Kind.SET
        case ir.Display() | ir.Comprehension() | ir.Text() | ir.Template():
            return Kind.SEQUENCE
        case ir.Boolean(operator="or", values=values):
            return merge([kind_of_value(option) for option in values])
        case ir.Conditional(then=then, otherwise=otherwise):
            return merge([kind_of_value(then), kind_of_value(otherwise)])
        case ir.Call():
            return _kind_of_call(value)
        case ir.Binary(left=left, right=right):
            return Kind.SEQUENCE if Kind.SEQUENCE in (kind_of_value(left), kind_of_value(right)) else Kind.UNKNOWN
        case _:
            return Kind.UNKNOWN


def _kind_of_call(call: ir.Call) -> Kind:
    for argument in call.arguments:
        if argument.name in ("default_factory", "factory"):
            is_lambda = isinstance(argument.value, ir.Lambda)
            return Kind.UNKNOWN if is_lambda else kind_of_type(argument.value)
    name = last_part(call.function)
    if isinstance(call.function, ir.Subscript):
        name = last_part(call.function.value)
    return _KIND_OF_TYPE.get(name or "", Kind.FOREIGN)


def merge(kinds: list[Kind]) -> Kind:
    """What several statements about one container say together: the one that rules it out, else the one that knows."""
    for kind in (Kind.FOREIGN, Kind.SEQUENCE, Kind.MAPPING, Kind.SET):
        if kind in kinds:
            return kind
    return Kind.UNKNOWN


def default_factory(value: ir.Expression | None) -> str | None:
    """The word for what comes in under a missing key: `list` of `defaultdict(list)`, COUNT of a Counter."""
    if not isinstance(value, ir.Call):
        return None
    if last_part(value.function) == "Counter":
        return COUNT
    if last_part(value.function) != "defaultdict" or not value.arguments:
        return None
    factory = value.arguments[0].value
    if isinstance(factory, ir.Lambda):
        built = factory.function.body[-1]
        inner = built.value if isinstance(built, ir.Return) else None
        return {Kind.SET: "set", Kind.MAPPING: "dict", Kind.SEQUENCE: "list"}.get(kind_of_value(inner), "object")
    return last_part(factory) or "object"


def kind_of_type_name(name: str) -> Kind:
    """The kind of container that a type's name stands for."""
    return _KIND_OF_TYPE.get(name, Kind.FOREIGN)
