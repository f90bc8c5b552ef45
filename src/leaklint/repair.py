"""From reports to proven repairs: each is planned, made, checked against the file as it was, and analyzed again.

Repairs of functions that have nothing to do with each other are tried together, halves of them where that fails:
reading a file anew costs more than all else, and most repairs are right at once.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from leaklint.keys import Match
from leaklint.model import Edit, Fix
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import Layout, offsets, read_layout
from leaklint.repairs.plan import plans
from leaklint.repairs.proof import prove
from leaklint.repairs.refusal import Refusal
from leaklint.repairs.surgery import combine
from leaklint.source import SourceError, decode
from leaklint.values import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from leaklint.analyze import Analysis
    from leaklint.rule import Report

UNPROVEN = "the repairs that were tried do not end the leak, or begin another"


class Draft(msgspec.Struct, frozen=True, eq=False):
    """A plan for a report with its edits, not yet tried."""

    report: Report
    plan: Plan
    edits: tuple[Edit, ...]

    @property
    def fix(self) -> Fix:
        """The edits as a finding has them."""
        return Fix(self.plan.safety, self.edits)


class Workshop:
    """Repairs the reports of one analysis; what all of them need is made once."""

    def __init__(self, analysis: Analysis, analyze: Callable[..., Analysis]) -> None:
        self._analysis = analysis
        self._analyze = analyze
        self._layout = read_layout(analysis.source, analysis.module)
        self._kinds = kinds(report for _, report in analysis.reports)
        self._is_known = False

    def repairs(self) -> list[Draft | Refusal]:
        """For each report the first plan that stands the test, or why none does."""
        waiting = [self._drafts(report) for _, report in self._analysis.reports]
        found: list[Draft | Refusal | None] = [next(drafts, None) for drafts in waiting]
        first = [draft for draft in found if isinstance(draft, Draft)]
        proven = {id(draft) for group in self._unrelated(first) for draft in self._proven(group)}
        return [
            draft if isinstance(draft, Draft) and id(draft) in proven else self._next(draft, drafts)
            for draft, drafts in zip(found, waiting, strict=True)
        ]

    def together(self, drafts: Sequence[Draft]) -> tuple[list[Draft], Analysis | Refusal]:
        """Make as many of `drafts`, all shown to work alone, as can be made at once: those, and the file after them."""
        group = next(iter(self._unrelated(drafts)))
        after = self._tried(group)
        while isinstance(after, Refusal) and len(group) > 1:
            group = group[:1]
            after = self._tried(group)
        return group, after

    def _next(self, first: Draft | Refusal | None, others: Iterator[Draft | Refusal]) -> Draft | Refusal:
        """The first of the further plans that works; `first` does not."""
        reasons = [first if isinstance(first, Refusal) else Refusal(UNPROVEN)]
        for draft in others:
            outcome = self._tried([draft]) if isinstance(draft, Draft) else draft
            if isinstance(draft, Draft) and not isinstance(outcome, Refusal):
                return draft
            reasons += [outcome] if isinstance(outcome, Refusal) else []
        told = [refusal for refusal in reasons if refusal.reason != UNPROVEN]
        return next(iter((*told, *reasons)))

    def _drafts(self, report: Report) -> Iterator[Draft | Refusal]:
        layout = self._layout
        if isinstance(layout, Refusal):
            yield layout
            return
        try:
            for plan in plans(Intent(layout, self._analysis.evidence, report)):
                edits = combine(layout, plan.changes) if isinstance(plan, Plan) else plan
                if isinstance(plan, Plan) and not isinstance(edits, Refusal):
                    yield Draft(report, plan, edits)
                elif isinstance(edits, Refusal):
                    yield edits
        except (IndexError, KeyError, RecursionError) as error:
            # A shape that no planner knows must cost its own repair, never the finding.
            yield Refusal(f"its shape is not known to any repair ({type(error).__name__})")

    def _proven(self, group: list[Draft]) -> list[Draft]:
        """Those of a group that work."""
        if not isinstance(self._tried(group), Refusal):
            return group
        half = len(group) // 2
        return [*self._proven(group[:half]), *self._proven(group[half:])] if half else []

    def _tried(self, group: Sequence[Draft]) -> Analysis | Refusal:
        """The file with all repairs of a group, if all of their leaks are gone and no other has come."""
        source = self._analysis.source
        edits = sorted(edit for draft in group for edit in draft.edits)
        dropped = [text for draft in group for text in draft.plan.dropped]
        spans = sorted((draft.edits[0].start, draft.edits[-1].end) for draft in group)
        if any(start <= end for (_, end), (start, _) in pairwise(spans)):
            return Refusal("two repairs change code side by side")
        proven = prove(source, edits, dropped, is_known=self._is_known)
        if isinstance(proven, Refusal):
            return proven
        self._is_known = True
        try:
            after = self._analyze(decode(source.path, proven))
        except SourceError as error:
            return Refusal(f"the repaired file cannot be read ({error.message})")
        return after if self._is_better(after, group) else Refusal(UNPROVEN)

    def _is_better(self, after: Analysis, group: Sequence[Draft]) -> bool:
        """Whether the reports are gone and no other has come; an analysis that saw less proves nothing."""
        allowed = self._kinds - kinds(draft.report for draft in group)
        saw_as_much = len(after.evidence.walks) >= len(self._analysis.evidence.walks)
        matches = all(_matches(after, draft.report) for draft in group if draft.plan.needs_match)
        return saw_as_much and matches and not kinds(report for _, report in after.reports) - allowed

    def _unrelated(self, drafts: Sequence[Draft]) -> list[list[Draft]]:
        """Put drafts into groups in which none changes a function that the report of another is about."""
        groups: list[list[Draft]] = []
        for draft in drafts:
            group = next((one for one in groups if not any(self._is_related(draft, other) for other in one)), None)
            if group is None:
                groups.append([draft])
            else:
                group.append(draft)
        return groups

    def _is_related(self, one: Draft, other: Draft) -> bool:
        changed, also = self._changed(one), self._changed(other)
        return bool(changed & (also | other.report.story.walk.entered) or also & one.report.story.walk.entered)

    def _changed(self, draft: Draft) -> set[str]:
        """The functions that a draft changes."""
        assert isinstance(self._layout, Layout)
        found = set()
        for name, routine in self._analysis.evidence.outline.routines.items():
            start, end = offsets(self._layout, routine.function.at)
            if any(edit.start <= end and edit.end >= start for edit in draft.edits):
                found.add(name)
        return found


def _matches(after: Analysis, report: Report) -> bool:
    """Whether the repaired file evicts the report's entry under the key that was inserted."""
    insertion = report.story.insertion
    return any(
        match is Match.SAME
        for story in after.evidence.stories
        if story.insertion.place.function == insertion.place.function
        and spell(story.insertion.key) == spell(insertion.key)
        and spell(story.insertion.cache) == spell(insertion.cache)
        for eviction, match in story.attempts
        if eviction.key is not None
    )


def kind(report: Report) -> tuple[str, str, str]:
    """What a report is about, wherever it has moved to."""
    return report.code, report.place.function, spell(report.story.insertion.cache)


def kinds(reports: Iterable[Report]) -> Counter[tuple[str, str, str]]:
    """Count reports by what they are about."""
    return Counter(map(kind, reports))
