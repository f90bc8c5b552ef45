"""Findings as people read them: the code with the way of the key through it, step by step, and what to do.

A finding is a headline, then frames of code. Steps that follow each other down the same stretch of a file share a
frame; a step elsewhere begins a new one. Everything is said in words and characters too, colour only helps.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import msgspec
from rich.cells import cell_len
from rich.text import Text

from leaklint.report.document import Document, Located, Place, SourceOf
from leaklint.report.excerpt import Excerpt, code_line, excerpt
from leaklint.report.words import at, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from leaklint.model import Finding
    from leaklint.source import Source

FARTHEST = 12
"""Steps with more lines than this between them do not share a frame."""

BELOW = 60
"""A note that stands below its mark moves to the left until it has this many cells, or all it needs."""

GUTTER = "blue"
PRIMARY = "bold red"
SECONDARY = "cyan"


class Mark(msgspec.Struct, frozen=True):
    """A place in the code with what is said about it. `is_primary` for the place that the finding stands on."""

    path: str
    place: Place
    note: str
    is_primary: bool


def write(document: Document, console: Console) -> None:
    """Print every finding, with an empty line behind each."""
    for located in document.findings:
        for line in lines(located, document.source_of, console.width):
            console.print(line, soft_wrap=True, highlight=False)
        console.print()


def lines(located: Located, source_of: SourceOf, width: int) -> Iterator[Text]:
    """Write one finding in lines of at most `width` cells, paths excepted."""
    finding = located.finding
    marks = _marks(located)
    digits = len(str(max(mark.place.line for mark in marks) + 1))
    yield from _headline(located, width)
    yield from _whereabouts(located, digits, width)
    for number, frame in enumerate(_frames(marks)):
        if number > 0 or not any(mark.is_primary for mark in frame):
            yield Text.assemble((" " * digits + ":::", GUTTER), f" {at(frame[0].place)}")
        yield from _frame(frame, source_of(frame[0].path), digits, width)
    yield from _advice(finding, digits, width)


def _headline(located: Located, width: int) -> Iterator[Text]:
    finding = located.finding
    code = f"{finding.code} {finding.name}"
    wrapped = _wrapped(f"{code}: {printable(finding.message)}", width, "  ")
    for number, line in enumerate(wrapped):
        text = Text(line, "bold")
        if number == 0:
            text.stylize(PRIMARY, 0, len(finding.code))
        yield text


def _whereabouts(located: Located, digits: int, width: int) -> Iterator[Text]:
    """Say where the finding stands; the function on a line of its own if both do not fit on one."""
    arrow = " " * digits + "-->"
    place = at(located.place)
    symbol = f"in {printable(located.finding.symbol)}" if located.finding.symbol else ""
    if cell_len(f"{arrow} {place} {symbol}") <= width:
        yield Text.assemble((arrow, GUTTER), f" {place} {symbol}".rstrip())
        return
    yield Text.assemble((arrow, GUTTER), f" {place}")
    if symbol:
        yield Text(" " * (len(arrow) + 1) + symbol)


def _marks(located: Located) -> list[Mark]:
    """Collect the steps, numbered, with the finding's own place first if none of them stands there."""
    finding = located.finding
    marks = [
        Mark(step.path, place, f"{number}. {printable(step.note)}", _same_line(place, located.place))
        for number, (step, place) in enumerate(zip(finding.trace, located.steps, strict=True), start=1)
    ]
    if any(mark.is_primary for mark in marks):
        return marks
    return [Mark(finding.path, located.place, "", True), *marks]


def _same_line(one: Place, other: Place) -> bool:
    return (one.path, one.line) == (other.path, other.line)


def _frames(marks: Sequence[Mark]) -> list[list[Mark]]:
    frames: list[list[Mark]] = []
    for mark in marks:
        previous = frames[-1][-1].place if frames else None
        if previous is not None and _is_shortly_below(mark.place, previous):
            frames[-1].append(mark)
        else:
            frames.append([mark])
    return frames


def _is_shortly_below(place: Place, other: Place) -> bool:
    return place.path == other.path and 0 <= place.line - other.line <= FARTHEST


def _frame(frame: Sequence[Mark], source: Source | None, digits: int, width: int) -> Iterator[Text]:
    room = width - digits - len(" | ")
    yield _gutter("", digits)
    previous = 0
    for number in _lines_shown(frame, source):
        if previous and number > previous + 1:
            yield Text("...", GUTTER)
        previous = number
        code = code_line(source, number) if source is not None else ""
        marks = [mark for mark in frame if mark.place.line == number]
        views = [_view(code, mark, room) for mark in marks]
        if not marks:
            yield _line(number, excerpt(code, 0, 0, room), digits)
        shown = None
        for mark, view in zip(marks, views, strict=True):
            # What does not fit shows another part of a long line to each mark, which stands right below its own.
            if view.text != shown:
                yield _line(number, view, digits)
            shown = view.text
            yield from _note(mark, view, digits, room)
    yield _gutter("", digits)


def _line(number: int, view: Excerpt, digits: int) -> Text:
    return _gutter(str(number), digits).append(f" {view.text}".rstrip())


def _lines_shown(frame: Sequence[Mark], source: Source | None) -> list[int]:
    """List the marked lines and the ones around them, without blank ones at the ends; one line is never left out."""
    marked = [mark.place.line for mark in frame]
    around = {line + distance for line in marked for distance in (-1, 0, 1)}
    around |= {line for line in range(min(around), max(around)) if {line - 1, line + 1} <= around}
    last = len(source.line_starts) if source is not None else 0
    shown = sorted(line for line in around if 1 <= line <= last or line in marked)
    blank = [source is None or not code_line(source, line).strip() for line in shown]
    first = next((index for index, line in enumerate(shown) if line in marked or not blank[index]), 0)
    end = next((index for index in reversed(range(len(shown))) if shown[index] in marked or not blank[index]), 0)
    return shown[first : end + 1]


def _view(code: str, mark: Mark, room: int) -> Excerpt:
    place = mark.place
    end = place.end_column - 1 if place.end_line == place.line else len(code)
    return excerpt(code, place.column - 1, end, room)


def _note(mark: Mark, view: Excerpt, digits: int, room: int) -> Iterator[Text]:
    """Underline a mark and say what happens there, beside the underlining or below it."""
    style = PRIMARY if mark.is_primary else SECONDARY
    underline = ("^" if mark.is_primary else "-") * view.mark
    beside = view.column + view.mark + 1
    is_beside = cell_len(mark.note) <= room - beside
    yield (
        _gutter("", digits)
        .append(" " * (view.column + 1))
        .append(f"{underline} {mark.note}".rstrip() if is_beside else underline, style)
    )
    indent = min(view.column, max(room - min(cell_len(mark.note), BELOW), 0))
    for line in [] if is_beside else _wrapped(mark.note, room - indent):
        yield _gutter("", digits).append(" " * (indent + 1)).append(line, style)


def _advice(finding: Finding, digits: int, width: int) -> Iterator[Text]:
    if finding.advice:
        yield from _labelled("help", printable(finding.advice), digits, width)
    yield from _labelled("repair", _repair(finding), digits, width)


def _repair(finding: Finding) -> str:
    if finding.fix is None:
        reason = f": {printable(finding.fix_refused)}" if finding.fix_refused else ""
        return f"none that is certain{reason}"
    if finding.fix.safety == "safe":
        return "`leaklint fix` does it"
    risk = f": {printable(finding.fix.risk)}" if finding.fix.risk else ""
    return f"`leaklint fix --unsafe-fixes` does it; read the result, it may change what the code does{risk}"


def _labelled(label: str, words: str, digits: int, width: int) -> Iterator[Text]:
    head = f"{' ' * digits} = {label}: "
    for number, line in enumerate(_wrapped(words, width - len(head))):
        yield Text.assemble((head, GUTTER), line) if number == 0 else Text(" " * len(head) + line)


def _gutter(number: str, digits: int) -> Text:
    return Text(f"{number:>{digits}} |", GUTTER, end="")


def _wrapped(words: str, width: int, later: str = "") -> list[str]:
    """Break words into lines of at most `width` characters; the later ones begin with `later`."""
    return textwrap.wrap(words, max(width, 20), subsequent_indent=later, break_on_hyphens=False)
