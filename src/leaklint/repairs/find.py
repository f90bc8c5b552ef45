"""Where the analysis's places are in the code: statements, expressions, the blocks that two statements share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, in_scope
from leaklint.model import MODULES_APART
from leaklint.repairs.layout import innermost, place_of
from leaklint.repairs.places import function_around, path_to
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

    from leaklint.model import Span
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.places import Block


def require_own(span: Span) -> None:
    """Raise RefusedError for a place in another file."""
    if span.line >= MODULES_APART:
        raise RefusedError("what is to be repaired reaches into another file")


def statement_around(layout: Layout, span: Span) -> ir.Statement:
    """Return the innermost statement that contains `span`. Raises RefusedError if there is none."""
    require_own(span)
    found = innermost(layout, span)
    if found is None:
        raise RefusedError(f"line {span.line} is in no statement of this file")
    return found


def function_of(layout: Layout, statement: ir.Statement) -> ir.Function:
    """Return the function that `statement` is in. Raises RefusedError at the top of the module."""
    function = function_around(place_of(layout, statement))
    if function is None:
        raise RefusedError(f"line {statement.at.line} is in no function")
    return function


def require_same_function(layout: Layout, first: ir.Statement, second: ir.Statement, what: str) -> ir.Function:
    """Return the function that both statements are in. Raises RefusedError with `what` if there is none."""
    function = function_of(layout, first)
    if function_of(layout, second) is not function:
        raise RefusedError(what)
    return function


def expression_of(statement: ir.Statement, span: Span) -> ir.Expression:
    """Return the outermost expression of `statement` that `span` is the span of.

    Raises RefusedError if there is none.
    """
    for node in below(statement):
        if isinstance(node, ir.Node) and node.at == span and isinstance(node, ir.Expression):
            return node
    raise RefusedError(f"line {span.line}: what stands there is no expression of its own")


def standing_in(layout: Layout, statement: ir.Statement, block: Block) -> int | None:
    """Return the index of the statement of `block` that is or contains `statement`."""
    for step in path_to(place_of(layout, statement)):
        if step.block is block:
            return step.index
    return None


def shared_block(layout: Layout, statements: Iterable[ir.Statement]) -> Block:
    """Return the innermost block that all of `statements` are in."""
    paths = [[step.block for step in path_to(place_of(layout, one))] for one in statements]
    shared = [block for block in paths[0] if all(any(block is other for other in path) for path in paths[1:])]
    return shared[-1]


def owners_of(layout: Layout, statement: ir.Statement) -> list[tuple[ir.Statement, str]]:
    """Return the statements around `statement` within its function, innermost first, each with the part it is in."""
    owners: list[tuple[ir.Statement, str]] = []
    for step in reversed(path_to(place_of(layout, statement))):
        owner = step.block.owner
        if owner is None or isinstance(owner, ir.Define | ir.DefineClass):
            break
        owners.append((owner, step.block.part))
    return owners


def names_read(node: msgspec.Struct) -> set[str]:
    """Every name that stands anywhere in `node`."""
    return {inner.id for inner in below(node) if isinstance(inner, ir.Name)}


def names_bound(node: msgspec.Struct) -> set[str]:
    """Every name that `node` binds in its own scope."""
    found: set[str] = set()
    for inner in in_scope(node):
        found |= bound_by(inner)
    return found


def binds(statement: ir.Statement) -> set[str]:
    """The names that a statement binds itself, those of the statements inside left out."""
    found = bound_by(statement)
    match statement:
        case ir.With(items=items):
            for item in items:
                found |= bound_by(item)
        case ir.Try(handlers=handlers):
            for handler in handlers:
                found |= bound_by(handler)
        case ir.Match(cases=cases):
            for case in cases:
                found |= bound_by(case)
    return found


def bound_by(node: msgspec.Struct) -> set[str]:
    """The names that a node binds itself."""
    match node:
        case ir.Assign(targets=targets) | ir.Delete(targets=targets):
            return {name for target in targets for name in _targets(target)}
        case ir.For(target=target) | ir.Augment(target=target) | ir.Walrus(target=target):
            return set(_targets(target))
        case ir.WithItem(target=target) if target is not None:
            return set(_targets(target))
        case ir.Handler(name=str(name)) | ir.Import(bound=name) | ir.Define(function=ir.Function(name=name)):
            return {name}
        case ir.DefineClass(definition=ir.Class(name=name)):
            return {name}
        case ir.Case(bound=names):
            return set(names)
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
