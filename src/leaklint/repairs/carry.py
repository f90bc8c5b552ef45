"""Code carried from one place of a file to another as it is written: its line breaks, strings and comments go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint.repairs.draft import Anchor, Row
from leaklint.repairs.layout import Layout, line_number, tokens_within, white_space_before

if TYPE_CHECKING:
    from collections.abc import Sequence


class Swap(msgspec.Struct, frozen=True, order=True):
    """Other text for a stretch of the code that is carried."""

    start: int
    end: int
    text: str


class Carried(msgspec.Struct, frozen=True):
    """Code on its way: its lines, and the indexes of those that begin inside a string.

    The first line has no indentation; the others have what they were indented more than the line it came from.
    `breaks_bare` says that one of the line breaks stands outside all brackets of the code itself.
    """

    lines: tuple[str, ...]
    literal: frozenset[int]
    breaks_bare: bool


def carry(layout: Layout, start: int, end: int, swaps: Sequence[Swap] = ()) -> Carried:
    """Take up the code between two offsets, with those of `swaps` made that lie in it."""
    lines, literal = [""], set()
    base = white_space_before(layout, start)
    reached = start
    inside = [swap for swap in sorted(swaps) if start <= swap.start and swap.end <= end]
    for swap in [*inside, Swap(end, end, "")]:
        first = line_number(layout, reached)
        for number in range(first, line_number(layout, swap.start) + 1):
            line = layout.lines[number - 1]
            code = layout.source.text[max(line.start, reached) : min(line.end, swap.start)]
            if number == first:
                lines[-1] += code
                continue
            if number in layout.tokens.literal_lines:
                literal.add(len(lines))
                lines.append(code)
            else:
                lines.append(code.removeprefix(base) if code.startswith(base) else code.lstrip(" \t\f"))
        lines[-1] += swap.text
        reached = swap.end
    return Carried(tuple(lines), frozenset(literal), _breaks_bare(layout, start, end))


def set_down(
    layout: Layout, anchor: Anchor, indent: str, code: Carried, before: str = "", after: str = "", wrap: bool = True
) -> tuple[Row, ...]:
    """Rows that say `before`, the code and `after`; with `wrap`, in parentheses if the line breaks need them."""
    lines = list(code.lines)
    opening, closing = ("(", ")") if wrap and code.breaks_bare else ("", "")
    lines[0] = before + opening + lines[0]
    lines[-1] += closing + after
    rows = []
    for number, line in enumerate(lines):
        if number in code.literal:
            rows.append(Row("literal", "", (line,), layout.newline, anchor=anchor))
        elif line.strip():
            rows.append(Row("code", indent, (line,), layout.newline, anchor=anchor))
        else:
            rows.append(Row("blank", "", ("",), layout.newline, anchor=anchor))
    return tuple(rows)


def _breaks_bare(layout: Layout, start: int, end: int) -> bool:
    depth, reached = 0, start
    for token in tokens_within(layout, start, end):
        gap = layout.source.text[reached : token.start]
        if depth == 0 and line_number(layout, reached) != line_number(layout, token.start) and "\\" not in gap:
            return True
        if token.kind == "code":
            depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        reached = token.end
    return False
