"""Strings put together from parts: every spelling becomes a template, or None where it cannot be split exactly."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.extract.names import covering

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leaklint.model import Span

_PERCENT = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<flags>[#0\- +]*)(?P<width>\d*)(?P<precision>(?:\.\d*)?)"
    r"[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])"
)
_FIELD = re.compile(r"(?P<first>[^.\[\]{}]*)(?P<rest>(?:\.[^.\[\]{}]+|\[[^\[\]{}]+\])*)")
_FIELD_STEP = re.compile(r"\.(?P<attribute>[^.\[\]]+)|\[(?P<index>[^\[\]]+)\]")
_CONVERSIONS = {"r": "repr", "a": "ascii", "s": "str"}


def template(at: Span, parts: Iterable[ir.Expression]) -> ir.Template | ir.Text:
    """Put parts together: inner templates dissolved, neighbouring texts merged, empty texts dropped."""
    merged: list[ir.Expression] = []
    for part in _dissolved(parts):
        last = merged[-1] if merged else None
        if isinstance(part, ir.Text) and isinstance(last, ir.Text):
            merged[-1] = ir.Text(_around(last.at, part.at), last.value + part.value)
        elif not isinstance(part, ir.Text) or part.value:
            merged.append(part)
    if not merged:
        return ir.Text(at, "")
    if len(merged) == 1 and isinstance(merged[0], ir.Text):
        return ir.Text(at, merged[0].value)
    return ir.Template(at, tuple(merged))


def hole(value: ir.Expression, conversion: str = "", spec: ir.Expression | None = None) -> ir.Expression:
    """Return a value as it enters a string: wrapped in `repr` or `ascii`, and in `format` if it has a format spec.

    `conversion` is `r`, `a`, `s` or empty. The conversion to `str` that every hole implies is left out.
    """
    has_spec = spec is not None and not (isinstance(spec, ir.Text) and not spec.value)
    if conversion in ("r", "a") or (conversion == "s" and has_spec):
        value = _call(_CONVERSIONS[conversion], value)
    if has_spec and spec is not None:
        value = _call("format", value, spec)
    return value


def joined(at: Span, separator: ir.Text, items: Sequence[ir.Expression]) -> ir.Template | ir.Text | None:
    """`separator.join([items])`."""
    if any(isinstance(item, ir.Starred) for item in items):
        return None
    parts = [part for item in items for part in (separator, item)]
    return template(at, parts[1:])


def percent(at: Span, text: ir.Text, right: ir.Expression) -> ir.Template | ir.Text | None:
    """`text % right`."""
    pieces = _percent_pieces(text.value)
    if pieces is None:
        return None
    fields = [piece for piece in pieces if isinstance(piece, re.Match)]
    values = _percent_values(fields, right)
    if values is None:
        return None
    remaining = iter(values)
    return template(
        at,
        (
            ir.Text(text.at, piece) if isinstance(piece, str) else _percent_hole(piece, next(remaining), text.at)
            for piece in pieces
        ),
    )


def formatted(at: Span, text: ir.Text, arguments: Sequence[ir.Argument]) -> ir.Template | ir.Text | None:
    """`text.format(arguments)`."""
    if any(argument.name in ("*", "**") for argument in arguments):
        return None
    positional = [argument.value for argument in arguments if argument.name is None]
    values: dict[str, ir.Expression] = {str(number): value for number, value in enumerate(positional)}
    values.update({argument.name: argument.value for argument in arguments if argument.name is not None})
    try:
        fields = list(Formatter().parse(text.value))
    except ValueError:
        return None
    names = _field_names([name for _, name, _, _ in fields if name is not None])
    if names is None or not _each_evaluated_once(values, [first for first, _ in names]):
        return None
    remaining = iter(names)
    parts: list[ir.Expression] = []
    for literal, name, spec, conversion in fields:
        parts.append(ir.Text(text.at, literal))
        if name is None:
            continue
        first, steps = next(remaining)
        if conversion not in (None, "r", "s", "a") or "{" in (spec or ""):
            return None
        parts.append(hole(_follow(values[first], steps, text.at), conversion or "", ir.Text(text.at, spec or "")))
    return template(at, parts)


def _dissolved(parts: Iterable[ir.Expression]) -> Iterable[ir.Expression]:
    for part in parts:
        if isinstance(part, ir.Template):
            yield from part.parts
        else:
            yield part


def _around(first: Span, second: Span) -> Span:
    return covering(min(first, second), first if first.contains(second) else second)


def _call(function: str, *arguments: ir.Expression) -> ir.Call:
    at = arguments[0].at
    return ir.Call(at, ir.Name(at, function), tuple(ir.Argument(argument) for argument in arguments))


def _percent_pieces(text: str) -> list[str | re.Match[str]] | None:
    """Split into texts and fields in order; None if a field is malformed or one that cannot be split (`%*d`)."""
    pieces: list[str | re.Match[str]] = []
    reached = 0
    while (start := text.find("%", reached)) >= 0:
        field = _PERCENT.match(text, start)
        if field is None or (field["kind"] == "%" and field[0] != "%%"):
            return None
        pieces += [text[reached:start], "%" if field[0] == "%%" else field]
        reached = field.end()
    return [*pieces, text[reached:]]


def _percent_values(fields: list[re.Match[str]], right: ir.Expression) -> list[ir.Expression] | None:
    """One value per field, or None if they do not match one to one."""
    keys = [field["key"] for field in fields if field["key"] is not None]
    if keys:
        return _named_values(keys, right) if len(keys) == len(fields) else None
    if isinstance(right, ir.Display) and right.kind == "tuple":
        starred = any(isinstance(item, ir.Starred) for item in right.items)
        return list(right.items) if len(right.items) == len(fields) and not starred else None
    return [right] if len(fields) == 1 else None


def _named_values(keys: list[str], right: ir.Expression) -> list[ir.Expression] | None:
    if not isinstance(right, ir.Mapping):
        if not _is_plain(right):
            return None
        return [ir.Subscript(right.at, right, ir.Text(right.at, key)) for key in keys]
    values: dict[str, ir.Expression] = {}
    for pair in right.pairs:
        if not isinstance(pair.key, ir.Text):
            return None
        values[pair.key.value] = pair.value
    return [values[key] for key in keys] if _each_evaluated_once(values, keys) else None


def _percent_hole(field: re.Match[str], value: ir.Expression, at: Span) -> ir.Expression:
    layout, kind = f"{field['flags']}{field['width']}{field['precision']}", field["kind"]
    if kind in "ra":
        return hole(value, kind, ir.Text(at, layout and f"{layout}s"))
    is_bare = not layout and kind in "diusr"
    return value if is_bare else hole(value, "", ir.Text(at, layout + kind))


def _field_names(names: list[str]) -> list[tuple[str, str]] | None:
    """Each field's argument, numbered where it has no name, and the attributes and indexes that follow."""
    found: list[tuple[str, str]] = []
    for name in names:
        match = _FIELD.fullmatch(name)
        if match is None:
            return None
        found.append((match["first"], match["rest"]))
    automatic = {not first for first, _ in found if not first or first.isdecimal()}
    if len(automatic) > 1:
        return None
    count = iter(range(len(found)))
    return [(first or str(next(count)), rest) for first, rest in found]


def _each_evaluated_once(values: dict[str, ir.Expression], used: list[str]) -> bool:
    """Whether every value is used, and one that is used twice is no matter of evaluating twice."""
    if any(name not in values for name in used):
        return False
    return all(used.count(name) == 1 or _is_plain(value) for name, value in values.items())


def _is_plain(value: ir.Expression) -> bool:
    """Whether evaluating it twice, or not at all, is the same as once."""
    while isinstance(value, ir.Attribute):
        value = value.value
    return isinstance(value, ir.Name | ir.Text | ir.Constant)


def _follow(value: ir.Expression, steps: str, at: Span) -> ir.Expression:
    for step in _FIELD_STEP.finditer(steps):
        if step["attribute"] is not None:
            value = ir.Attribute(value.at, value, step["attribute"])
        else:
            index = step["index"]
            key = ir.Constant(at, str(int(index))) if index.isdecimal() else ir.Text(at, index)
            value = ir.Subscript(value.at, value, key)
    return value
