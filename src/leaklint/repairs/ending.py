"""Statements that end the value of an entry and do nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.endings import is_ending
from leaklint.ir_walk import below, last_part
from leaklint.repairs.layout import text_of

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout

_LOG_NAME = re.compile(r"log(s|ger|ging)?$", re.IGNORECASE)


def only_ends(layout: Layout, statement: ir.Statement, subject: str, *, by_name: bool = False) -> bool:
    """Whether a statement ends a value, guarded or logged as it may be, and does nothing else.

    `subject` is the value as the code says it: `client`, `self._clients[key]`. What stands in a cleanup already ends it
    by any method; elsewhere `by_name` asks for a method that says so, as `close` does and `commit` does not.
    """
    if not _may_belong(layout, statement, subject):
        return False
    found = [node for node in below(statement) if ends(layout, node, subject)]
    return bool(found) and (not by_name or all(isinstance(node, ir.Evaluate) and says_it(node) for node in found))


def _may_belong(layout: Layout, statement: ir.Statement, subject: str) -> bool:
    match statement:
        case ir.Pass():
            return True
        case ir.Evaluate(value=value):
            return ends(layout, statement, subject) or _logs(value)
        case ir.If(test=test, body=body, otherwise=()):
            return _reads(layout, test, subject) and all(_may_belong(layout, one, subject) for one in body)
        case ir.With(items=items, body=body) if all(item.target is None for item in items):
            return all(_may_belong(layout, one, subject) for one in body)
        case ir.Try(body=body, handlers=handlers, otherwise=otherwise, final=final):
            inner = (*body, *otherwise, *final, *(one for handler in handlers for one in handler.body))
            return all(_may_belong(layout, one, subject) for one in inner)
        case _:
            return False


def ends(layout: Layout, statement: object, subject: str) -> bool:
    """Whether a statement is a call of the value's own method, or of a function that ends what it is given."""
    if not isinstance(statement, ir.Evaluate):
        return False
    value = statement.value
    match value.value if isinstance(value, ir.Await) else value:
        case ir.Call(function=ir.Attribute(value=owner, name=method), arguments=arguments) as call:
            if _is_part_of(layout, owner, subject):
                return not arguments or (is_ending(method) and all(_is_simple(one.value) for one in arguments))
            return _ends_argument(layout, call, subject)
        case ir.Call() as call:
            return _ends_argument(layout, call, subject)
        case _:
            return False


def says_it(statement: ir.Evaluate) -> bool:
    """Whether what a statement calls has a name that says the end: `close`, `_end_span`."""
    value = statement.value.value if isinstance(statement.value, ir.Await) else statement.value
    return isinstance(value, ir.Call) and is_ending(last_part(value.function) or "")


def _ends_argument(layout: Layout, call: ir.Call, subject: str) -> bool:
    if not any(_is(layout, argument.value, subject) for argument in call.arguments):
        return False
    called = last_part(call.function) or ""
    own = [node for node in below(layout.module) if isinstance(node, ir.Function) and node.name == called]
    if not own:
        return is_ending(called) and all(_is_simple(argument.value) for argument in call.arguments)
    return all(_ends_its_parameter(layout, call, function, subject) for function in own)


def _ends_its_parameter(layout: Layout, call: ir.Call, function: ir.Function, subject: str) -> bool:
    work = _work_of(function)
    if any(_hands_on(layout, statement) for statement in work):
        return False
    for parameter in function.parameters:
        value = argument_for(call, function, parameter.name)
        if value is not None and _is(layout, value, subject):
            return all(only_ends(layout, statement, parameter.name) for statement in work)
    return False


def _work_of(function: ir.Function) -> tuple[ir.Statement, ...]:
    first = function.body[0]
    is_documented = isinstance(first, ir.Evaluate) and isinstance(first.value, ir.Text)
    return function.body[1:] if is_documented else function.body


def _hands_on(layout: Layout, statement: ir.Statement) -> bool:
    """Whether a statement calls functions of the module in its turn; one step is followed."""
    called = {last_part(node.function) for node in below(statement) if isinstance(node, ir.Call)}
    return any(isinstance(node, ir.Function) and node.name in called for node in below(layout.module))


def argument_for(call: ir.Expression, function: ir.Function, parameter: str) -> ir.Expression | None:
    """Return the expression that `call` gives for a parameter of `function`, if that can be told."""
    if not isinstance(call, ir.Call) or any(argument.name in ("*", "**") for argument in call.arguments):
        return None
    named = next((argument.value for argument in call.arguments if argument.name == parameter), None)
    names = [one.name for one in function.parameters if one.kind == "positional"]
    if names and names[0] in ("self", "cls") and isinstance(call.function, ir.Attribute):
        names = names[1:]
    if named is not None or parameter not in names:
        return named
    given = [argument.value for argument in call.arguments if argument.name is None]
    index = names.index(parameter)
    return given[index] if index < len(given) else None


def _logs(value: ir.Expression) -> bool:
    match value:
        case ir.Call(function=ir.Attribute(value=owner), arguments=arguments):
            is_log = _LOG_NAME.search(last_part(owner) or "") is not None
            return is_log and all(_is_simple(argument.value) for argument in arguments)
        case _:
            return False


def _is_simple(value: ir.Expression) -> bool:
    """Whether an expression only reads: no call, no `await`."""
    return not any(isinstance(node, ir.Call | ir.Await | ir.Yield | ir.Walrus) for node in below(value))


def _is(layout: Layout, value: ir.Expression, subject: str) -> bool:
    return isinstance(value, ir.Name | ir.Subscript) and text_of(layout, value.at) == subject


def _reads(layout: Layout, value: ir.Expression, subject: str) -> bool:
    return any(isinstance(node, ir.Name | ir.Subscript) and _is(layout, node, subject) for node in below(value))


def _is_part_of(layout: Layout, value: ir.Expression, subject: str) -> bool:
    """`client` and `client.transport` of `client`."""
    return _is(layout, value, subject) or (
        isinstance(value, ir.Attribute) and _is_part_of(layout, value.value, subject)
    )
