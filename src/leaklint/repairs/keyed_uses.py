"""Every use of a container in a file whose keys are all the `id()` of one object, told by the code alone.

What uses the container in any other way (goes through its keys, hands it on, has another kind of key) is a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import ir
from leaklint.guarding import relatives
from leaklint.ir_walk import below, in_scope
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name
from leaklint.values import Field, Global, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.evidence import Evidence
    from leaklint.repairs.layout import Layout
    from leaklint.values import Value

Scope: TypeAlias = ir.Module | ir.Class | ir.Function

_BY_KEY = frozenset(["get", "pop", "setdefault"])
_WITHOUT_KEYS = frozenset(["clear", "values"])


class Use(msgspec.Struct, frozen=True, eq=False):
    """A place that gives the container a key; with the value that it puts in, if it does."""

    scope: Scope
    key: ir.Expression
    value: ir.Expression | None = None


class Uses(msgspec.Struct, frozen=True, eq=False):
    """The assignments that build the container empty, and all places that give it a key."""

    built: list[ir.Assign]
    keyed: list[Use]


class _Container(msgspec.Struct, frozen=True, eq=False):
    """How to tell the container in the code: its name, and for an attribute the classes that share it."""

    name: str
    classes: frozenset[str] | None

    def is_at(self, node: msgspec.Struct, scope: Scope) -> bool:
        """Whether a node is the container, or may be."""
        match node:
            case ir.Name(id=self.name) if self.classes is None:
                return not isinstance(scope, ir.Function) or self.name not in locals_of(scope)
            case ir.Name(id=self.name):
                return isinstance(scope, ir.Class) and scope.qualified_name in (self.classes or ())
            case ir.Attribute(value=ir.Name(id="self" | "cls"), name=self.name) if self.classes is not None:
                return _class_around(scope) in self.classes
            case ir.Attribute(name=self.name):
                return self.classes is not None
            case _:
                return False


def uses_of(layout: Layout, evidence: Evidence, cache: Value) -> Uses:
    """Return all uses of a container. Raises RefusedError if one of them is of another kind."""
    container = _container(evidence, cache)
    found, known = Uses([], []), set[int]()
    scopes: list[Scope] = [layout.module]
    scopes += [node for node in below(layout.module) if isinstance(node, ir.Class | ir.Function)]
    for scope in scopes:
        for node in in_scope(scope):
            if isinstance(node, ir.Text) and node.value == container.name:
                raise RefusedError(f"the container is named in a string on line {node.at.line}")
            for one in _containers_in(found, node, scope, container):
                known.add(id(one))
    for scope in scopes:
        for node in in_scope(scope):
            if id(node) not in known and container.is_at(node, scope):
                assert isinstance(node, ir.Node)
                raise RefusedError(f"line {node.at.line} uses the container without the `id()` of an object")
    if not found.built:
        raise RefusedError("nothing in this file builds the container as `{}`")
    return found


def _container(evidence: Evidence, cache: Value) -> _Container:
    name = cache_name(cache)
    match cache:
        case Global() if name is not None:
            return _Container(name, None)
        case Field(base=Instance(class_name=owner)) if name is not None:
            return _Container(name, frozenset(relatives(owner, evidence)))
        case _:
            raise RefusedError("the container is no attribute and no variable of the module")


def _class_around(scope: Scope) -> str | None:
    if not isinstance(scope, ir.Function):
        return None
    return scope.qualified_name.partition(".<locals>")[0].rpartition(".")[0]


def _containers_in(found: Uses, node: msgspec.Struct, scope: Scope, container: _Container) -> Iterator[ir.Expression]:
    """Add what a node does with the container, and yield the expressions in it that are the container."""
    match node:
        case ir.Assign(targets=targets, value=value):
            found.keyed.extend(_written(targets, value, scope, container))
            if len(targets) == 1 and container.is_at(targets[0], scope):
                _require_empty(node)
                found.built.append(node)
                yield targets[0]
        case ir.Augment(target=ir.Subscript() as target, value=value):
            found.keyed.extend(_written((target,), value, scope, container))
        case ir.Subscript(value=one, index=key) if container.is_at(one, scope):
            found.keyed.append(Use(scope, key))
            yield one
        case ir.Compare(left=key, operator="in" | "not in", right=one) if container.is_at(one, scope):
            found.keyed.append(Use(scope, key))
            yield one
        case ir.Call(function=ir.Attribute(value=one, name=name), arguments=arguments) if container.is_at(one, scope):
            if name in _BY_KEY and arguments and all(argument.name is None for argument in arguments):
                value = arguments[1].value if name == "setdefault" and len(arguments) > 1 else None
                found.keyed.append(Use(scope, arguments[0].value, value))
                yield one
            elif name in _WITHOUT_KEYS:
                yield one
        case ir.Call(function=ir.Name(id="len" | "bool"), arguments=(ir.Argument(value=one),)):
            yield one


def _written(
    targets: tuple[ir.Expression, ...], value: ir.Expression | None, scope: Scope, container: _Container
) -> Iterator[Use]:
    for target in targets:
        if isinstance(target, ir.Subscript) and container.is_at(target.value, scope):
            yield Use(scope, target.index, value)


def _require_empty(statement: ir.Assign) -> None:
    match statement.value:
        case ir.Mapping(pairs=()) | ir.Call(function=ir.Name(id="dict"), arguments=()) if statement.annotation is None:
            return
        case ir.Mapping(pairs=()) | ir.Call(function=ir.Name(id="dict"), arguments=()) | None:
            raise RefusedError(f"the annotation on line {statement.at.line} says what keys there are")
        case _:
            raise RefusedError(f"line {statement.at.line} builds the container in another way than as `{{}}`")
