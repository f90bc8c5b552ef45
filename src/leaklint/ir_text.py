"""The IR in print: one statement a line with its line number, blocks indented, strings as `⟨hole⟩text⟨hole⟩`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leaklint import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from leaklint.model import Span

_INDENT = "    "
_BRACKETS = {"list": ("[", "]"), "set": ("{", "}"), "tuple": ("(", ")"), "dict": ("{", "}"), "generator": ("(", ")")}


def show(module: ir.Module) -> str:
    """Print a module's IR; the same IR always prints the same."""
    return "".join(f"{number:>5}  {text}\n" if number else f"{'':>5}  {text}\n" for number, text in _block(module.body))


def show_expression(node: ir.Expression) -> str:
    """Print one expression on one line."""
    return _EXPRESSIONS[type(node)](node)


def _commas(nodes: Iterable[ir.Expression]) -> str:
    return ", ".join(show_expression(node) for node in nodes)


def _operand(node: ir.Expression) -> str:
    """Print an expression that stands beside an operator or a dot, in brackets if it has operators of its own."""
    text = show_expression(node)
    needs_brackets = isinstance(
        node, ir.Binary | ir.Boolean | ir.Compare | ir.Conditional | ir.Lambda | ir.Not | ir.Await | ir.Yield
    )
    return f"({text})" if needs_brackets else text


def _text(node: ir.Text) -> str:
    return repr(node.value)


def _template(node: ir.Template) -> str:
    return "".join(_template_part(part) for part in node.parts)


def _template_part(part: ir.Expression) -> str:
    if isinstance(part, ir.Text):
        return repr(part.value)[1:-1].replace("⟨", "\\⟨").replace("⟩", "\\⟩")
    return f"⟨{show_expression(part)}⟩"


def _argument(argument: ir.Argument) -> str:
    value = show_expression(argument.value)
    if argument.name is None:
        return value
    return f"{argument.name}{value}" if argument.name in ("*", "**") else f"{argument.name}={value}"


def _call(node: ir.Call) -> str:
    return f"{_operand(node.function)}({', '.join(_argument(argument) for argument in node.arguments)})"


def _display(node: ir.Display) -> str:
    opening, closing = _BRACKETS[node.kind]
    comma = "," if node.kind == "tuple" and len(node.items) == 1 else ""
    return f"{opening}{_commas(node.items)}{comma}{closing}"


def _pair(pair: ir.Pair) -> str:
    value = show_expression(pair.value)
    return f"**{value}" if pair.key is None else f"{show_expression(pair.key)}: {value}"


def _mapping(node: ir.Mapping) -> str:
    return f"{{{', '.join(_pair(pair) for pair in node.pairs)}}}"


def _comprehension(node: ir.Comprehension) -> str:
    opening, closing = _BRACKETS[node.kind]
    value = "" if node.value is None else f": {show_expression(node.value)}"
    clauses = "".join(_clause(clause) for clause in node.clauses)
    return f"{opening}{show_expression(node.element)}{value}{clauses}{closing}"


def _clause(clause: ir.Clause) -> str:
    word = "async for" if clause.is_async else "for"
    conditions = "".join(f" if {show_expression(condition)}" for condition in clause.conditions)
    return f" {word} {show_expression(clause.target)} in {_operand(clause.iterable)}{conditions}"


def _lambda(node: ir.Lambda) -> str:
    given = ", ".join(_parameter(parameter) for parameter in node.function.parameters)
    body = node.function.body[0]
    value = show_expression(body.value) if isinstance(body, ir.Return) and body.value is not None else "None"
    return f"lambda {given}: {value}" if given else f"lambda: {value}"


def _conditional(node: ir.Conditional) -> str:
    return f"{_operand(node.then)} if {_operand(node.test)} else {_operand(node.otherwise)}"


def _yield(node: ir.Yield) -> str:
    if node.value is None:
        return "yield"
    return f"{'yield from' if node.delegates else 'yield'} {show_expression(node.value)}"


def _infix(node: ir.Binary | ir.Compare) -> str:
    return f"{_operand(node.left)} {node.operator} {_operand(node.right)}"


_EXPRESSIONS: dict[type[ir.Node], Callable[[Any], str]] = {
    ir.Name: lambda node: str(node.id),
    ir.Text: _text,
    ir.Constant: lambda node: str(node.value),
    ir.Template: _template,
    ir.Attribute: lambda node: f"{_operand(node.value)}.{node.name}",
    ir.Subscript: lambda node: f"{_operand(node.value)}[{show_expression(node.index)}]",
    ir.Call: _call,
    ir.Display: _display,
    ir.Mapping: _mapping,
    ir.Comprehension: _comprehension,
    ir.Lambda: _lambda,
    ir.Conditional: _conditional,
    ir.Boolean: lambda node: f" {node.operator} ".join(_operand(value) for value in node.values),
    ir.Not: lambda node: f"not {_operand(node.value)}",
    ir.Compare: _infix,
    ir.Binary: _infix,
    ir.Await: lambda node: f"await {_operand(node.value)}",
    ir.Yield: _yield,
    ir.Starred: lambda node: f"*{_operand(node.value)}",
    ir.Walrus: lambda node: f"({node.target.id} := {show_expression(node.value)})",
    ir.Opaque: lambda node: f"opaque({_commas(node.children)})",
}


def _parameter(parameter: ir.Parameter) -> str:
    stars = {"star": "*", "double-star": "**"}.get(parameter.kind, "")
    only = "keyword " if parameter.kind == "keyword" else ""
    annotation = "" if parameter.annotation is None else f": {show_expression(parameter.annotation)}"
    default = "" if parameter.default is None else f" = {show_expression(parameter.default)}"
    return f"{only}{stars}{parameter.name}{annotation}{default}"


def _block(body: Sequence[ir.Statement]) -> Iterator[tuple[int, str]]:
    for statement in body:
        yield from _statement(statement)


def _indented(body: Sequence[ir.Statement]) -> Iterator[tuple[int, str]]:
    return ((number, _INDENT + text) for number, text in _block(body))


def _statement(node: ir.Statement) -> Iterator[tuple[int, str]]:
    compound = _COMPOUND.get(type(node))
    if compound is not None:
        return compound(node)
    return iter([(node.at.line, _SIMPLE[type(node)](node))])


def _headed(at: Span, head: str, body: Sequence[ir.Statement]) -> Iterator[tuple[int, str]]:
    yield at.line, head
    yield from _indented(body)


def _part(word: str, body: Sequence[ir.Statement]) -> Iterator[tuple[int, str]]:
    """Print a part that has no line of its own in the IR."""
    if body:
        yield 0, f"{word}:"
        yield from _indented(body)


def _assign(node: ir.Assign) -> str:
    targets = " = ".join(show_expression(target) for target in node.targets)
    annotation = "" if node.annotation is None else f": {show_expression(node.annotation)}"
    value = "" if node.value is None else f" = {show_expression(node.value)}"
    return f"{targets}{annotation}{value}"


def _optional(word: str, *nodes: ir.Expression | None, between: str = " ") -> str:
    return word + "".join(
        (between if number else " ") + show_expression(node) for number, node in enumerate(nodes) if node is not None
    )


def _import(node: ir.Import) -> str:
    module = "." * node.level + node.module
    if node.name is None:
        return f"import {module} as {node.bound}"
    return f"from {module} import {node.name} as {node.bound}"


_SIMPLE: dict[type[ir.Node], Callable[[Any], str]] = {
    ir.Assign: _assign,
    ir.Augment: lambda node: f"{show_expression(node.target)} {node.operator}= {show_expression(node.value)}",
    ir.Delete: lambda node: f"del {_commas(node.targets)}",
    ir.Evaluate: lambda node: show_expression(node.value),
    ir.Return: lambda node: _optional("return", node.value),
    ir.Raise: lambda node: _optional("raise", node.exception, node.cause, between=" from "),
    ir.Assert: lambda node: _optional("assert", node.test, node.message, between=", "),
    ir.Break: lambda node: "break",
    ir.Continue: lambda node: "continue",
    ir.Pass: lambda node: "pass",
    ir.Import: _import,
}


def _if(node: ir.If) -> Iterator[tuple[int, str]]:
    yield from _headed(node.at, f"if {show_expression(node.test)}:", node.body)
    yield from _part("else", node.otherwise)


def _while(node: ir.While) -> Iterator[tuple[int, str]]:
    yield from _headed(node.at, f"while {show_expression(node.test)}:", node.body)
    yield from _part("else", node.otherwise)


def _for(node: ir.For) -> Iterator[tuple[int, str]]:
    word = "async for" if node.is_async else "for"
    head = f"{word} {show_expression(node.target)} in {show_expression(node.iterable)}:"
    yield from _headed(node.at, head, node.body)
    yield from _part("else", node.otherwise)


def _try(node: ir.Try) -> Iterator[tuple[int, str]]:
    yield from _headed(node.at, "try:", node.body)
    for handler in node.handlers:
        word = "except*" if node.is_group else "except"
        name = "" if handler.name is None else f" as {handler.name}"
        yield from _headed(handler.at, f"{_optional(word, handler.caught)}{name}:", handler.body)
    yield from _part("else", node.otherwise)
    yield from _part("finally", node.final)


def _with(node: ir.With) -> Iterator[tuple[int, str]]:
    items = ", ".join(
        show_expression(item.context) + ("" if item.target is None else f" as {show_expression(item.target)}")
        for item in node.items
    )
    return _headed(node.at, f"{'async with' if node.is_async else 'with'} {items}:", node.body)


def _match(node: ir.Match) -> Iterator[tuple[int, str]]:
    yield node.at.line, f"match {show_expression(node.subject)}:"
    for case in node.cases:
        pattern = "_" if case.catches_all else "?" if case.tested is None else show_expression(case.tested)
        bound = f" binds {', '.join(case.bound)}" if case.bound else ""
        guard = "" if case.guard is None else f" if {show_expression(case.guard)}"
        for number, text in _headed(case.at, f"case {pattern}{bound}{guard}:", case.body):
            yield number, _INDENT + text


def _define(node: ir.Define) -> Iterator[tuple[int, str]]:
    function = node.function
    for decorator in function.decorators:
        yield decorator.at.line, f"@{show_expression(decorator)}"
    words = [word for word, holds in (("async", function.is_async), ("generator", function.is_generator)) if holds]
    given = ", ".join(_parameter(parameter) for parameter in function.parameters)
    returns = "" if function.returns is None else f" -> {show_expression(function.returns)}"
    name = function.qualified_name + (f" as {function.name}" if _is_renamed(function) else "")
    yield node.at.line, " ".join([*words, f"def {name}({given}){returns}:"])
    for word, names in (("global", function.global_names), ("nonlocal", function.nonlocal_names)):
        if names:
            yield 0, f"{_INDENT}{word} {', '.join(names)}"
    yield from _indented(function.body)


def _is_renamed(definition: ir.Function | ir.Class) -> bool:
    return definition.qualified_name.rpartition(".")[2] != definition.name


def _class(node: ir.DefineClass) -> Iterator[tuple[int, str]]:
    definition = node.definition
    for decorator in definition.decorators:
        yield decorator.at.line, f"@{show_expression(decorator)}"
    name = definition.qualified_name + (f" as {definition.name}" if _is_renamed(definition) else "")
    bases = f"({_commas(definition.bases)})" if definition.bases else ""
    yield from _headed(node.at, f"class {name}{bases}:", definition.body)


_COMPOUND: dict[type[ir.Node], Callable[[Any], Iterator[tuple[int, str]]]] = {
    ir.If: _if,
    ir.While: _while,
    ir.For: _for,
    ir.Try: _try,
    ir.With: _with,
    ir.Match: _match,
    ir.Define: _define,
    ir.DefineClass: _class,
}
