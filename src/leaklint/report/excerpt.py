"""Lines of a file prepared for a terminal: tabs expanded, nothing that could upset it, cut to a width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.cells import cell_len, set_cell_size

from leaklint.report.words import printable

if TYPE_CHECKING:
    from leaklint.source import Source

TAB = 4
LEAD = 12
"""Cells that stay visible before the mark where the beginning of a line is cut off."""

WORTH_SEEING = 24
"""The beginning of a line is only cut off if less than this of the mark would be seen."""


class Excerpt(msgspec.Struct, frozen=True):
    """One line of code, and the cells of it that are marked: `mark` cells from `column`, which counts from 0."""

    text: str
    column: int
    mark: int


def code_line(source: Source, line: int) -> str:
    """Take one line, counted from 1, without its newline."""
    start = source.line_starts[line - 1]
    end = source.line_starts[line] if line < len(source.line_starts) else len(source.text)
    return source.text[start:end].rstrip("\r\n")


def excerpt(code: str, start: int, end: int, width: int) -> Excerpt:
    """Prepare a line whose characters from `start` up to `end`, both counted from 0, are marked."""
    before, marked, after = code[:start], code[start:end], code[end:]
    head = _expanded(before, 0)
    middle = _expanded(marked, cell_len(head))
    tail = _expanded(after, cell_len(head) + cell_len(middle))
    column, mark = cell_len(head), max(cell_len(middle), 1)
    whole = (head + middle + tail).rstrip()
    if cell_len(whole) <= width:
        return Excerpt(whole, column, mark)
    if column + min(mark, WORTH_SEEING) > width:
        cut = max(column - LEAD, 0)
        whole = "…" + _without_first_cells(whole, cut + 1) if cut else whole
        column -= cut
    if cell_len(whole) > width:
        whole = set_cell_size(whole, width - 1) + "…"
    return Excerpt(whole, column, max(min(mark, width - column), 1))


def _expanded(text: str, cells: int) -> str:
    """Replace tabs by the spaces up to the next tab stop; `cells` is how far the line goes before `text`."""
    expanded = ""
    for character in printable(text):
        if character == "\t":
            expanded += " " * (TAB - (cells + cell_len(expanded)) % TAB)
        else:
            expanded += character
    return expanded


def _without_first_cells(text: str, cells: int) -> str:
    """Cut `cells` cells off; a wide character that would be halved leaves a space."""
    return set_cell_size(text[::-1], cell_len(text) - cells)[::-1]
