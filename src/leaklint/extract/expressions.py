"""Expressions of a syntax tree as IR."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from leaklint import ir
from leaklint.extract import templates
from leaklint.extract.names import Scope, covering, function_scope, mangle, qualified, span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leaklint.model import Span

CHAIN_LIMIT = 100
"""Links of `a + b + c` or `elif` that nest; a longer chain becomes flat, as whoever walks it would run out of stack."""

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.BitXor: "^",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def expression(node: ast.expr, scope: Scope) -> ir.Expression:
    """Extract one expression."""
    return _EXTRACT.get(type(node), _opaque)(node, scope)


def optional(node: ast.expr | None, scope: Scope) -> ir.Expression | None:
    """Extract an expression that may be missing."""
    return None if node is None else expression(node, scope)


def several(nodes: Sequence[ast.expr], scope: Scope) -> tuple[ir.Expression, ...]:
    """Extract expressions in their order."""
    return tuple([expression(node, scope) for node in nodes])


def parameters(arguments: ast.arguments, scope: Scope) -> tuple[ir.Parameter, ...]:
    """Extract the parameters of a function, whose defaults and annotations are evaluated in `scope`."""

    def parameter(node: ast.arg, kind: ir.ParameterKind, default: ast.expr | None = None) -> ir.Parameter:
        annotation = optional(node.annotation, scope)
        return ir.Parameter(mangle(node.arg, scope), kind, annotation, optional(default, scope))

    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    found = [parameter(node, "positional", default) for node, default in zip(plain, defaults, strict=True)]
    if arguments.vararg is not None:
        found.append(parameter(arguments.vararg, "star"))
    for node, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(parameter(node, "keyword", default))
    if arguments.kwarg is not None:
        found.append(parameter(arguments.kwarg, "double-star"))
    return tuple(found)


def _name(node: ast.Name, scope: Scope) -> ir.Expression:
    return ir.Name(span(node), mangle(node.id, scope))


def _constant(node: ast.Constant, scope: Scope) -> ir.Expression:
    value = node.value
    if isinstance(value, str):
        return ir.Text(span(node), value) if _can_be_encoded(value) else ir.Constant(span(node), ascii(value))
    return ir.Constant(span(node), _literal(value))


def _can_be_encoded(text: str) -> bool:
    """Tell lone surrogates apart: they can be written as an escape in Python, but not encoded as a cache needs it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _literal(value: object) -> str:
    if value is Ellipsis:
        return "..."
    try:
        return repr(value)
    except ValueError:
        # Python refuses to write very long integers in decimal.
        return hex(value) if isinstance(value, int) else "?"


def _joined_text(node: ast.JoinedStr, scope: Scope) -> ir.Expression:
    at = span(node)
    parts: list[ir.Expression] = []
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            parts.append(_formatted_value(value, scope))
        else:
            part = expression(value, scope)
            # Python versions differ in where they place the texts of an f-string.
            parts.append(ir.Text(at, part.value) if isinstance(part, ir.Text) else part)
    return templates.template(at, parts)


def _formatted_value(node: ast.FormattedValue, scope: Scope) -> ir.Expression:
    conversion = chr(node.conversion) if node.conversion > 0 else ""
    return templates.hole(expression(node.value, scope), conversion, optional(node.format_spec, scope))


def _lone_formatted_value(node: ast.FormattedValue, scope: Scope) -> ir.Expression:
    return templates.template(span(node), [_formatted_value(node, scope)])


def _attribute(node: ast.Attribute, scope: Scope) -> ir.Expression:
    return ir.Attribute(span(node), expression(node.value, scope), mangle(node.attr, scope))


def _subscript(node: ast.Subscript, scope: Scope) -> ir.Expression:
    return ir.Subscript(span(node), expression(node.value, scope), expression(node.slice, scope))


def _arguments(
    positional: Sequence[ast.expr], keywords: Sequence[ast.keyword], scope: Scope
) -> tuple[ir.Argument, ...]:
    """Extract the arguments of a call, positional ones first."""
    found = [
        ir.Argument(expression(node.value, scope), "*")
        if isinstance(node, ast.Starred)
        else ir.Argument(expression(node, scope))
        for node in positional
    ]
    for keyword in keywords:
        name = "**" if keyword.arg is None else mangle(keyword.arg, scope)
        found.append(ir.Argument(expression(keyword.value, scope), name))
    return tuple(found)


def _call(node: ast.Call, scope: Scope) -> ir.Expression:
    at = span(node)
    function = expression(node.func, scope)
    given = _arguments(node.args, node.keywords, scope)
    text: ir.Expression | None = _attribute_by_name(at, function, given)
    if isinstance(function, ir.Attribute) and isinstance(function.value, ir.Text):
        if function.name == "format":
            text = templates.formatted(at, function.value, given)
        elif function.name == "join" and len(given) == 1 and given[0].name is None:
            items = given[0].value
            if isinstance(items, ir.Display) and items.kind != "set":
                text = templates.joined(at, function.value, items.items)
    return ir.Call(at, function, given) if text is None else text


def _attribute_by_name(at: Span, function: ir.Expression, given: tuple[ir.Argument, ...]) -> ir.Expression | None:
    """`getattr(self, "_cache", None)` is the attribute, where there is one."""
    match function, given:
        case ir.Name(id="getattr"), (ir.Argument(name=None, value=owner), ir.Argument(value=ir.Text(value=name)), *_):
            return ir.Attribute(at, owner, name) if name.isidentifier() else None
        case _:
            return None


def _binary(node: ast.BinOp, scope: Scope) -> ir.Expression:
    """Chains lean to the left and may be thousands of links long, so the left side is not recursed into."""
    links = [node]
    while isinstance(left := links[-1].left, ast.BinOp):
        links.append(left)
    first = expression(links[-1].left, scope)
    links.reverse()
    if len(links) > CHAIN_LIMIT:
        operands = (first, *(expression(link.right, scope) for link in links))
        adds = all(isinstance(link.op, ast.Add) for link in links)
        is_text = adds and any(isinstance(operand, ir.Text | ir.Template) for operand in operands)
        return templates.template(span(node), operands) if is_text else ir.Opaque(span(node), operands)
    result = first
    for link in links:
        result = _combined(link, result, expression(link.right, scope))
    return result


def _combined(node: ast.BinOp, left: ir.Expression, right: ir.Expression) -> ir.Expression:
    operator = OPERATORS[type(node.op)]
    text: ir.Expression | None = None
    if operator == "+" and (isinstance(left, ir.Text | ir.Template) or isinstance(right, ir.Text | ir.Template)):
        text = templates.template(span(node), [*_added(left), *_added(right)])
    elif operator == "%" and isinstance(left, ir.Text):
        text = templates.percent(span(node), left, right)
    return ir.Binary(span(node), left, operator, right) if text is None else text


def _added(node: ir.Expression) -> list[ir.Expression]:
    """Take apart the operands of `a + b + c`, which turn out to be texts once a text is added to them."""
    rights: list[ir.Expression] = []
    while isinstance(node, ir.Binary) and node.operator == "+":
        rights.append(node.right)
        node = node.left
    return [node, *reversed(rights)]


def _unary(node: ast.UnaryOp, scope: Scope) -> ir.Expression:
    value = expression(node.operand, scope)
    if isinstance(node.op, ast.Not):
        return ir.Not(span(node), value)
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant) and isinstance(value, ir.Constant):
        return ir.Constant(span(node), f"-{value.value}")
    return ir.Opaque(span(node), (value,))


def _boolean(node: ast.BoolOp, scope: Scope) -> ir.Expression:
    return ir.Boolean(span(node), "and" if isinstance(node.op, ast.And) else "or", several(node.values, scope))


def _compare(node: ast.Compare, scope: Scope) -> ir.Expression:
    operands = several([node.left, *node.comparators], scope)
    comparisons = tuple(
        ir.Compare(covering(left.at, right.at), left, OPERATORS[type(operator)], right)
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False)
    )
    if len(comparisons) == 1:
        return ir.Compare(span(node), operands[0], comparisons[0].operator, operands[1])
    return ir.Boolean(span(node), "and", comparisons)


def _tuple(node: ast.Tuple, scope: Scope) -> ir.Expression:
    return ir.Display(span(node), "tuple", several(node.elts, scope))


def _list(node: ast.List, scope: Scope) -> ir.Expression:
    return ir.Display(span(node), "list", several(node.elts, scope))


def _set(node: ast.Set, scope: Scope) -> ir.Expression:
    return ir.Display(span(node), "set", several(node.elts, scope))


def _dict(node: ast.Dict, scope: Scope) -> ir.Expression:
    pairs = zip(node.keys, node.values, strict=True)
    return ir.Mapping(
        span(node), tuple([ir.Pair(optional(key, scope), expression(value, scope)) for key, value in pairs])
    )


def _clauses(generators: Sequence[ast.comprehension], scope: Scope) -> tuple[ir.Clause, ...]:
    return tuple(
        ir.Clause(
            expression(clause.target, scope),
            expression(clause.iter, scope),
            several(clause.ifs, scope),
            bool(clause.is_async),
        )
        for clause in generators
    )


def _comprehension(kind: ir.ComprehensionKind) -> Callable[[Any, Scope], ir.Expression]:
    def extract(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> ir.Expression:
        clauses = _clauses(node.generators, scope)
        return ir.Comprehension(span(node), kind, expression(node.elt, scope), None, clauses)

    return extract


def _dict_comprehension(node: ast.DictComp, scope: Scope) -> ir.Expression:
    clauses = _clauses(node.generators, scope)
    return ir.Comprehension(span(node), "dict", expression(node.key, scope), optional(node.value, scope), clauses)


def _lambda(node: ast.Lambda, scope: Scope) -> ir.Expression:
    at = span(node)
    given = parameters(node.args, scope)
    inner = function_scope(scope, "<lambda>")
    body = expression(node.body, inner)
    function = ir.Function(
        at,
        "<lambda>",
        qualified("<lambda>", scope),
        given,
        (),
        (ir.Return(body.at, body),),
        is_async=False,
        is_generator=bool(inner.yields),
    )
    return ir.Lambda(at, function)


def _conditional(node: ast.IfExp, scope: Scope) -> ir.Expression:
    test = expression(node.test, scope)
    return ir.Conditional(span(node), test, expression(node.body, scope), expression(node.orelse, scope))


def _await(node: ast.Await, scope: Scope) -> ir.Expression:
    return ir.Await(span(node), expression(node.value, scope))


def _yield(node: ast.Yield, scope: Scope) -> ir.Expression:
    scope.yields.append(node.lineno)
    return ir.Yield(span(node), optional(node.value, scope), delegates=False)


def _yield_from(node: ast.YieldFrom, scope: Scope) -> ir.Expression:
    scope.yields.append(node.lineno)
    return ir.Yield(span(node), expression(node.value, scope), delegates=True)


def _starred(node: ast.Starred, scope: Scope) -> ir.Expression:
    return ir.Starred(span(node), expression(node.value, scope))


def _walrus(node: ast.NamedExpr, scope: Scope) -> ir.Expression:
    target = ir.Name(span(node.target), mangle(node.target.id, scope))
    return ir.Walrus(span(node), target, expression(node.value, scope))


def _opaque(node: ast.expr, scope: Scope) -> ir.Expression:
    """Anything else, slices and template strings among them: what it evaluates, in order."""
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return ir.Opaque(span(node), several(children, scope))


_EXTRACT: dict[type[ast.AST], Callable[[Any, Scope], ir.Expression]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.JoinedStr: _joined_text,
    ast.FormattedValue: _lone_formatted_value,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.ListComp: _comprehension("list"),
    ast.SetComp: _comprehension("set"),
    ast.GeneratorExp: _comprehension("generator"),
    ast.DictComp: _dict_comprehension,
    ast.Lambda: _lambda,
    ast.IfExp: _conditional,
    ast.Await: _await,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Starred: _starred,
    ast.NamedExpr: _walrus,
}
