"""A file in the middle of being changed: rows made of kept stretches of the old text and of new text.

Every row remembers its indentation, so that lines can be re-indented and new lines put among them in any order; at
the end the difference between the kept stretches and the old text is rendered as edits.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from leaklint.model import Edit, Span
from leaklint.repairs.layout import Layout, comment_of_line
from leaklint.repairs.refusal import RefusedError

RowKind: TypeAlias = Literal["code", "comment", "blank", "literal"]
Side: TypeAlias = Literal["above", "before", "after"]

_CLASH = "another repair changes the code that this one is about"


class Kept(msgspec.Struct, frozen=True):
    """A stretch of the old text."""

    start: int
    end: int


Part: TypeAlias = Kept | str


class Anchor(msgspec.Struct, frozen=True):
    """The statement (where it starts, how deep it stands) that a new row was put beside, and on which side.

    The rows of a `try` and its `finally` put around several statements know where the `other` end's one starts.
    """

    start: int
    depth: int
    side: Side
    other: int | None = None


class Row(msgspec.Struct, frozen=True):
    """One line: `start` and `end` are the offsets of the old text it stands for, an `anchor` marks a new one.

    A `literal` row begins inside a string: its indentation is part of the string.
    """

    kind: RowKind
    indent: str
    parts: tuple[Part, ...]
    newline: str
    start: int = -1
    end: int = -1
    anchor: Anchor | None = None


class Draft(msgspec.Struct, frozen=True):
    """The rows of a part of a file; statements taken out, first and last ones wrapped, expressions put before theirs.

    `start` and `end` are the offsets of the part, which is all that a change can reach.
    """

    layout: Layout
    rows: tuple[Row, ...]
    start: int
    end: int
    removed: frozenset[Span] = frozenset()
    wraps: tuple[tuple[Span, Span], ...] = ()
    hoisted: frozenset[Span] = frozenset()


def start_draft(layout: Layout, first: int, last: int) -> Draft:
    """Begin with the lines `first` to `last` as they are."""
    text = layout.source.text
    rows = []
    lines = layout.lines[first - 1 : last]
    for number, line in enumerate(lines, start=first):
        kind: RowKind = "code"
        code = line.code
        if number in layout.tokens.literal_lines:
            kind, code = "literal", line.start
        elif line.code == line.end:
            kind = "blank"
        elif comment_of_line(layout, number) is not None:
            kind = "comment"
        indent = text[line.start : code]
        rows.append(Row(kind, indent, (Kept(code, line.end),), line.newline, line.start, line.end))
    return Draft(layout, tuple(rows), lines[0].start, lines[-1].end + len(lines[-1].newline))


def row_at(draft: Draft, place: int) -> int:
    """Return the index of the row that stands for the character of the old text at the offset `place`.

    Raises RefusedError if an earlier change took that text out.
    """
    for index in range(len(draft.rows) - 1, -1, -1):
        row = draft.rows[index]
        if row.start <= place <= row.end and row.anchor is None:
            return index
    raise RefusedError("another repair takes out the code that this one is about")


def block_indent(row: Row) -> str:
    """Return the indentation of a row without what stands before a form feed."""
    return row.indent.rpartition("\f")[2]


def with_rows(draft: Draft, rows: tuple[Row, ...]) -> Draft:
    """Replace the rows."""
    return msgspec.structs.replace(draft, rows=rows)


def insert_rows(draft: Draft, index: int, rows: tuple[Row, ...]) -> Draft:
    """Put `rows` before the row `index`; a file without a last line ending stays without one."""
    before, behind = draft.rows[:index], draft.rows[index:]
    if before and not behind and not before[-1].newline and rows:
        newline = draft.layout.newline
        before = (*before[:-1], msgspec.structs.replace(before[-1], newline=newline))
        rows = (*rows[:-1], msgspec.structs.replace(rows[-1], newline=""))
    return with_rows(draft, (*before, *rows, *behind))


def shift_rows(draft: Draft, first: int, last: int, unit: str) -> Draft:
    """Indent the rows `first` to `last` by one more unit.

    Strings and blank lines stay as they are, and so do comments that stand further out than the first row.
    """
    block = block_indent(draft.rows[first])
    shifted = tuple(_shifted(row, block, unit) for row in draft.rows[first : last + 1])
    return with_rows(draft, (*draft.rows[:first], *shifted, *draft.rows[last + 1 :]))


def split_row(draft: Draft, start: int, end: int, indent: str) -> Draft:
    """Break a row in two, the old text from `start` to `end` being left out between them."""
    index = row_at(draft, start - 1)
    row = draft.rows[index]
    head, tail = _around(row.parts, start, end)
    left = msgspec.structs.replace(row, parts=head, newline=draft.layout.newline, end=start)
    right = Row("code", indent, tail, row.newline, end, row.end)
    return with_rows(draft, (*draft.rows[:index], left, right, *draft.rows[index + 1 :]))


def replace_text(draft: Draft, start: int, end: int, text: str) -> Draft:
    """Put `text` in place of the old text from `start` to `end`, which may span rows; these become one."""
    first, last = row_at(draft, start), row_at(draft, max(start, end - 1))
    rows = draft.rows[first : last + 1]
    if any(row.anchor is not None for row in rows):
        raise RefusedError(_CLASH)
    head, tail = _around(tuple(part for row in rows for part in row.parts), start, end)
    merged = msgspec.structs.replace(rows[0], parts=(*head, text, *tail), newline=rows[-1].newline, end=rows[-1].end)
    return with_rows(draft, (*draft.rows[:first], merged, *draft.rows[last + 1 :]))


def render(draft: Draft) -> tuple[Edit, ...]:
    """Render the edits that turn the old text into the draft, sorted, apart, and as short as they can be."""
    text = draft.layout.source.text
    edits: list[Edit] = []
    reached, new = draft.start, ""
    pieces: list[Part] = [piece for row in draft.rows for piece in (row.indent, *row.parts, row.newline)]
    for piece in [*pieces, Kept(draft.end, draft.end)]:
        if isinstance(piece, str):
            new += piece
            continue
        if new != text[reached : piece.start]:
            edits.append(_shortest(text, reached, piece.start, new))
        reached, new = piece.end, ""
    return tuple(edits)


def _shifted(row: Row, block: str, unit: str) -> Row:
    if row.kind in {"blank", "literal"}:
        return row
    page, feed, white = row.indent.rpartition("\f")
    if white.startswith(block):
        white = block + unit + white[len(block) :]
    elif row.kind == "code":
        white = unit + white
    return msgspec.structs.replace(row, indent=page + feed + white)


def _around(parts: tuple[Part, ...], start: int, end: int) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return the parts before the offset `start` and those from `end` on, nothing but old text being between them."""
    first = next((n for n, part in enumerate(parts) if isinstance(part, Kept) and start <= part.end), len(parts))
    last = next((n for n, part in enumerate(parts) if isinstance(part, Kept) and end <= part.end), len(parts))
    opening, closing = (parts[n] if n < len(parts) else "" for n in (first, last))
    between = parts[first:last]
    if isinstance(opening, str) or isinstance(closing, str) or any(isinstance(part, str) for part in between):
        raise RefusedError(_CLASH)
    if start < opening.start or end < closing.start:
        raise RefusedError(_CLASH)
    return (*parts[:first], Kept(opening.start, start)), (Kept(end, closing.end), *parts[last + 1 :])


def _shortest(text: str, start: int, end: int, new: str) -> Edit:
    if new.endswith(text[start:end]) and not _is_within_newline(new, len(new) - (end - start)):
        # New lines begin behind the line above them: further on they could seem to be part of what comes below.
        return Edit(start, start, new[: len(new) - (end - start)])
    while start < end and new and text[start] == new[0] and not _is_within_newline(new, 1):
        start, new = start + 1, new[1:]
    while start < end and new and text[end - 1] == new[-1] and not _is_within_newline(new, len(new) - 1):
        end, new = end - 1, new[:-1]
    return Edit(start, end, new)


def _is_within_newline(text: str, place: int) -> bool:
    """Whether CR and LF would come apart; each alone would be taken for a whole end of a line."""
    return place > 0 and text[place - 1 : place + 1] == "\r\n"
