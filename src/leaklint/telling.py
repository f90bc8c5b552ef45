"""How rules put a leak into words: names of caches and keys as the code has them, and the steps of a trace."""

from __future__ import annotations

from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Mark
from leaklint.model import Span
from leaklint.rule import Note, Report
from leaklint.stories import Story
from leaklint.values import Element, Result, Value, spell, within, word

LONGEST_QUOTE = 72
"""Characters of code that a message quotes; longer keys are spelled by what they are made from, and cut."""

NO_CALLS = frozenset(["assert", "yield", "await", "[]", "async for", "async with", "decorator"])
"""What raises without being called; a mark names it so."""


def key_words(evidence: Evidence, story: Story) -> str:
    """The inserted key in the code's own words: where it is built, else where it is inserted, if that says it all."""
    birth = story.walk.births_by_key.get(story.insertion.key)
    if birth is not None:
        return words(evidence, birth.place.at, story.insertion.key)
    at = story.insertion.written.at if not story.insertion.stack else None
    return words(evidence, at, story.insertion.key)


def eviction_words(evidence: Evidence, eviction: Eviction) -> str:
    """The evicted key in the code's own words."""
    parameter = eviction.stack and eviction.key is not None and not any(map(is_position, within(eviction.key)))
    return words(evidence, None if parameter else eviction.written.at, eviction.key)


def is_position(value: Value) -> bool:
    """Whether the value has no name of its own: what a loop or a call gives."""
    return isinstance(value, Element | Result)


def words(evidence: Evidence, at: Span | None, value: Value | None) -> str:
    """The source text of an expression in backticks if it is short and on one line, else the value spelled out."""
    if at is not None and at.line == at.end_line and at.line <= len(evidence.lines):
        text = evidence.lines[at.line - 1][at.column : at.end_column].decode(errors="replace")
        if 0 < len(text) <= LONGEST_QUOTE:
            return f"`{text}`"
    return code(value)


def key_trace(evidence: Evidence, story: Story) -> list[Note]:
    """From where the key is built, over the calls that hand it on, to the insertion."""
    insertion, birth = story.insertion, story.birth
    notes = []
    if birth.place != insertion.place:
        notes.append(Note(birth.place, f"the key {key_words(evidence, story)} is built here"))
    depth = len(birth.stack)
    functions = [*(place.function for place in insertion.stack[1:]), insertion.place.function]
    for number, place in enumerate(insertion.stack):
        if number >= depth:
            notes.append(Note(place, f"handed on to `{short(functions[number])}`"))
    notes.append(Note(insertion.place, f"inserted into {code(insertion.cache)} here"))
    return notes


def never_evicted(rule: str, evidence: Evidence, story: Story, message: str, advice: str) -> Report:
    """What a rule reports of an entry that nothing takes out: the way of the key, and that this is its end."""
    place = story.insertion.place
    end = Note(place, f"nothing in this module evicts from {code(story.insertion.cache)}")
    return Report(
        code=rule,
        place=place,
        message=message,
        advice=advice,
        key=key_words(evidence, story).strip("`"),
        story=story,
        trace=(*key_trace(evidence, story), end),
    )


def eviction_note(eviction: Eviction, text: str) -> Note:
    """The step at an eviction."""
    return Note(eviction.place, text)


def raise_notes(history: tuple[Mark, ...]) -> list[Note]:
    """The first exception of a history as a step."""
    first = next((mark for mark in history if mark.kind == "raise"), None)
    if first is None:
        return []
    if first.callee == "raise":
        return [Note(first.place, "this exception leaves the entry in")]
    if first.callee == "yield" and not first.is_cancelled:
        return [Note(first.place, "if the body of the `with` raises, the entry stays")]
    what = f"this `{first.callee}`" if first.callee in NO_CALLS else f"`{first.callee}()`"
    if not first.is_cancelled:
        what += " raises or is cancelled" if first.waits else " raises"
    elif first.callee == "yield":
        what = f"the consumer stops at {what}"
    else:
        what += " is cancelled"
    return [Note(first.place, f"if {what}, the entry stays")]


def code(value: Value | None) -> str:
    """A value in backticks, on one line and not too long."""
    text = spell(value) if value is not None else "everything"
    return f"`{text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + '…'}`"


def short(function: str) -> str:
    """The last word of a qualified name."""
    return word(function.partition("@")[0]).rpartition(".")[2]
