"""Evaluation order: what Python evaluates before a given expression of a statement, and whether that matters.

This works on Python's own tree, not on the IR, which takes strings apart without keeping who is evaluated when.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Order: TypeAlias = Literal["kept", "reads", "changed"]
"""What happens to an expression that is evaluated before the rest of its statement instead of in its place.

`kept`: nobody can tell. `reads`: attributes are read, or names, in another order, which only shows if the calls passed
over change them. `changed`: something with an effect is passed over, or it might not have been evaluated at all.
"""

_NOTHING, _READS, _EFFECT = 0, 1, 2
_HARMLESS = (
    ast.Constant,
    ast.Name,
    ast.Tuple,
    ast.List,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.Lambda,
    ast.Slice,
    ast.keyword,
    ast.expr_context,
    ast.boolop,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
)
_PAUSES_OR_BINDS = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


class _Step(msgspec.Struct, frozen=True):
    """One node that is evaluated after its children; `size` counts it and all steps below it."""

    node: ast.AST
    effect: int
    conditional: bool
    size: int


def order_if_first(statement: ast.stmt, expression: ast.expr, settled: Collection[ast.expr] = ()) -> Order:
    """Return what it means to evaluate `expression` before anything else of `statement`.

    `settled` are expressions already evaluated above the statement. Raises RefusedError if one of them belongs
    behind `expression`.
    """
    return order_within(_evaluated(statement), expression, settled)


def order_within(values: Sequence[ast.expr], expression: ast.expr, settled: Collection[ast.expr] = ()) -> Order:
    """Return the same for an expression inside `values`, which are evaluated one after the other."""
    steps = [step for value in values for step in _steps(value)]
    index = next((number for number, step in enumerate(steps) if step.node is expression), None)
    if index is None or steps[index].conditional:
        return "changed"
    first = index + 1 - steps[index].size
    own, others = steps[first : index + 1], steps[index + 1 :]
    if any(step.node in settled for step in others):
        raise RefusedError(f"line {expression.lineno}: repairs would evaluate expressions in another order")
    return _compare(_without(steps[:first], settled), own)


def effect_free(expression: ast.expr) -> bool:
    """Whether evaluating `expression` at most reads attributes."""
    return all(step.effect <= _READS for step in _steps(expression))


def _compare(passed: list[_Step], own: list[_Step]) -> Order:
    before = max((step.effect for step in passed), default=_NOTHING)
    effect = max(step.effect for step in own)
    if any(isinstance(step.node, ast.NamedExpr) for step in own) and passed:
        return "changed"
    if before == _NOTHING or (before == _READS and effect <= _READS):
        return "kept"
    if before == _READS:
        return "reads"
    pauses = any(isinstance(step.node, _PAUSES_OR_BINDS) for step in passed)
    return "changed" if effect > _NOTHING or pauses else "reads"


def _without(steps: list[_Step], settled: Collection[ast.expr]) -> list[_Step]:
    kept: list[_Step] = []
    for step in steps:
        if step.node in settled:
            del kept[len(kept) + 1 - step.size :]
        else:
            kept.append(step)
    return kept


def _evaluated(statement: ast.stmt) -> list[ast.expr]:
    """Return the parts of a statement's first line that are evaluated exactly once, in order."""
    match statement:
        case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
            return [value]
        case ast.AnnAssign(value=ast.expr() as value, target=target):
            return [value, target]
        case ast.Assign(value=value, targets=targets):
            return [value, *targets]
        case ast.AugAssign(target=target, value=value):
            return [target, value]
        case ast.Raise(exc=ast.expr() as raised):
            return [raised]
        case ast.Delete(targets=[target, *_]) | ast.If(test=target) | ast.Match(subject=target):
            return [target]
        case ast.For(iter=iterable) | ast.AsyncFor(iter=iterable):
            return [iterable]
        case ast.With(items=[first, *_]) | ast.AsyncWith(items=[first, *_]):
            return [first.context_expr]
        case _:
            return []


def _steps(node: ast.AST, conditional: bool = False) -> list[_Step]:
    always, perhaps = _parts(node)
    steps = [step for part in always for step in _steps(part, conditional)]
    unsure = [step for part in perhaps for step in _steps(part, conditional=True)]
    if isinstance(node, ast.Lambda):
        unsure = [msgspec.structs.replace(step, effect=_NOTHING) for step in unsure]
    steps += unsure
    return [*steps, _Step(node, _own_effect(node), conditional, len(steps) + 1)]


def _parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """Return the children in evaluation order: those that are always evaluated, once, and those that may not be."""
    match node:
        case ast.BoolOp(values=[first, *others]):
            return [first], list(others)
        case ast.Compare(left=left, comparators=[first, *others]):
            return [left, first], list(others)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return [test], [body, orelse]
        case ast.Lambda(args=arguments, body=body):
            return [*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)], [body]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first_clause, *clauses = node.generators
            inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.comprehension)]
            return [first_clause.iter], [first_clause.target, *first_clause.ifs, *clauses, *inner]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return [part for pair in pairs for part in pair if part is not None], []
        case _:
            return list(ast.iter_child_nodes(node)), []


def _own_effect(node: ast.AST) -> int:
    """Return what evaluating `node` does when its children are evaluated already."""
    if isinstance(node, _HARMLESS):
        return _NOTHING
    if isinstance(node, ast.Attribute | ast.IfExp | ast.BoolOp):
        return _READS
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        return _NOTHING
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return _NOTHING
    return _EFFECT
