"""What a module defines: functions, classes with their methods, and what their attributes are built from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.containers import Kind, default_factory, kind_of_type, kind_of_value, merge
from leaklint.ir_walk import below, dotted, in_scope, last_part
from leaklint.model import Span

WRAPPERS = frozenset({"Optional", "ClassVar", "Final", "Annotated"})
MAPPING_BASES = frozenset({"dict", "OrderedDict", "UserDict", "defaultdict"})


class Routine(msgspec.Struct, frozen=True):
    """A function of the module, with its place in it."""

    name: str
    """Unique in the module: the qualified name, with a position where a name is defined twice."""
    function: ir.Function
    class_name: str | None = None
    parent: str | None = None
    """The routine that it is nested in."""
    nodes: tuple[msgspec.Struct, ...] = ()
    """All that is in its function's scope; nested functions, lambdas and classes are given and not entered."""

    @property
    def decorations(self) -> tuple[str, ...]:
        """The last words of its decorators."""
        return tuple(name for decorator in self.function.decorators if (name := _decorator_name(decorator)))

    @property
    def takes_receiver(self) -> bool:
        """Whether the first parameter is the instance or the class."""
        return self.class_name is not None and "staticmethod" not in self.decorations

    @property
    def is_private(self) -> bool:
        """Whether only code that is in sight calls it: it is nested, or its name begins with an underscore."""
        name = self.function.name
        return self.parent is not None or (name.startswith("_") and not name.endswith("__"))

    @property
    def is_context_manager(self) -> bool:
        """Whether it is a generator made into a context manager."""
        return bool({"contextmanager", "asynccontextmanager"} & set(self.decorations))

    @property
    def is_always_resumed(self) -> bool:
        """Whether it is a generator that goes on behind its `yield` whatever happened meanwhile: a pytest fixture."""
        return "fixture" in self.decorations


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


class Outline(msgspec.Struct, frozen=True):
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
    facts = _container_facts([(target.id, s) for s in assigned for target in s.targets if isinstance(target, ir.Name)])
    imports = {node.bound: _imported(node) for node in below(module) if isinstance(node, ir.Import)}
    return Outline(
        path=module.path,
        routines=routines,
        classes=classes,
        names_at={routine.function.at: name for name, routine in routines.items()},
        kinds=facts.kinds,
        types=facts.types,
        default_factories=facts.default_factories,
        local_names={name: _local_names(routine.function) for name, routine in routines.items()},
        imports=imports,
        discarding=frozenset(name for node in below(module) if (name := _discarded_from(node)) is not None),
    )


def _local_names(function: ir.Function) -> frozenset[str]:
    assigned = {
        target.id
        for node in in_scope(function)
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    return frozenset(assigned | {parameter.name for parameter in function.parameters})


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
    pending, seen = [class_name], set[str]()
    while pending:
        name = pending.pop(0)
        if name in seen or name not in found.classes:
            continue
        seen.add(name)
        yield found.classes[name]
        pending.extend(found.classes[name].bases)


def method(found: Outline, class_name: str, name: str, *, above: str | None = None) -> Routine | None:
    """The method as Python would find it; `above` begins behind that class, as `super()` does."""
    is_reached = above is None
    for blueprint in ancestry(found, class_name):
        if is_reached and name in blueprint.methods:
            return found.routines[blueprint.methods[name]]
        is_reached = is_reached or blueprint.name == above
    return None


def family(found: Outline, class_name: str, attribute: str) -> str:
    """The class that an attribute belongs to: the farthest base that names it, which all its subclasses share."""
    if class_name not in found.classes:
        return class_name
    line = list(ancestry(found, class_name))
    naming = [blueprint for blueprint in line if attribute in blueprint.attributes]
    return (naming or line)[-1].name


def owner_by_attribute(found: Outline, name: str) -> str | None:
    """The one class of the module that has a container of this name: what an object of unknown type is taken for."""
    owners = {
        family(found, blueprint.name, name)
        for blueprint in found.classes.values()
        if blueprint.kinds.get(name) in (Kind.MAPPING, Kind.SET)
    }
    return owners.pop() if len(owners) == 1 else None


def attribute_kind(found: Outline, class_name: str, name: str) -> Kind:
    """What an attribute of the class is built from, bases and subclasses that share it included."""
    top = family(found, class_name, name)
    kinds = [
        blueprint.kinds[name]
        for blueprint in found.classes.values()
        if name in blueprint.kinds and family(found, blueprint.name, name) == top
    ]
    return merge(kinds)


class _ContainerFacts(msgspec.Struct, frozen=True):
    kinds: dict[str, Kind]
    types: dict[str, str]
    default_factories: dict[str, str]


def _container_facts(assigned: list[tuple[str, ir.Assign]]) -> _ContainerFacts:
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
    return _ContainerFacts(kinds_of, types, factories)


def _built_type(statement: ir.Assign) -> str | None:
    """The class of what is assigned, as it is written: that of the constructor, else that of the annotation."""
    if isinstance(statement.value, ir.Call):
        return dotted(_unsubscripted(statement.value.function))
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


def _routines(module: ir.Module) -> Iterator[Routine]:
    taken: set[str] = set()
    pending: list[tuple[msgspec.Struct, str | None, str | None]] = [(module, None, None)]
    while pending:
        node, class_name, parent = pending.pop(0)
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
    facts = _container_facts([*named, *(found for routine in own for found in _assigned_attributes(routine))])
    bases = tuple(base for expression in definition.bases if (base := dotted(_unsubscripted(expression))))
    decorations = {_decorator_name(decorator) for decorator in definition.decorators}
    return Blueprint(
        name=definition.qualified_name,
        bases=bases,
        methods=methods,
        fields=tuple(name for name, statement in named if statement.annotation is not None),
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
            name for name, statement in named if statement.value is not None and not _has_factory(statement.value)
        ),
        made_anew=frozenset(name for name, statement in named if _has_factory(statement.value)),
    )


def _has_factory(value: ir.Expression | None) -> bool:
    """Whether it describes a field that each instance gets one of its own for: `field(default_factory=dict)`."""
    return isinstance(value, ir.Call) and any(one.name in ("default_factory", "factory") for one in value.arguments)


def _unsubscripted(expression: ir.Expression) -> ir.Expression:
    return expression.value if isinstance(expression, ir.Subscript) else expression


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
    return any(_decorator_name(decorator) in ("setter", "deleter", "overload") for decorator in function.decorators)


def _decorator_name(decorator: ir.Expression) -> str | None:
    return last_part(decorator.function if isinstance(decorator, ir.Call) else decorator)


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
