"""What a module defines: functions, classes with their methods, and what their attributes are built from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property

import msgspec

from leaklint import ir
from leaklint.containers import Kind, merge
from leaklint.declared import annotated_class, container_facts, unsubscripted
from leaklint.ir_walk import below, dotted, in_scope, last_part
from leaklint.model import Span
from leaklint.routine import Routine, decorator_name

MAPPING_BASES = frozenset({"dict", "OrderedDict", "UserDict", "defaultdict"})


class Blueprint(msgspec.Struct, frozen=True):
    """A class of the module."""

    name: str
    bases: tuple[str, ...]
    methods: dict[str, str]
    """Method name to routine name."""
    fields: tuple[str, ...]
    """Annotated names of the body in order: what a dataclass or NamedTuple takes."""
    kinds: dict[str, Kind]
    types: dict[str, str]
    """Attribute name to the class that builds it."""
    default_factories: dict[str, str]
    is_plain_data: bool
    """Whether its constructor only stores its fields: a dataclass, a NamedTuple."""
    attributes: frozenset[str] = frozenset()
    """Names that its body or its methods give to, or read from, the instance."""
    shared: frozenset[str] = frozenset()
    """Names that its body gives a value: all instances share them until they get their own."""
    made_anew: frozenset[str] = frozenset()
    """Names of fields for which its body names a factory: each instance gets one of its own."""


class Known(msgspec.Struct):
    """What was asked about the classes so far: generated modules have thousands, and are asked the same of each."""

    named: dict[str, list[Blueprint]]
    """Attribute name to the classes that say what it is built from."""
    heirs: dict[str, list[str]]
    """Class name to the classes that have it among their bases."""
    routines: dict[str, list[Routine]]
    """The last word of a name to the functions that have it."""
    tops: dict[str, dict[str, str]] = {}
    """For each attribute, class name to the class that it belongs to."""
    methods: dict[str, dict[str, Routine | None]] = {}
    """For each method, class name to what Python would find."""
    kinds: dict[str, dict[str, Kind]] = {}
    """For each attribute, the class that it belongs to, to what it is built from."""


class Outline(msgspec.Struct, frozen=True, dict=True):
    """A module's definitions, by name, with what it uses of other modules.

    What belongs to another module has that module's label and a colon before its name.
    """

    path: str
    routines: dict[str, Routine]
    classes: dict[str, Blueprint]
    names_at: dict[Span, str]
    """Where a function stands, to its routine name."""
    kinds: dict[str, Kind]
    types: dict[str, str]
    default_factories: dict[str, str]
    local_names: dict[str, frozenset[str]]
    """The parameters and assigned variables of each routine."""
    imports: dict[str, str]
    """Bound name to what it stands for, dotted."""
    discarding: frozenset[str]
    """Last words of the containers that somebody calls `discard` on: they are sets."""
    scopes: dict[str, dict[str, str]] = {}
    """For each module, by its label, what a name in it stands for; a module itself is its label and a colon."""
    renamed: dict[str, dict[str, str]] = {}
    """For each module, by its label, the names it has for what goes by another name where it stands."""

    @cached_property
    def known(self) -> Known:
        """Made when the first question is asked, when all classes are there."""
        known = Known({}, {}, {})
        for routine in self.routines.values():
            known.routines.setdefault(routine.function.name, []).append(routine)
        for blueprint in self.classes.values():
            for name in blueprint.kinds:
                known.named.setdefault(name, []).append(blueprint)
            for base in dict.fromkeys(blueprint.bases):
                known.heirs.setdefault(base, []).append(blueprint.name)
        return known


def outline(module: ir.Module) -> Outline:
    """Index the module."""
    routines = {routine.name: routine for routine in _routines(module)}
    own: dict[str, list[Routine]] = {}
    for routine in routines.values():
        if routine.class_name is not None:
            own.setdefault(routine.class_name, []).append(routine)
    classes = {
        definition.qualified_name: _blueprint(definition, own.get(definition.qualified_name, []))
        for definition in _of_kind(module, ir.Class)
        if isinstance(definition, ir.Class)
    }
    assigned = [statement for statement in _top_level(module.body) if isinstance(statement, ir.Assign)]
    classes |= {made.name: made for statement in assigned if (made := _named_tuple(statement)) is not None}
    facts = container_facts([(target.id, s) for s in assigned for target in s.targets if isinstance(target, ir.Name)])
    nodes = list(below(module))
    imports = {node.bound: _imported(node) for node in nodes if isinstance(node, ir.Import)}
    return Outline(
        path=module.path,
        routines=routines,
        classes=classes,
        names_at={routine.function.at: name for name, routine in routines.items()},
        kinds=facts.kinds,
        types=facts.types,
        default_factories=facts.default_factories,
        local_names={name: _local_names(routine) for name, routine in routines.items()},
        imports=imports,
        discarding=frozenset(name for node in nodes if (name := _discarded_from(node)) is not None),
    )


def _local_names(routine: Routine) -> frozenset[str]:
    assigned = {
        target.id for node in routine.nodes_of(ir.Assign) for target in node.targets if isinstance(target, ir.Name)
    }
    return frozenset(assigned | {parameter.name for parameter in routine.function.parameters})


def _discarded_from(node: msgspec.Struct) -> str | None:
    match node:
        case ir.Attribute(value=ir.Subscript(value=value), name="discard") | ir.Attribute(value=value, name="discard"):
            return last_part(value)
        case _:
            return None


def label_of(name: str) -> str:
    """The label of the module that a routine or class belongs to; empty for the module that is looked at."""
    return name.rpartition(":")[0]


def resolve(found: Outline, name: str, routine: str) -> str:
    """What a name in the code of a routine stands for: a definition of some module, or whatever Python calls so."""
    label = label_of(routine)
    target = found.scopes.get(label, {}).get(name)
    if target is not None:
        return target
    is_taken = label and (name in found.kinds or name in found.classes or name in found.routines)
    return f"{label}:{name}" if is_taken else name


def renamed(found: Outline, routine: str) -> dict[str, str]:
    """The names that the module of a routine has for definitions which go by another name where they stand."""
    return found.renamed.get(label_of(routine), {})


def resolve_dotted(found: Outline, name: str, routine: str) -> str | None:
    """The same of `module.Class`; None for what is neither a definition nor a name of Python's."""
    first, *rest = name.split(".")
    target = resolve(found, first, routine)
    for part in rest:
        inner = found.scopes.get(target[:-1], {}).get(part) if target.endswith(":") else f"{target}.{part}"
        if inner is None:
            return None
        target = inner
    return target


def class_named(found: Outline, annotation: ir.Expression | None, routine: str) -> str | None:
    """The class that an annotation in the code of a routine means, or the last word of what it says."""
    written = annotated_class(annotation)
    target = resolve_dotted(found, written, routine) if written is not None else None
    return target if target in found.classes else last_part(annotation)


def ancestry(found: Outline, class_name: str) -> Iterator[Blueprint]:
    """The class and its bases in the module, nearest first; a cycle ends the walk."""
    pending, seen = deque([class_name]), set[str]()
    while pending:
        name = pending.popleft()
        if name in seen or name not in found.classes:
            continue
        seen.add(name)
        yield found.classes[name]
        pending.extend(found.classes[name].bases)


def heirs(found: Outline, class_name: str) -> tuple[str, ...]:
    """The classes that are derived from a class of the outline, nearest first, itself left out."""
    pending, seen = deque([class_name] if class_name in found.classes else []), {class_name: None}
    while pending:
        for name in found.known.heirs.get(pending.popleft(), ()):
            if name not in seen:
                seen[name] = None
                pending.append(name)
    return tuple(seen)[1:]


def _next_above(found: Outline, class_name: str) -> str | None:
    """The class whose line goes on the line of this one, so that answers can be handed down; None if none does."""
    bases = {base for base in found.classes[class_name].bases if base in found.classes}
    return bases.pop() if len(bases) == 1 else None


def method(found: Outline, class_name: str, name: str, *, above: str | None = None) -> Routine | None:
    """The method as Python would find it; `above` begins behind that class, as `super()` does."""
    if above is not None:
        return _method_above(found, class_name, name, above)
    known = found.known.methods.setdefault(name, {})
    way: dict[str, None] = {}
    here: str | None = class_name
    while here in found.classes and here not in known and here not in way and name not in found.classes[here].methods:
        way[here] = None
        here = _next_above(found, here)
    if here in known:
        routine = known[here]
    elif here in found.classes and here not in way:
        routine = found.routines[found.classes[here].methods[name]]
    else:
        # Up to here the line has no such method; above may stand no class, or several.
        routine = _first_method(found, next(reversed(way)), name) if way else None
    known.update(dict.fromkeys(way, routine))
    return routine


def _first_method(found: Outline, class_name: str, name: str) -> Routine | None:
    owners = (blueprint for blueprint in ancestry(found, class_name) if name in blueprint.methods)
    owner = next(owners, None)
    return found.routines[owner.methods[name]] if owner is not None else None


def _method_above(found: Outline, class_name: str, name: str, above: str) -> Routine | None:
    line = iter(ancestry(found, class_name))
    while (blueprint := next(line, None)) is not None:
        if blueprint.name != above:
            continue
        following = _next_above(found, above)
        if class_name == above and following is not None:
            return method(found, following, name)
        owner = next((one for one in line if name in one.methods), None)
        return found.routines[owner.methods[name]] if owner is not None else None
    return None


def family(found: Outline, class_name: str, attribute: str) -> str:
    """The class that an attribute belongs to: the farthest base that names it, which all its subclasses share."""
    if class_name not in found.classes:
        return class_name
    known = found.known.tops.setdefault(attribute, {})
    way: dict[str, None] = {}
    here: str | None = class_name
    while here is not None and here not in known and here not in way:
        way[here] = None
        here = _next_above(found, here)
    if here not in known:
        last, _ = way.popitem()
        known[last] = top = _farthest(found, last, attribute)
    else:
        top = known[here]
    for name in reversed(way):
        is_first = attribute in found.classes[name].attributes and attribute not in found.classes[top].attributes
        known[name] = top = name if is_first else top
    return top


def _farthest(found: Outline, class_name: str, attribute: str) -> str:
    line = list(ancestry(found, class_name))
    naming = [blueprint for blueprint in line if attribute in blueprint.attributes]
    return (naming or line)[-1].name


def owner_by_attribute(found: Outline, name: str) -> str | None:
    """The one class of the module that has a container of this name: what an object of unknown type is taken for."""
    kinds = (Kind.MAPPING, Kind.SET)
    having = (blueprint for blueprint in found.known.named.get(name, ()) if blueprint.kinds[name] in kinds)
    owners: set[str] = set()
    for blueprint in having:
        owners.add(family(found, blueprint.name, name))
        if len(owners) > 1:
            return None
    return owners.pop() if owners else None


def attribute_kind(found: Outline, class_name: str, name: str) -> Kind:
    """What an attribute of the class is built from, bases and subclasses that share it included."""
    known = found.known.kinds.get(name)
    if known is None:
        said: dict[str, list[Kind]] = {}
        for blueprint in found.known.named.get(name, ()):
            said.setdefault(family(found, blueprint.name, name), []).append(blueprint.kinds[name])
        known = found.known.kinds[name] = {top: merge(kinds) for top, kinds in said.items()}
    return known.get(family(found, class_name, name), merge([]))


def _routines(module: ir.Module) -> Iterator[Routine]:
    taken: set[str] = set()
    pending: deque[tuple[msgspec.Struct, str | None, str | None]] = deque([(module, None, None)])
    while pending:
        node, class_name, parent = pending.popleft()
        for inner in in_scope(node):
            if inner is node:
                continue
            if isinstance(inner, ir.DefineClass):
                pending.append((inner.definition, inner.definition.qualified_name, None))
            elif isinstance(inner, ir.Define | ir.Lambda):
                name = _free(inner.function, taken)
                is_method = isinstance(inner, ir.Define) and isinstance(node, ir.Class)
                nodes = tuple(in_scope(inner.function))
                yield Routine(name, inner.function, class_name if is_method else None, parent, nodes)
                pending.append((inner.function, None, name))


def _free(function: ir.Function, taken: set[str]) -> str:
    name = function.qualified_name
    if name in taken:
        name = f"{name}@{function.at.line}-{function.at.column}"
    taken.add(name)
    return name


def _of_kind(module: ir.Module, kind: type[msgspec.Struct]) -> Iterator[msgspec.Struct]:
    return (node for node in below(module) if isinstance(node, kind))


def _blueprint(definition: ir.Class, own: list[Routine]) -> Blueprint:
    at = {routine.function.at: routine.name for routine in own}
    methods: dict[str, str] = {}
    for node in definition.body:
        for inner in in_scope(node):
            if isinstance(inner, ir.Define) and inner.function.at in at and not _is_setter(inner.function):
                methods[inner.function.name] = at[inner.function.at]
    body = [statement for statement in _top_level(definition.body) if isinstance(statement, ir.Assign)]
    named = [(target.id, s) for s in body for target in s.targets if isinstance(target, ir.Name)]
    facts = container_facts([*named, *(found for routine in own for found in _assigned_attributes(routine))])
    bases = tuple(base for expression in definition.bases if (base := dotted(unsubscripted(expression))))
    decorations = {decorator_name(decorator) for decorator in definition.decorators}
    return Blueprint(
        name=definition.qualified_name,
        bases=bases,
        methods=methods,
        fields=tuple(name for name, one in named if one.annotation is not None or _is_described(one.value)),
        kinds=facts.kinds,
        types=facts.types,
        default_factories=facts.default_factories,
        is_plain_data="__init__" not in methods
        and bool(
            decorations & {"dataclass", "define", "frozen", "attrs", "s"}
            or {"NamedTuple"} & set(bases)
            or any(base.rpartition(".")[2] in ("NamedTuple", "BaseModel", "Struct", "TypedDict") for base in bases)
        ),
        attributes=frozenset(name for name, _ in named).union(*map(_mentioned, own)),
        shared=frozenset(
            name
            for name, one in named
            if one.value is not None and not _has_factory(one.value) | _is_described(one.value)
        ),
        made_anew=frozenset(name for name, statement in named if _has_factory(statement.value)),
    )


def _has_factory(value: ir.Expression | None) -> bool:
    """Whether it describes a field that each instance gets one of its own for: `field(default_factory=dict)`."""
    return isinstance(value, ir.Call) and any(one.name in ("default_factory", "factory") for one in value.arguments)


def _is_described(value: ir.Expression | None) -> bool:
    """Whether it is how attrs is told of a field: `attr.ib()`."""
    return isinstance(value, ir.Call) and last_part(value.function) in ("ib", "attrib")


def _mentioned(routine: Routine) -> set[str]:
    """The attributes of the instance that a method names."""
    parameters = routine.function.parameters
    if not routine.takes_receiver or not parameters:
        return set()
    receiver = parameters[0].name
    return {
        node.name
        for statement in routine.function.body
        for node in below(statement)
        if isinstance(node, ir.Attribute) and isinstance(node.value, ir.Name) and node.value.id == receiver
    }


def _named_tuple(statement: ir.Assign) -> Blueprint | None:
    """`Cell = namedtuple("Cell", ["key", "value"])` or `"key value"` as a class."""
    call, target = statement.value, statement.targets[0]
    if not isinstance(call, ir.Call) or not isinstance(target, ir.Name) or last_part(call.function) != "namedtuple":
        return None
    given = call.arguments[1].value if len(call.arguments) > 1 else None
    names: tuple[str, ...] = ()
    if isinstance(given, ir.Text):
        names = tuple(given.value.replace(",", " ").split())
    elif isinstance(given, ir.Display):
        names = tuple(item.value for item in given.items if isinstance(item, ir.Text))
    return Blueprint(target.id, ("NamedTuple",), {}, names, {}, {}, {}, is_plain_data=True)


def _assigned_attributes(routine: Routine) -> Iterator[tuple[str, ir.Assign]]:
    """`self.name = …` statements of a method; a parameter's annotation speaks for `self.name = parameter`."""
    parameters = routine.function.parameters
    if not routine.takes_receiver or not parameters:
        return
    annotations = {parameter.name: parameter.annotation for parameter in parameters}
    for node in routine.nodes:
        if not isinstance(node, ir.Assign):
            continue
        for target in node.targets:
            match target:
                case ir.Attribute(value=ir.Name(id=receiver), name=name) if receiver == parameters[0].name:
                    yield name, _with_annotation(node, annotations)


def _with_annotation(statement: ir.Assign, annotations: dict[str, ir.Expression | None]) -> ir.Assign:
    value = statement.value
    if statement.annotation is not None or not isinstance(value, ir.Name):
        return statement
    return ir.Assign(statement.at, statement.targets, value, annotations.get(value.id))


def _is_setter(function: ir.Function) -> bool:
    return any(decorator_name(decorator) in ("setter", "deleter", "overload") for decorator in function.decorators)


def _imported(node: ir.Import) -> str:
    if node.name is None:
        return node.module
    return f"{'.' * node.level}{node.module}.{node.name}"


def _top_level(body: tuple[ir.Statement, ...]) -> Iterator[ir.Statement]:
    """The statements of a module or class body, those in `if` and `try` included."""
    for statement in body:
        if isinstance(statement, ir.Define | ir.DefineClass):
            yield statement
            continue
        for inner in in_scope(statement):
            if isinstance(inner, ir.Assign | ir.Define | ir.DefineClass):
                yield inner
