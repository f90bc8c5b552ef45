"""Changes to whole statements: lines beside them, `try` and `finally` around them, taking them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.repairs.draft import (
    Anchor,
    Draft,
    Kept,
    Row,
    RowKind,
    Side,
    block_indent,
    insert_rows,
    replace_text,
    row_at,
    shift_rows,
    split_row,
)
from leaklint.repairs.layout import (
    Layout,
    comments_above,
    comments_within,
    extent,
    logical_line,
    place_of,
    token_at,
    token_before,
    unit_inside,
    unit_of,
)
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.model import Span


def insert_before(draft: Draft, statement: ir.Statement, lines: Sequence[str], above_comments: bool) -> Draft:
    """Put lines above `statement`."""
    draft = isolate(draft, statement)
    _refuse_docstring(draft.layout, statement)
    index = row_at(draft, extent(draft.layout, statement).start)
    comments = () if _is_elif(draft.layout, statement) else comments_above(draft.layout, statement)
    side: Side = "above" if above_comments else "before"
    if above_comments and comments:
        index = row_at(draft, draft.layout.lines[comments[0] - 1].code)
    while above_comments and index > 0 and _is_beside(draft, draft.rows[index - 1], statement, "before"):
        index -= 1
    indent = block_indent(draft.rows[index])
    return insert_rows(draft, index, _beside(draft, statement, side, indent, lines))


def insert_after(draft: Draft, statement: ir.Statement, lines: Sequence[str]) -> Draft:
    """Put lines below `statement` and the comments that belong inside it."""
    draft = isolate(draft, statement)
    first, last = rows_of(draft, statement)
    indent = block_indent(draft.rows[first])
    return insert_rows(draft, last + 1, _beside(draft, statement, "after", indent, lines))


def wrap_in_try(
    draft: Draft, first: ir.Statement, last: ir.Statement, lines: Sequence[str], clause: str = "finally:"
) -> Draft:
    """Put `try:` above the siblings `first` to `last`, re-indent them, and add `finally:` or `clause` with lines.

    Of two such wraps the one around more statements is the outer one, whatever their order.
    """
    return _wrapped(draft, first, last, "try:", [clause, *_one_level_in(lines)])


def wrap_in_with(draft: Draft, first: ir.Statement, last: ir.Statement, header: str) -> Draft:
    """Put the header of a `with` above the siblings `first` to `last`, and re-indent them."""
    return _wrapped(draft, first, last, header, ())


def _wrapped(draft: Draft, first: ir.Statement, last: ir.Statement, header: str, closing_lines: Sequence[str]) -> Draft:
    layout = draft.layout
    _require_wrappable(draft, first, last)
    draft = isolate(isolate(draft, first), last)
    head, foot = _outside_inner_wraps(draft, first, last)
    indent, unit = block_indent(draft.rows[head]), unit_of(layout, first)
    opening, closing = anchor_of(layout, first, "before"), anchor_of(layout, last, "after")
    opening, closing = (
        msgspec.structs.replace(one, other=two.start) for one, two in ((opening, closing), (closing, opening))
    )
    draft = shift_rows(draft, head, foot, unit)
    draft = insert_rows(draft, foot + 1, new_rows(layout, closing, unit, indent, closing_lines))
    draft = insert_rows(draft, head, new_rows(layout, opening, unit, indent, [header]))
    return msgspec.structs.replace(draft, wraps=(*draft.wraps, (first.at, last.at)))


def add_finally(draft: Draft, statement: ir.Try, lines: Sequence[str]) -> Draft:
    """Give a `try` without one a `finally:` with lines."""
    layout = draft.layout
    if statement.final:
        raise RefusedError(f"the try statement on line {statement.at.line} has a finally clause already")
    first, last = rows_of(draft, statement)
    anchor = inside_of(layout, statement)
    lines = ["finally:", *_one_level_in(lines)]
    rows = new_rows(layout, anchor, unit_inside(layout, statement), block_indent(draft.rows[first]), lines)
    return insert_rows(draft, last + 1, rows)


def extend_finally(draft: Draft, statement: ir.Try, lines: Sequence[str], first: bool) -> Draft:
    """Put lines into the `finally` that a `try` has, below what is there or above it."""
    if not statement.final:
        raise RefusedError(f"the try statement on line {statement.at.line} has no finally clause")
    if first:
        return insert_before(draft, statement.final[0], lines, above_comments=True)
    return insert_after(draft, statement.final[-1], lines)


def remove_statement(draft: Draft, statement: ir.Statement) -> Draft:
    """Take a statement out; its comments stay, and `pass` where the block would be empty."""
    layout = draft.layout
    draft = isolate(draft, statement)
    first, last = rows_of(draft, statement)
    if any(row.anchor is not None for row in draft.rows[first : last + 1]):
        raise RefusedError(
            f"another repair adds to the statement on line {statement.at.line}, which this one takes out"
        )
    removed = draft.removed | {statement.at}
    comments = comments_within(layout, extent(layout, statement).start, draft.rows[last].end)
    lines = [comment.text for comment in comments]
    if not _has_company(draft, statement, removed):
        lines = [*lines[:-1], "pass  " + lines[-1]] if lines else ["pass"]
    indent = block_indent(draft.rows[first])
    rows = _beside(draft, statement, "after", indent, lines)
    ending = draft.rows[last].newline
    kept, behind = (*draft.rows[:first], *rows), draft.rows[last + 1 :]
    if rows or (kept and kept[-1].anchor is not None and not behind and not ending):
        # The last line of a file may have no line ending: a new line that is the last one now has none then.
        kept = (*kept[:-1], msgspec.structs.replace(kept[-1], newline=ending))
    return msgspec.structs.replace(draft, rows=(*kept, *behind), removed=removed)


def _has_company(draft: Draft, statement: ir.Statement, removed: frozenset[Span]) -> bool:
    """Whether the block of a statement has others left, or new lines beside it."""
    place = place_of(draft.layout, statement)
    if any(sibling.at not in removed for sibling in place.block.statements):
        return True
    sides = [(anchor_of(draft.layout, statement, side)) for side in ("above", "before", "after")]
    return any(row.kind == "code" and row.anchor in sides for row in draft.rows)


def replace_statement(draft: Draft, statement: ir.Statement, text: str) -> Draft:
    """Put `text` in place of a statement; refuse if that would lose a comment."""
    at = extent(draft.layout, statement)
    if comments_within(draft.layout, at.start, at.end):
        raise RefusedError(f"a comment in the statement on line {statement.at.line} would be lost")
    return replace_text(draft, at.start, at.end, text)


def rows_of(draft: Draft, statement: ir.Statement) -> tuple[int, int]:
    """Return the indexes of the first and last row of `statement`.

    Rows that earlier changes put at its end, inside it, belong to it, and so do comments indented deeper than it.
    """
    at = extent(draft.layout, statement)
    depth = place_of(draft.layout, statement).block.depth
    first, last = row_at(draft, at.start), row_at(draft, at.end - 1)
    indent = block_indent(draft.rows[first])
    for index in range(last + 1, len(draft.rows)):
        row = draft.rows[index]
        white = block_indent(row)
        deeper = row.kind == "comment" and white.startswith(indent) and white != indent
        if deeper or (row.anchor is not None and row.anchor.depth > depth and row.anchor.side == "after"):
            last = index
        elif row.kind != "blank":
            break
    return first, last


def isolate(draft: Draft, statement: ir.Statement) -> Draft:
    """Give `statement` lines of its own: one-line suites are broken up, so are `;` neighbours and `elif`."""
    layout = draft.layout
    draft = _break_before(draft, statement)
    block = place_of(layout, statement).block
    at = extent(layout, statement)
    for sibling in block.statements:
        if extent(layout, sibling).start > at.end:
            draft = _break_before(draft, sibling)
            break
    return _expand_elif(draft, statement)


def new_rows(layout: Layout, anchor: Anchor, unit: str, indent: str, lines: Sequence[str]) -> tuple[Row, ...]:
    """Rows for new lines, each step of their own indentation being one `unit` more than `indent`."""
    rows = []
    for line in lines:
        white, code = _levels(line, unit)
        kind: RowKind = "code" if code else "blank"
        rows.append(Row(kind, indent + white if code else "", (code,), layout.newline, anchor=anchor))
    return tuple(rows)


def anchor_of(layout: Layout, statement: ir.Statement, side: Side) -> Anchor:
    """Return what ties new rows to `statement`."""
    return Anchor(extent(layout, statement).start, place_of(layout, statement).block.depth, side)


def inside_of(layout: Layout, statement: ir.Statement) -> Anchor:
    """Return what ties new rows to the end of `statement` itself: what is put below it later comes below them."""
    at = anchor_of(layout, statement, "after")
    return Anchor(at.start, at.depth + 1, "after")


def _require_wrappable(draft: Draft, first: ir.Statement, last: ir.Statement) -> None:
    start, end = place_of(draft.layout, first), place_of(draft.layout, last)
    if start.block is not end.block or start.index > end.index:
        raise RefusedError(f"lines {first.at.line} and {last.at.line} are not in one block, in this order")
    _refuse_docstring(draft.layout, first)
    for one, other in draft.wraps:
        begin, stop = draft.layout.places[one], draft.layout.places[other]
        crosses = (
            begin.index < start.index <= stop.index < end.index or start.index < begin.index <= end.index < stop.index
        )
        if begin.block is start.block and crosses:
            raise RefusedError(f"a try around lines {first.at.line} to {last.at.end_line} would cross another repair's")


def _outside_inner_wraps(draft: Draft, first: ir.Statement, last: ir.Statement) -> tuple[int, int]:
    """Return the first and last row to wrap: wraps around fewer of the statements come with them."""
    start, end = (extent(draft.layout, one).start for one in (first, last))
    head, foot = rows_of(draft, first)[0], rows_of(draft, last)[1]
    up, down = head - 1, foot + 1
    while up >= 0 and _is_beside(draft, draft.rows[up], first, "before"):
        anchor = draft.rows[up].anchor
        if anchor is not None and anchor.other is not None and anchor.other < end:
            head = up
        up -= 1
    while down < len(draft.rows) and _is_beside(draft, draft.rows[down], last, "after"):
        anchor = draft.rows[down].anchor
        if anchor is not None and anchor.other is not None and anchor.other > start:
            foot = down
        down += 1
    return head, foot


def _beside(draft: Draft, statement: ir.Statement, side: Side, indent: str, lines: Sequence[str]) -> tuple[Row, ...]:
    layout = draft.layout
    return new_rows(layout, anchor_of(layout, statement, side), unit_of(layout, statement), indent, lines)


def _levels(line: str, unit: str) -> tuple[str, str]:
    code = line.lstrip(" \t")
    white = line[: len(line) - len(code)].replace("\t", "    ")
    return unit * (len(white) // 4) + " " * (len(white) % 4), code


def _one_level_in(lines: Sequence[str]) -> list[str]:
    return ["    " + line if line.strip() else line for line in lines]


def _is_beside(draft: Draft, row: Row, statement: ir.Statement, side: Side) -> bool:
    start = extent(draft.layout, statement).start
    return row.anchor is not None and (row.anchor.start, row.anchor.side) == (start, side)


def _break_before(draft: Draft, statement: ir.Statement) -> Draft:
    """Make the row of a statement begin with it."""
    layout = draft.layout
    start = extent(layout, statement).start
    before = token_before(layout, start)
    if before is None or before.kind == "newline" or before.text not in {";", ":"}:
        return draft
    head = logical_line(layout, start)
    owner = place_of(layout, statement).block.owner
    first = next(s for s in place_of(layout, statement).block.statements if extent(layout, s).start >= head.start)
    if before.text == ";" and first is not statement:
        draft = _break_before(draft, first)
    if draft.rows[row_at(draft, start)].start == start:
        return draft
    cut = before.end if before.text == ":" else before.start
    if layout.source.text[cut:start].strip(" \t;"):
        raise RefusedError(f"line {statement.at.line} shares its line with others in an unusual way")
    indent = block_indent(draft.rows[row_at(draft, head.start if before.text == ":" else extent(layout, first).start)])
    if before.text == ":":
        indent += unit_inside(layout, owner)
    return split_row(draft, cut, start, indent)


def _expand_elif(draft: Draft, statement: ir.Statement) -> Draft:
    """Make `else:` and an indented `if` of an `elif`, which cannot have lines of its own above it."""
    layout = draft.layout
    start = extent(layout, statement).start
    owner = place_of(layout, statement).block.owner
    first, last = rows_of(draft, statement)
    opening = draft.rows[first].parts[0]
    is_expanded = not isinstance(opening, Kept) or opening.start != start or opening.end == start
    if owner is None or not _is_elif(layout, statement) or is_expanded:
        return draft
    indent = block_indent(draft.rows[first])
    draft = replace_text(draft, start, start + len("elif"), "if")
    draft = shift_rows(draft, first, last, unit_of(layout, statement))
    return insert_rows(draft, first, _beside(draft, owner, "before", indent, ["else:"]))


def _is_elif(layout: Layout, statement: ir.Statement) -> bool:
    token = token_at(layout, extent(layout, statement).start)
    return token is not None and token.text == "elif"


def _refuse_docstring(layout: Layout, statement: ir.Statement) -> None:
    place = place_of(layout, statement)
    is_scope = place.block.owner is None or isinstance(place.block.owner, ir.Define | ir.DefineClass)
    if is_scope and place.index == 0 and isinstance(statement, ir.Evaluate) and isinstance(statement.value, ir.Text):
        raise RefusedError(f"the docstring on line {statement.at.line} would no longer be one")
