"""What a repair is to do, and what it could do: the report with all that is known of its file, and the plan."""

from __future__ import annotations

import msgspec

from leaklint.evidence import Evidence
from leaklint.model import Safety
from leaklint.repairs.changes import Change
from leaklint.repairs.layout import Layout
from leaklint.rule import Report


class Intent(msgspec.Struct, frozen=True, eq=False):
    """A report to repair."""

    layout: Layout
    evidence: Evidence
    report: Report
    beside: tuple[Report, ...] = ()
    """All reports of the file."""


class Plan(msgspec.Struct, frozen=True, eq=False):
    """Changes that should repair a report."""

    changes: tuple[Change, ...]
    risk: str | None = None
    """Why it may change what the code does, in a sentence without a full stop; None if it is safe."""
    needs_match: bool = False
    """Whether the analysis must see that the new eviction is of the inserted key; else the code itself shows it."""
    makes_weak: bool = False
    """Whether the container becomes one whose entries go by themselves, so that no walk is begun for it any more."""
    dropped: tuple[str, ...] = ()
    """Expressions that are taken out with the strings in them."""

    @property
    def safety(self) -> Safety:
        """Whether it may be made without being asked for."""
        return "safe" if self.risk is None else "unsafe"
