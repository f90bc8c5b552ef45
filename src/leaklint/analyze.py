"""The one pipeline: a source becomes findings, each with its repair or the reason why there is none."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import Evidence, gather, place_at, shared_depth
from leaklint.extract import TOO_DEEP, deepest_line, extract, parse
from leaklint.flow.events import Place
from leaklint.groundwork import Groundwork
from leaklint.link import Linked, link
from leaklint.model import MODULES_APART, FileError, FileReport, Finding, Step
from leaklint.outline import outline
from leaklint.project import Project
from leaklint.reach import may_leak_with_others
from leaklint.rule import Note, Report, Rule
from leaklint.rules import all_rules
from leaklint.same_caches import holder_of
from leaklint.screen import may_leak
from leaklint.shared import containers_of_interest
from leaklint.source import Source, SourceError
from leaklint.values import spell

if TYPE_CHECKING:
    from leaklint.repair import Draft, Workshop


LARGEST = 3 * 2**20
"""Bytes of the largest file that is analysed; people do not write such files."""

CALLS_NESTED = 4_000
"""Python's calls inside one another while a file is analysed; the stack of a thread has room for many more.

Python's parser takes this for its measure too: with the usual limit it refuses a few thousand `elif` or operands.
"""

_ROUNDS = 20
"""Repairs take findings away and bring none, so that a file needs few rounds; this is against doing it for ever."""


class Analysis(msgspec.Struct, frozen=True, eq=False):
    """All that is known of one file that could be parsed."""

    source: Source
    module: ir.Module
    evidence: Evidence
    reports: tuple[tuple[Rule, Report], ...]


class Repaired(msgspec.Struct, frozen=True):
    """What became of a file: its new bytes, what was repaired, and what is left."""

    data: bytes
    fixed: tuple[Finding, ...]
    left: tuple[Finding, ...]


@contextmanager
def _deeper_calls() -> Iterator[None]:
    """A walk through twelve calls, each in some blocks of its own, nests more deeply than Python allows by default."""
    allowed = sys.getrecursionlimit()
    sys.setrecursionlimit(max(allowed, CALLS_NESTED))
    try:
        yield
    finally:
        sys.setrecursionlimit(allowed)


@_deeper_calls()
def check(
    source: Source, tree: ast.Module | None = None, *, repairs: bool = True, project: Project | None = None
) -> FileReport:
    """All findings of a file, of the rules that are off by default too; a file that cannot be parsed is an error.

    Without `repairs` the findings come without a fix, which is many times as fast. Without a `project` no other file
    is looked at.
    """
    try:
        analysis = analyze(source, tree, project)
    except SourceError as error:
        return FileReport(source.path, (), (FileError(source.path, error.message, error.line, error.column),))
    if not repairs:
        findings = tuple(_finding(report, rule, analysis) for rule, report in analysis.reports)
    else:
        findings = tuple(finding for finding, _ in _told(analysis, project)[1])
    return FileReport(source.path, findings, given_up=analysis.evidence.given_up)


@_deeper_calls()
def analyze(
    source: Source, tree: ast.Module | None = None, project: Project | None = None, *, is_screened: bool = True
) -> Analysis:
    """Read a file and what it uses of its project, and ask the rules.

    Not screened, a file is read in which no rule can find anything: what the screens say can be held against that.

    Raises:
        SourceError: the file cannot be parsed, or is too large for anybody to have written it.
    """
    if len(source.data) > LARGEST:
        raise SourceError(source.path, f"larger than {LARGEST // 2**20} MiB: such a file is generated, it is left out")
    parsed = tree if tree is not None else parse(source)
    try:
        return _analyzed(source, parsed, project, is_screened=is_screened)
    except RecursionError as error:
        raise SourceError(source.path, TOO_DEEP, deepest_line(parsed)) from error


def _analyzed(source: Source, parsed: ast.Module, project: Project | None, *, is_screened: bool) -> Analysis:
    has_others = project is not None and (not is_screened or may_leak_with_others(parsed, source.path, project))
    if not has_others and is_screened and not may_leak(source.data, parsed):
        return _without_findings(source)
    module = extract(parsed, source.path)
    found = outline(module)
    if not has_others and is_screened and not containers_of_interest(Groundwork(found)):
        return _without_findings(source)
    linked = link(module, found, project) if project is not None else None
    evidence = gather(module, source.text, linked, found)
    return Analysis(source, module, evidence, tuple(_reports(evidence)))


def _without_findings(source: Source) -> Analysis:
    nothing = ir.Module(source.path, ())
    return Analysis(source, nothing, gather(nothing), ())


def reports(module: ir.Module, text: str) -> list[tuple[Rule, Report]]:
    """What the rules report of a module, in the order of its lines, each leak once."""
    return _reports(gather(module, text))


def _reports(evidence: Evidence) -> list[tuple[Rule, Report]]:
    found: dict[object, tuple[Rule, Report]] = {}
    for rule in all_rules():
        for report in rule.check(evidence):
            known = found.get((report.code, report.place))
            if known is None or _is_clearer(report, known[1]):
                found[report.code, report.place] = (rule, report)
    placed = [(rule, _placed(report)) for rule, report in _most_specific(list(found.values()))]
    # What stands in another file is that file's own finding.
    own = [pair for pair in placed if pair[1].place.at.line < MODULES_APART]
    return sorted(own, key=lambda pair: (pair[1].place.at, pair[0].code))


def _placed(report: Report) -> Report:
    """A key that is built in another file, for an operation of this one: the call that builds it is the place."""
    birth, insertion, eviction = report.story.birth, report.story.insertion, report.eviction
    if report.place.at.line < MODULES_APART or report.place != birth.place:
        return report
    depth = shared_depth(birth.stack, insertion.stack)
    if eviction is not None and any(eviction == own for own, _ in report.story.attempts):
        depth = min(depth, shared_depth(birth.stack, eviction.stack))
    return msgspec.structs.replace(report, place=place_at(birth.stack, birth.place, depth))


def _most_specific(told: list[tuple[Rule, Report]]) -> list[tuple[Rule, Report]]:
    """One leak, one finding: where an early exit is to blame, the exception between the same lines is not told too."""
    blamed = {_pair(report) for rule, report in told if rule.code == "LKL103"}
    said = {(rule.code, _owned(report)) for rule, report in told}
    said_there = {(rule.code, report.story.insertion.place) for rule, report in told}
    return [
        (rule, report)
        for rule, report in told
        if (rule.code != "LKL102" or _pair(report) not in blamed)
        and not any(
            (code, _owned(report)) in said or (code, report.story.insertion.place) in said_there
            for code in rule.yields_to
        )
    ]


def _pair(report: Report) -> tuple[Place, Place | None]:
    return report.story.insertion.place, report.eviction.place if report.eviction else None


def _is_clearer(report: Report, known: Report) -> bool:
    """Of two reports on one place the one with the longer way from key to insertion explains more."""
    return len(report.trace) > len(known.trace)


def _told(analysis: Analysis, project: Project | None) -> tuple[Workshop | None, list[tuple[Finding, Draft | None]]]:
    """The findings in the order of the reports, each with its repair, and where the repairs are made."""
    if not analysis.reports:
        return None, []
    # Repairs need LibCST, which no file without a finding shall pay for.
    from leaklint.repair import Workshop
    from leaklint.repairs.refusal import Refusal

    workshop = Workshop(analysis, partial(analyze, project=project))
    told: list[tuple[Finding, Draft | None]] = []
    for (rule, report), repair in zip(analysis.reports, workshop.repairs(), strict=True):
        finding = _finding(report, rule, analysis)
        if isinstance(repair, Refusal):
            told.append((msgspec.structs.replace(finding, fix_refused=repair.reason), None))
        else:
            told.append((msgspec.structs.replace(finding, fix=repair.fix), repair))
    return workshop, told


def _finding(report: Report, rule: Rule, analysis: Analysis) -> Finding:
    path = analysis.source.path
    return Finding(
        code=rule.code,
        name=rule.name,
        message=report.message,
        path=path,
        span=report.place.at,
        cache=spell(report.story.insertion.cache),
        key=report.key,
        trace=tuple(_step(note, path, analysis.evidence.linked) for note in report.trace),
        advice=report.advice,
        symbol=report.place.function.partition("@")[0],
    )


def _step(note: Note, path: str, linked: Linked | None) -> Step:
    elsewhere = linked.place(note.place.at) if linked is not None else None
    return Step(*(elsewhere or (path, note.place.at)), note.text)


@_deeper_calls()
def repair(
    source: Source, accept: Callable[[Finding], bool], unsafe: bool = False, project: Project | None = None
) -> Repaired:
    """Repair what `accept` lets through, `unsafe` repairs only if asked for; a file that cannot be parsed stays."""
    try:
        analysis = analyze(source, project=project)
    except SourceError:
        return Repaired(source.data, (), ())
    from leaklint.repairs.refusal import Refusal

    def _is_wanted(finding: Finding) -> bool:
        is_safe = finding.fix is not None and finding.fix.safety == "safe"
        return (unsafe or is_safe) and accept(finding)

    fixed: list[Finding] = []
    told: list[tuple[Finding, Draft | None]] = []
    for _ in range(_ROUNDS):
        workshop, told = _told(analysis, project)
        wanted = {id(made): finding for finding, made in told if made is not None and _is_wanted(finding)}
        chosen = [made for _, made in told if made is not None and id(made) in wanted]
        if workshop is None or not chosen:
            break
        # What a wrong key leaves is told by other rules too; the right key mends them all.
        made, after = workshop.together(sorted(chosen, key=lambda draft: draft.report.code != "LKL104"))
        if isinstance(after, Refusal):
            break
        fixed += _gone(told, made, after, accept)
        analysis = after
    return Repaired(analysis.source.data, tuple(fixed), tuple(finding for finding, _ in told))


def _gone(
    told: list[tuple[Finding, Draft | None]], made: list[Draft], after: Analysis, accept: Callable[[Finding], bool]
) -> Iterator[Finding]:
    """The findings that were repaired, and those that their repairs took away with them."""
    repaired = {id(draft) for draft in made}
    yield from (finding for finding, draft in told if id(draft) in repaired)
    remaining = Counter((rule.code, report.place.function, _cache_of(report)) for rule, report in after.reports)
    for finding, draft in told:
        if id(draft) in repaired:
            continue
        kind = finding.code, finding.symbol, finding.cache
        remaining[kind] -= 1
        if remaining[kind] < 0 and accept(finding):
            yield finding


def _owned(report: Report) -> tuple[str | None, str]:
    """The container as it is written, with the class or the function that has it."""
    return holder_of(report.story.insertion.cache), _cache_of(report)


def _cache_of(report: Report) -> str:
    return spell(report.story.insertion.cache)
