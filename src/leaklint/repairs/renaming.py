"""Other names for the variables of a comprehension that become variables of its function."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from leaklint.repairs.carry import Swap
from leaklint.repairs.layout import Layout, offsets
from leaklint.repairs.naming import free_name
from leaklint.repairs.nodes import span_of, statement_at
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint import ir

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def renamings(layout: Layout, node: Comprehension, function: ir.Function) -> list[Swap]:
    """Return the swaps that give loop variables of `node` which mean something else in `function` another name.

    Raises RefusedError where the variable is bound again inside the comprehension.
    """
    own = set(ast.walk(node))
    swaps: list[Swap] = []
    for name in sorted(_bound_by(node) & _meant_elsewhere(layout, node, function)):
        if any(name in _bound_by(inner) for inner in own if isinstance(inner, Comprehension) and inner is not node):
            raise RefusedError(f"the loop variable {name} on line {node.lineno} is bound twice")
        fresh = free_name(name, function, layout.names)
        swaps += [_swap(layout, used, fresh) for used in own if isinstance(used, ast.Name) and used.id == name]
    return swaps


def names_in(node: ast.AST) -> set[str]:
    """Every name read or bound in `node`."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _swap(layout: Layout, name: ast.Name, fresh: str) -> Swap:
    start, end = offsets(layout, span_of(name))
    # Python 3.11 and older misplace some names inside f-strings.
    if layout.source.text[start:end] != name.id:
        raise RefusedError(f"the loop variable {name.id} on line {name.lineno} clashes with another")
    return Swap(start, end, fresh)


def _meant_elsewhere(layout: Layout, node: Comprehension, function: ir.Function) -> set[str]:
    """Return the names that the function uses outside `node`, but for what inner scopes keep to themselves."""
    definition = statement_at(layout.nodes, function.at)
    private = set(ast.walk(node))
    for inner in ast.walk(definition):
        if inner is not definition and (bound := _bound_by(inner)):
            private |= {n for n in ast.walk(inner) if isinstance(n, ast.Name) and n.id in bound}
    names = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and n not in private}
    return (
        names
        | {parameter.name for parameter in function.parameters}
        | {*function.global_names, *function.nonlocal_names}
    )


def _bound_by(node: ast.AST) -> set[str]:
    """Return the names that a comprehension, or a function as parameters, binds for itself."""
    match node:
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            targets = [clause.target for clause in node.generators]
            return {name for target in targets for name in names_in(target)}
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return {inner.arg for inner in ast.walk(node.args) if isinstance(inner, ast.arg)}
        case _:
            return set()
