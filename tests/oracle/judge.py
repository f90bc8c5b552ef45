"""Holds what the linter says of a program, and what its repair makes of it, against the executed truth."""

from __future__ import annotations

from functools import cache

import msgspec

from leaklint import analyze
from leaklint.model import Finding
from leaklint.source import decode

from .execute import Run, Truth, execute
from .program import Program
from .programs import programs

REFUSED = "unrepaired"
JUDGED = frozenset({"LKL101", "LKL102", "LKL103", "LKL104", "LKL106"})


class Verdict(msgspec.Struct, frozen=True):
    """All that is known of one program; `problems` says in words what is wrong."""

    program: Program
    truth: Truth
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    repaired: str | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """The problems, a repair refused with a reason not among them."""
        return tuple(problem for problem in self.problems if not problem.startswith(f"{REFUSED}:"))

    def text(self) -> str:
        """The program, its truth, the findings and the problems, to be read by a person."""
        told = [f"{finding.code} line {finding.span.line}: {finding.message}" for finding in self.findings]
        parts = [f"=== {self.program.id}", *self.problems, self.program.source.rstrip(), *_truth_lines(self.truth)]
        parts += [f"findings: {line}" for line in told] or ["findings: none"]
        if self.repaired is not None:
            parts += ["--- repaired", self.repaired.rstrip()]
        return "\n".join(parts)


@cache
def all_programs() -> tuple[Program, ...]:
    """Every program, made once a process."""
    return tuple(programs())


@cache
def truth_at(position: int) -> Truth:
    """The truth about one of :func:`all_programs`, executed once a process."""
    return execute(all_programs()[position])


def judge(program: Program, truth: Truth) -> Verdict:
    """Lint, compare, repair, execute again, compare again."""
    source = decode(f"{program.id}.py", program.source.encode())
    report = analyze.check(source, repairs=False)
    findings = tuple(finding for finding in report.findings if finding.code in JUDGED)
    problems = [f"error: {error.message}" for error in report.errors]
    problems += _disagreement(program, truth, findings)
    if not findings:
        return Verdict(program, truth, findings, tuple(problems))
    outcome = analyze.repair(source, lambda finding: finding.code in JUDGED)
    repaired = outcome.data.decode()
    if repaired == program.source:
        told = tuple(finding for finding in analyze.check(source).findings if finding.code in JUDGED)
        return Verdict(program, truth, findings, (*problems, *_without_repair(told)))
    problems += _repair_problems(program, truth, repaired, bool(outcome.left))
    return Verdict(program, truth, findings, tuple(problems), repaired)


def _without_repair(findings: tuple[Finding, ...]) -> list[str]:
    """A repair may be refused, but not without a reason."""
    reasons = sorted({finding.fix_refused for finding in findings if finding.fix_refused})
    if len(reasons) == 0 or any(finding.fix for finding in findings):
        return ["unrepaired without a reason: no finding says why"]
    return [f"{REFUSED}: {'; '.join(reasons)}"]


def _disagreement(program: Program, truth: Truth, findings: tuple[Finding, ...]) -> list[str]:
    codes = {finding.code for finding in findings}
    if codes and not truth.leaking:
        return [f"false alarm: {', '.join(sorted(codes))}"]
    if truth.leaking and not codes:
        return [f"missed alarm: {', '.join(sorted(program.expected))}"]
    if not codes <= program.expected:
        return [f"other rule: {', '.join(sorted(codes))} instead of {', '.join(sorted(program.expected))}"]
    return []


def _repair_problems(program: Program, truth: Truth, repaired: str, partly: bool) -> list[str]:
    try:
        after = execute(program, repaired)
    except Exception as error:
        return [f"bad repair: {type(error).__name__}: {error}"]
    problems = []
    if not partly:
        again = analyze.check(decode(f"{program.id}.py", repaired.encode()), repairs=False).findings
        problems += [f"still leaking: {run.label} leaves {', '.join(run.left)}" for run in after.leaking[:1]]
        problems += [f"still found: {finding.code} line {finding.span.line}" for finding in again[:1]]
    changes = [_change(old, new) for old, new in zip(truth.runs, after.runs, strict=False)]
    if len(truth.runs) != len(after.runs):
        changes.insert(0, f"{len(truth.runs)} executions before, {len(after.runs)} after")
    return [*problems, *[f"changed: {change}" for change in changes if change][:1]]


def _change(old: Run, new: Run) -> str | None:
    if old.outcomes != new.outcomes:
        return f"{old.label}: {old.outcomes} became {new.outcomes}"
    if old.visible != new.visible:
        return f"{old.label}: the trace {old.visible} became {new.visible}"
    return None


def _truth_lines(truth: Truth) -> list[str]:
    if not truth.leaking:
        return [f"truth: {len(truth.runs)} executions leave nothing"]
    return [f"truth: {run.label} leaves {', '.join(run.left)}" for run in truth.leaking[:3]]
