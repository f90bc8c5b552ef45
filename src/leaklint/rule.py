"""What a rule is: a code, a name, its page, and a function from evidence to reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Place, Release
from leaklint.stories import Story


class Note(msgspec.Struct, frozen=True):
    """One step of a trace."""

    place: Place
    text: str


class Report(msgspec.Struct, frozen=True):
    """One leak as a rule tells it, with the evidence that a repair works from."""

    code: str
    place: Place
    message: str
    advice: str
    key: str
    """The inserted key in the code's own words."""
    story: Story
    trace: tuple[Note, ...]
    eviction: Eviction | None = None
    """The eviction that shows the author's intent."""
    evictions: tuple[Eviction, ...] = ()
    """All that show it, where each is a place for the repair."""
    release: Release | None = None
    """The end of a value that shows how the code ends such values."""


class Rule(msgspec.Struct, frozen=True):
    """A rule; `docs` is the text of its page."""

    code: str
    name: str
    summary: str
    default: bool
    check: Callable[[Evidence], Iterable[Report]]
    docs: str
    yields_to: tuple[str, ...] = ()
    """Codes of the rules that say more where they speak of the same container."""
