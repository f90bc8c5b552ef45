"""How a file is laid out: what a repair must know to put lines into it as its author would have.

Statements are those of the IR. Offsets count characters of the decoded file, line numbers count from 1.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter

import msgspec

from leaklint import ir
from leaklint.extract.syntax import parse
from leaklint.model import Span
from leaklint.repairs.by_name import ByName, read_names
from leaklint.repairs.naming import module_names
from leaklint.repairs.nodes import Nodes, find_nodes
from leaklint.repairs.places import Block, Place, blocks_of, find_places
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.tokens import Line, Token, Tokens, physical_lines, read_tokens
from leaklint.source import Source, SourceError, newline, offset


class Layout(msgspec.Struct, frozen=True, eq=False):
    """A file with its lines, tokens and statements; `newline` and `unit` are what most of the file uses.

    `spans` are those of `places` in the order of the file, outer ones first; `names` are those that the module binds.
    """

    source: Source
    module: ir.Module
    nodes: Nodes
    lines: tuple[Line, ...]
    tokens: Tokens
    places: dict[Span, Place]
    spans: tuple[Span, ...]
    names: frozenset[str]
    by_name: ByName
    newline: str
    unit: str


class Extent(msgspec.Struct, frozen=True):
    """The offsets of a statement's code, decorators included, comments behind it not; and its lines."""

    start: int
    end: int
    first_line: int
    last_line: int


def read_layout(source: Source, module: ir.Module) -> Layout | Refusal:
    """Lay `source` out; refuse a file that the parser took and the tokenizer does not."""
    lines = physical_lines(source.text)
    try:
        tree, tokens = parse(source), read_tokens(source.text, lines)
    except SourceError as error:
        return Refusal(error.message)
    except RefusedError as error:
        return error.refusal
    unit = Counter(tokens.units).most_common(1)[0][0] if tokens.units else "    "
    places = find_places(module)
    return Layout(
        source=source,
        module=module,
        nodes=find_nodes(tree),
        lines=lines,
        tokens=tokens,
        places=places,
        spans=tuple(sorted(places, key=lambda at: (at.line, at.column, -at.end_line, -at.end_column))),
        names=frozenset(module_names(module)),
        by_name=read_names(module),
        newline=newline(source),
        unit=unit,
    )


def text_of(layout: Layout, span: Span) -> str:
    """Return the characters of `span`."""
    start, end = offsets(layout, span)
    return layout.source.text[start:end]


def offsets(layout: Layout, span: Span) -> tuple[int, int]:
    """Return the offsets of `span`. Raises RefusedError for one of another file."""
    if span.line > len(layout.source.line_starts):
        raise RefusedError("what is to be repaired reaches into another file")
    return offset(layout.source, span.line, span.column), offset(layout.source, span.end_line, span.end_column)


def place_of(layout: Layout, statement: ir.Statement) -> Place:
    """Where `statement` stands: its block, siblings and path.

    Raises RefusedError for a statement of another module.
    """
    place = layout.places.get(statement.at)
    if place is None:
        raise RefusedError(f"line {statement.at.line} is not a statement of this file")
    return place


def innermost(layout: Layout, span: Span) -> ir.Statement | None:
    """Return the innermost statement that contains `span`."""
    index = bisect_right(layout.spans, _start(span), key=_start) - 1
    place = layout.places[layout.spans[index]] if index >= 0 else None
    # What begins last before the span is the statement itself or, where it ends too early, inside of it.
    while place is not None:
        statement = place.block.statements[place.index]
        if statement.at.contains(span):
            return statement
        place = place.block.outer
    return None


def statements_within(layout: Layout, span: Span) -> list[ir.Statement]:
    """Return the statements inside `span`, at any depth, in the order of the file."""
    first = bisect_left(layout.spans, _start(span), key=_start)
    last = bisect_left(layout.spans, (span.end_line, span.end_column), key=_start)
    places = (layout.places[at] for at in layout.spans[first:last] if span.contains(at))
    return [place.block.statements[place.index] for place in places]


def extent(layout: Layout, statement: ir.Statement) -> Extent:
    """Return the code of `statement`, decorators included."""
    start, end = offsets(layout, statement.at)
    match statement:
        case ir.Define(function=ir.Function(decorators=(first, *_))):
            start = _start_of_logical_line(layout, offsets(layout, first.at)[0])
        case ir.DefineClass(definition=ir.Class(decorators=(first, *_))):
            start = _start_of_logical_line(layout, offsets(layout, first.at)[0])
    return Extent(start, end, line_number(layout, start), line_number(layout, max(start, end - 1)))


def line_number(layout: Layout, place: int) -> int:
    """Return the number of the line that the offset `place` is on."""
    return max(1, bisect_right(layout.lines, place, key=lambda line: line.start))


def token_before(layout: Layout, place: int) -> Token | None:
    """Return the last token that ends at or before the offset `place`, comments left out."""
    index = bisect_left(layout.tokens.starts, place) - 1
    while index >= 0 and layout.tokens.all[index].kind == "comment":
        index -= 1
    return layout.tokens.all[index] if index >= 0 else None


def token_at(layout: Layout, place: int) -> Token | None:
    """Return the first token that starts at or after the offset `place`, comments left out."""
    for token in layout.tokens.all[bisect_left(layout.tokens.starts, place) :]:
        if token.kind != "comment":
            return token
    return None


def logical_line(layout: Layout, place: int) -> Token:
    """Return the first token of the logical line that the token at the offset `place` belongs to."""
    index = bisect_right(layout.tokens.starts, place) - 1
    while not layout.tokens.all[index].begins:
        index -= 1
    return layout.tokens.all[index]


def stands_alone(layout: Layout, statement: ir.Statement) -> bool:
    """Whether no other statement shares its lines: no `;` neighbours, not the one-line suite of `if x: y`."""
    at = extent(layout, statement)
    first = token_at(layout, at.start)
    behind = token_at(layout, at.end)
    if behind is not None and behind.text == ";":
        behind = token_at(layout, behind.end)
    return first is not None and first.begins and (behind is None or behind.kind == "newline")


def indentation(layout: Layout, statement: ir.Statement) -> str:
    """Return the white space a new line beside `statement` needs, tabs as they are.

    For a statement of a one-line suite it is that of the lines the suite would be expanded to.
    """
    at = extent(layout, statement)
    first = logical_line(layout, at.start)
    white = white_space_before(layout, first.start)
    owner = place_of(layout, statement).block.owner
    if first.start < at.start and not _shares_block(layout, statement, first):
        return white + unit_inside(layout, owner)
    return white


def unit_of(layout: Layout, statement: ir.Statement) -> str:
    """One step of indentation as the block around `statement` uses it, or else the file."""
    return unit_inside(layout, place_of(layout, statement).block.owner)


def unit_inside(layout: Layout, owner: ir.Statement | None) -> str:
    """One step of indentation as the block of `owner` uses it, or else the file."""
    if owner is None:
        return layout.unit
    for statements in reversed([statements for _, statements in blocks_of(owner) if statements]):
        start = extent(layout, statements[0]).start
        header, inner = _header_before(layout, start), white_space_before(layout, start)
        outer = "" if header is None else white_space_before(layout, header.start)
        if header is not None and inner.startswith(outer) and inner != outer:
            return inner[len(outer) :]
    return layout.unit


def white_space_before(layout: Layout, place: int) -> str:
    """Return the indentation of the line at the offset `place`, from behind the last form feed on."""
    line = layout.lines[line_number(layout, place) - 1]
    return layout.source.text[line.start : line.code].rpartition("\f")[2]


def comment_of_line(layout: Layout, number: int) -> Token | None:
    """Return the comment that has the line for itself, else None."""
    line = layout.lines[number - 1]
    index = bisect_left(layout.tokens.starts, line.code)
    if index == len(layout.tokens.all) or layout.tokens.all[index].start != line.code:
        return None
    token = layout.tokens.all[index]
    return token if token.kind == "comment" else None


def comments_above(layout: Layout, statement: ir.Statement) -> tuple[int, ...]:
    """Return the numbers of the comment lines directly above `statement` that are indented as it is."""
    first = extent(layout, statement).first_line
    white = white_space_before(layout, layout.lines[first - 1].start)
    number = first - 1
    while number >= 1:
        comment = comment_of_line(layout, number)
        if comment is None or white_space_before(layout, comment.start) != white:
            break
        number -= 1
    return tuple(range(number + 1, first))


def tokens_within(layout: Layout, start: int, end: int) -> tuple[Token, ...]:
    """Return the tokens between two offsets."""
    return layout.tokens.all[bisect_left(layout.tokens.starts, start) : bisect_left(layout.tokens.starts, end)]


def comments_within(layout: Layout, start: int, end: int) -> tuple[Token, ...]:
    """Return the comments between two offsets."""
    return tuple(token for token in tokens_within(layout, start, end) if token.kind == "comment")


def inside_literal(layout: Layout, start: int, end: int) -> bool:
    """Whether the stretch lies within a string literal without being all of it."""
    literals = layout.tokens.literals
    return any(first <= start and end <= last and (first, last) != (start, end) for first, last in literals)


def _header_before(layout: Layout, start: int) -> Token | None:
    """Return the first token of the line that opens the block beginning at `start`; None if they share a line."""
    newline_before = token_before(layout, start)
    if newline_before is None or newline_before.kind != "newline":
        return None
    return logical_line(layout, newline_before.start)


def _shares_block(layout: Layout, statement: ir.Statement, first: Token) -> bool:
    block: Block = place_of(layout, statement).block
    return any(extent(layout, sibling).start == first.start for sibling in block.statements)


def _start_of_logical_line(layout: Layout, place: int) -> int:
    return logical_line(layout, place).start


def _start(span: Span) -> tuple[int, int]:
    return span.line, span.column
