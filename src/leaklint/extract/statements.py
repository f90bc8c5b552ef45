"""Statements of a syntax tree as IR."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from leaklint import ir
from leaklint.extract.expressions import CHAIN_LIMIT, OPERATORS, expression, optional, parameters, several
from leaklint.extract.names import Scope, class_scope, covering, function_scope, mangle, qualified, span
from leaklint.extract.patterns import bound_names, is_irrefutable, pattern_span, tested_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def block(nodes: Sequence[ast.stmt], scope: Scope) -> tuple[ir.Statement, ...]:
    """Extract the statements of a body; an import of several names becomes several statements."""
    found: list[ir.Statement] = []
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.extend(_imports(node, scope))
        else:
            found.append(_EXTRACT.get(type(node), _pass)(node, scope))
    return tuple(found)


def _imports(node: ast.Import | ast.ImportFrom, scope: Scope) -> list[ir.Statement]:
    at = span(node)
    if isinstance(node, ast.Import):
        return [
            ir.Import(at, alias.name, None, mangle(alias.asname or alias.name.partition(".")[0], scope), 0)
            for alias in node.names
        ]
    module, level = node.module or "", node.level or 0
    return [ir.Import(at, module, alias.name, mangle(alias.asname or alias.name, scope), level) for alias in node.names]


def _assign(node: ast.Assign, scope: Scope) -> ir.Statement:
    value = expression(node.value, scope)
    return ir.Assign(span(node), several(node.targets, scope), value)


def _annotated_assign(node: ast.AnnAssign, scope: Scope) -> ir.Statement:
    target, annotation = expression(node.target, scope), expression(node.annotation, scope)
    return ir.Assign(span(node), (target,), optional(node.value, scope), annotation)


def _augment(node: ast.AugAssign, scope: Scope) -> ir.Statement:
    target, value = expression(node.target, scope), expression(node.value, scope)
    return ir.Augment(span(node), target, OPERATORS[type(node.op)], value)


def _delete(node: ast.Delete, scope: Scope) -> ir.Statement:
    return ir.Delete(span(node), several(node.targets, scope))


def _evaluate(node: ast.Expr, scope: Scope) -> ir.Statement:
    return ir.Evaluate(span(node), expression(node.value, scope))


def _return(node: ast.Return, scope: Scope) -> ir.Statement:
    return ir.Return(span(node), optional(node.value, scope))


def _raise(node: ast.Raise, scope: Scope) -> ir.Statement:
    return ir.Raise(span(node), optional(node.exc, scope), optional(node.cause, scope))


def _assert(node: ast.Assert, scope: Scope) -> ir.Statement:
    return ir.Assert(span(node), expression(node.test, scope), optional(node.msg, scope))


def _break(node: ast.Break, scope: Scope) -> ir.Statement:
    return ir.Break(span(node))


def _continue(node: ast.Continue, scope: Scope) -> ir.Statement:
    return ir.Continue(span(node))


def _pass(node: ast.stmt, scope: Scope) -> ir.Statement:
    return ir.Pass(span(node))


def _global(node: ast.Global, scope: Scope) -> ir.Statement:
    scope.global_names.extend(mangle(name, scope) for name in node.names)
    return ir.Pass(span(node))


def _nonlocal(node: ast.Nonlocal, scope: Scope) -> ir.Statement:
    scope.nonlocal_names.extend(mangle(name, scope) for name in node.names)
    return ir.Pass(span(node))


def _if(node: ast.If, scope: Scope) -> ir.Statement:
    """Extract a chain of `elif` without recursion: it may have thousands of links."""
    links = [node]
    while len(links[-1].orelse) == 1 and isinstance(following := links[-1].orelse[0], ast.If):
        links.append(following)
    branches = [(span(link), expression(link.test, scope), block(link.body, scope)) for link in links]
    otherwise = block(links[-1].orelse, scope)
    if len(links) > CHAIN_LIMIT:
        cases = [ir.Case(at, (), test, body, catches_all=False) for at, test, body in branches]
        if otherwise:
            cases.append(ir.Case(covering(otherwise[0].at, otherwise[-1].at), (), None, otherwise, catches_all=True))
        return ir.Match(span(node), ir.Constant(span(node), "True"), tuple(cases))
    for at, test, body in reversed(branches):
        otherwise = (ir.If(at, test, body, otherwise),)
    return otherwise[0]


def _while(node: ast.While, scope: Scope) -> ir.Statement:
    return ir.While(span(node), expression(node.test, scope), block(node.body, scope), block(node.orelse, scope))


def _for(node: ast.For | ast.AsyncFor, scope: Scope) -> ir.Statement:
    return ir.For(
        span(node),
        expression(node.target, scope),
        expression(node.iter, scope),
        block(node.body, scope),
        block(node.orelse, scope),
        is_async=isinstance(node, ast.AsyncFor),
    )


def _try(node: ast.Try, scope: Scope) -> ir.Statement:
    """Also `except*`, whose node has the same fields."""
    return ir.Try(
        span(node),
        block(node.body, scope),
        tuple([_handler(handler, scope) for handler in node.handlers]),
        block(node.orelse, scope),
        block(node.finalbody, scope),
        is_group=not isinstance(node, ast.Try),
    )


def _handler(node: ast.ExceptHandler, scope: Scope) -> ir.Handler:
    name = None if node.name is None else mangle(node.name, scope)
    return ir.Handler(span(node), optional(node.type, scope), name, block(node.body, scope))


def _with(node: ast.With | ast.AsyncWith, scope: Scope) -> ir.Statement:
    items = tuple(
        ir.WithItem(expression(item.context_expr, scope), optional(item.optional_vars, scope)) for item in node.items
    )
    return ir.With(span(node), items, block(node.body, scope), is_async=isinstance(node, ast.AsyncWith))


def _match(node: ast.Match, scope: Scope) -> ir.Statement:
    return ir.Match(span(node), expression(node.subject, scope), tuple([_case(case, scope) for case in node.cases]))


def _case(node: ast.match_case, scope: Scope) -> ir.Case:
    guard = optional(node.guard, scope)
    return ir.Case(
        covering(pattern_span(node.pattern), span(node.body[-1])),
        bound_names(node.pattern, scope),
        guard,
        block(node.body, scope),
        catches_all=guard is None and is_irrefutable(node.pattern),
        tested=tested_value(node.pattern, scope),
    )


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> ir.Statement:
    decorators = several(node.decorator_list, scope)
    given, returns = parameters(node.args, scope), optional(node.returns, scope)
    inner = function_scope(scope, node.name)
    body = block(node.body, inner)
    function = ir.Function(
        span(node),
        mangle(node.name, scope),
        qualified(node.name, scope),
        given,
        decorators,
        body,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_generator=bool(inner.yields),
        global_names=tuple(dict.fromkeys(inner.global_names)),
        nonlocal_names=tuple(dict.fromkeys(inner.nonlocal_names)),
        returns=returns,
    )
    return ir.Define(span(node), function)


def _class(node: ast.ClassDef, scope: Scope) -> ir.Statement:
    decorators, bases = several(node.decorator_list, scope), several(node.bases, scope)
    body = block(node.body, class_scope(scope, node.name))
    name = mangle(node.name, scope)
    return ir.DefineClass(span(node), ir.Class(span(node), name, qualified(node.name, scope), bases, decorators, body))


_EXTRACT: dict[type[ast.AST], Callable[[Any, Scope], ir.Statement]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated_assign,
    ast.AugAssign: _augment,
    ast.Delete: _delete,
    ast.Expr: _evaluate,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.Try: _try,
    getattr(ast, "TryStar", ast.Try): _try,  # Python 3.11
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Match: _match,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
}
