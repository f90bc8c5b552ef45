"""From reports to proven repairs: each is planned, made, checked against the file as it was, and analyzed again.

Repairs of functions that have nothing to do with each other are tried together, halves of them where that fails:
reading a file anew costs more than all else, and most repairs are right at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import msgspec

from leaklint.ended_values import kept_releases
from leaklint.keys import Match
from leaklint.model import MODULES_APART, Edit, Fix
from leaklint.repairs.bound_names import refuse_unbound
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import Layout, offsets, read_layout
from leaklint.repairs.plan import plans
from leaklint.repairs.proof import prove
from leaklint.repairs.refusal import Refusal
from leaklint.repairs.surgery import combine
from leaklint.source import SourceError, decode
from leaklint.stories import raised_in
from leaklint.values import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from leaklint.analyze import Analysis
    from leaklint.rule import Report
    from leaklint.stories import Story

UNPROVEN = "the repairs that were tried do not end the leak, or begin another"
TOO_MUCH = "there is so much code, or so much to repair, that proving more would take too long"
UNCHANGED = "the code says already what a repair would make it say"
UNKNOWN = "the code around it has a shape that no repair can handle yet"


WORK_ALLOWED = 450_000
"""How much a file's repairs may cost, in expressions evaluated; what is left then is told without one.

To read and compare a byte takes about as long as to evaluate an expression.
"""


class Draft(msgspec.Struct, frozen=True, eq=False):
    """A plan for a report with its edits, not yet tried."""

    report: Report
    plan: Plan
    edits: tuple[Edit, ...]

    @property
    def fix(self) -> Fix:
        """The edits as a finding has them."""
        return Fix(self.plan.safety, self.edits, self.plan.risk)


class Search(msgspec.Struct):
    """What is left to try for a report, and why nothing worked up to now."""

    drafts: Iterator[Draft | Refusal]
    reasons: list[Refusal]

    def next_draft(self) -> Draft | None:
        """The next that can be tried, if there is one; what is refused before it is kept as a reason."""
        for draft in self.drafts:
            if isinstance(draft, Draft):
                return draft
            self.reasons.append(draft)
        return None

    def reason(self) -> Refusal:
        """The first reason that says more than that a try failed."""
        told = (refusal for refusal in self.reasons if refusal.reason != UNPROVEN)
        return next(told, Refusal(UNPROVEN))


class Group(msgspec.Struct):
    """Drafts to try together, the functions that they change, and those that their reports are about."""

    drafts: list[Draft]
    changed: set[str]
    entered: set[str]

    def takes(self, changed: set[str], entered: set[str]) -> bool:
        """Whether a draft changes nothing that those of the group are about, nor they what it is about."""
        return not (changed & (self.changed | self.entered) or self.changed & entered)


class Workshop:
    """Repairs the reports of one analysis; what all of them need is made once."""

    def __init__(self, analysis: Analysis, analyze: Callable[..., Analysis]) -> None:
        self._analysis = analysis
        self._analyze = analyze
        self._cost = analysis.evidence.evaluations + len(analysis.source.data)
        self._left = WORK_ALLOWED
        self._layout = self._read()
        self._kinds = kinds(report for _, report in analysis.reports)
        self._lines = {line.strip() for line in analysis.source.text.splitlines()}
        self._is_known = False
        self._functions = _functions(self._layout, analysis) if isinstance(self._layout, Layout) else None
        self._proofs: dict[frozenset[int], Analysis] = {}

    def _read(self) -> Layout | Refusal:
        if self._cost > self._left:
            return Refusal(TOO_MUCH)
        return read_layout(self._analysis.source, self._analysis.module)

    def repairs(self) -> list[Draft | Refusal]:
        """For each report the first plan that stands the test, or why none does; what is left goes on together."""
        searches = [Search(self._drafts(report), []) for _, report in self._analysis.reports]
        found: dict[int, Draft] = {}
        while drafts := self._next_drafts(searches, found):
            refused: dict[int, Refusal] = {}
            for group in self._unrelated(list(drafts.values())):
                self._find_refused(group, refused)
            for index, draft in drafts.items():
                if id(draft) in refused:
                    searches[index].reasons.append(refused[id(draft)])
                else:
                    found[index] = draft
        return [found.get(index) or search.reason() for index, search in enumerate(searches)]

    @staticmethod
    def _next_drafts(searches: Sequence[Search], found: Container[int]) -> dict[int, Draft]:
        waiting = ((index, search) for index, search in enumerate(searches) if index not in found)
        return {index: draft for index, search in waiting if (draft := search.next_draft()) is not None}

    def together(self, drafts: Sequence[Draft]) -> tuple[list[Draft], Analysis | Refusal]:
        """Make as many of `drafts`, all shown to work alone, as can be made at once: those, and the file after them."""
        group = next(iter(self._unrelated(drafts)))
        after = self._tried(group)
        while isinstance(after, Refusal) and len(group) > 1:
            group = group[:1]
            after = self._tried(group)
        return group, after

    def _drafts(self, report: Report) -> Iterator[Draft | Refusal]:
        layout = self._layout
        if isinstance(layout, Refusal):
            yield layout
            return
        try:
            beside = tuple(other for _, other in self._analysis.reports)
            for plan in plans(Intent(layout, self._analysis.evidence, report, beside)):
                edits = combine(layout, plan.changes) if isinstance(plan, Plan) else plan
                if isinstance(edits, Refusal):
                    yield edits
                elif isinstance(plan, Plan):
                    yield Draft(report, plan, edits) if edits else Refusal(UNCHANGED)
        except (IndexError, KeyError, RecursionError):
            # A shape that no planner knows must cost its own repair, never the finding.
            yield Refusal(UNKNOWN)

    def _find_refused(self, group: list[Draft], refused: dict[int, Refusal]) -> None:
        """Put those of a group that do not work, by their identity, into `refused`, each with the reason."""
        outcome = self._tried(group)
        if isinstance(outcome, Refusal) and len(group) == 1:
            refused[id(group[0])] = outcome
        elif isinstance(outcome, Refusal):
            half = len(group) // 2
            self._find_refused(group[:half], refused)
            self._find_refused(group[half:], refused)

    def _tried(self, group: Sequence[Draft]) -> Analysis | Refusal:
        """The file with all repairs of a group, if all of their leaks are gone and no other has come."""
        drafts = frozenset(map(id, group))
        if drafts not in self._proofs:
            tried = self._try(group)
            if isinstance(tried, Refusal):
                return tried
            self._proofs[drafts] = tried
        return self._proofs[drafts]

    def _try(self, group: Sequence[Draft]) -> Analysis | Refusal:
        if self._cost > self._left:
            return Refusal(TOO_MUCH)
        self._left -= self._cost
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
            repaired = decode(source.path, proven)
            unbound = refuse_unbound(source, repaired)
            if unbound is not None:
                return unbound
            after = self._analyze(repaired)
        except SourceError as error:
            return Refusal(f"the repaired file cannot be read ({error.message})")
        return after if self._is_better(after, group) else Refusal(UNPROVEN)

    def _is_better(self, after: Analysis, group: Sequence[Draft]) -> bool:
        """Whether the reports are gone and no other has come; an analysis that saw less proves nothing."""
        allowed = self._kinds - kinds(draft.report for draft in group)
        saw_as_much = len(after.evidence.walks) >= _walks_that_stay(self._analysis, group)
        matched = _matched(after) if any(draft.plan.needs_match for draft in group) else set()
        matches = all(_inserted(draft.report.story) in matched for draft in group if draft.plan.needs_match)
        is_new = self._begins(after, allowed)
        return saw_as_much and matches and not is_new and self._ends_all(after, group) and _evicts_ended(after, group)

    def _begins(self, after: Analysis, allowed: Counter[tuple[str, str, str]]) -> bool:
        """Whether there are reports beside the allowed; what an off rule sees in the author's own lines was there."""
        others = kinds(report for _, report in after.reports) - allowed
        lines = after.source.text.splitlines()
        return any(
            kind(report) in others and (rule.default or lines[report.place.at.line - 1].strip() not in self._lines)
            for rule, report in after.reports
        )

    def _ends_all(self, after: Analysis, group: Sequence[Draft]) -> bool:
        """Whether the entries of skipped evictions stay on no way out any more, on none that the rule lets pass either.

        A short gap before the `try` is a choice of the author's, and none for a repair to make.
        """
        repaired = Counter(_container(draft.report.story) for draft in group if draft.report.code == "LKL102")
        if not repaired:
            return True
        before, left = _left_by_exceptions(self._analysis), _left_by_exceptions(after)
        return all(left[container] <= max(0, before[container] - count) for container, count in repaired.items())

    def _unrelated(self, drafts: Sequence[Draft]) -> list[list[Draft]]:
        """Put drafts into groups in which none changes a function that the report of another is about."""
        groups: list[Group] = []
        for draft in drafts:
            changed, entered = self._changed(draft), set(draft.report.story.walk.entered)
            group = next((one for one in groups if one.takes(changed, entered)), None)
            if group is None:
                groups.append(Group([draft], changed, entered))
            else:
                group.drafts.append(draft)
                group.changed |= changed
                group.entered |= entered
        return [group.drafts for group in groups]

    def _changed(self, draft: Draft) -> set[str]:
        """The functions that a draft changes."""
        assert self._functions is not None
        return {name for edit in draft.edits for name in self._functions.touched(edit)}


class Functions(msgspec.Struct, frozen=True, eq=False):
    """The functions of a file by where they begin, with their ends, and for each the last end up to it."""

    starts: list[int]
    ends: list[int]
    names: list[str]
    reach: list[int]

    def touched(self, edit: Edit) -> Iterator[str]:
        """Yield the functions that an edit is in or beside."""
        index = bisect_right(self.starts, edit.end) - 1
        while index >= 0 and self.reach[index] >= edit.start:
            if self.ends[index] >= edit.start:
                yield self.names[index]
            index -= 1


def _functions(layout: Layout, analysis: Analysis) -> Functions:
    placed = sorted(
        (*offsets(layout, routine.function.at), name)
        for name, routine in analysis.evidence.outline.routines.items()
        if routine.function.at.line < MODULES_APART
    )
    ends = [end for _, end, _ in placed]
    return Functions(
        [start for start, _, _ in placed], ends, [name for _, _, name in placed], list(accumulate(ends, max))
    )


def _evicts_ended(after: Analysis, group: Sequence[Draft]) -> bool:
    """Whether no entry stays behind the end of its value in a function that a repair evicts in.

    A single eviction anywhere silences the rule for all of the container, so that the rule's silence proves too little.
    """
    for draft in group:
        if draft.report.code == "LKL106":
            kept = kept_releases(after.evidence, draft.report.story.insertion.cache)
            if any(release.place.function == draft.report.place.function for release in kept):
                return False
    return True


def _walks_that_stay(before: Analysis, group: Sequence[Draft]) -> int:
    """How many walks there must be again: those that only saw a container which becomes a weak mapping may go."""
    weak = {draft.report.story.insertion.cache for draft in group if draft.plan.makes_weak}
    walks = before.evidence.walks
    seen = [{access.cache for accesses in (walk.insertions, walk.evictions) for access in accesses} for walk in walks]
    return sum(not caches or not caches <= weak for caches in seen)


def _matched(after: Analysis) -> set[tuple[str, str, str]]:
    """The insertions whose entry is evicted under the key that was inserted."""
    return {
        _inserted(story)
        for story in after.evidence.stories
        if any(match is Match.SAME and eviction.key is not None for eviction, match in story.attempts)
    }


def _left_by_exceptions(analysis: Analysis) -> Counter[tuple[str, str]]:
    """How many insertions of each operation into each container have an eviction that some exception skips."""
    places = {
        (story.insertion.stack, story.insertion.place, _container(story))
        for story in analysis.evidence.stories
        if any(raised_in(held.history) for _, held in story.stays)
        and any(not raised_in(removal.history) for removal in story.removals)
    }
    return Counter(container for _, _, container in places)


def _container(story: Story) -> tuple[str, str]:
    return story.walk.function, spell(story.insertion.cache)


def _inserted(story: Story) -> tuple[str, str, str]:
    """What an insertion is, wherever it has moved to."""
    return story.insertion.place.function, spell(story.insertion.key), spell(story.insertion.cache)


def kind(report: Report) -> tuple[str, str, str]:
    """What a report is about, wherever it has moved to."""
    return report.code, report.place.function, spell(report.story.insertion.cache)


def kinds(reports: Iterable[Report]) -> Counter[tuple[str, str, str]]:
    """Count reports by what they are about."""
    return Counter(map(kind, reports))
