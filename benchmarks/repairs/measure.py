"""Repairs files in memory, checks the repaired bytes anew, and says of each finding whether it is gone or why not."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.corpus import labels
from benchmarks.repairs.subjects import CODES
from leaklint.config import Choice, Settings
from leaklint.files import Found
from leaklint.project import Project
from leaklint.run import run
from leaklint.work import check_file, fix_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.corpus.labels import Label
    from benchmarks.repairs.subjects import Subject
    from leaklint.model import Finding
    from leaklint.outcome import Outcome

STILL_THERE = "the repaired file has it still"


class Told(msgspec.Struct, frozen=True):
    """A finding, and if it was not repaired the reason that leaklint gives."""

    path: str
    line: int
    code: str
    symbol: str
    cache: str
    judgement: str
    """The word of its reader, `unlabelled`, or `leakbench` in a release that LeakBench says leaks."""
    left: str | None

    @property
    def is_real(self) -> bool:
        """Whether somebody who has read the code calls it a leak."""
        return self.judgement in ("leakbench", "real")


class Repaired(msgspec.Struct, frozen=True):
    """One release: its findings, and the errors that kept files from being repaired."""

    origin: str
    package: str
    version: str
    findings: tuple[Told, ...]
    errors: tuple[str, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether a finding that counts as repaired was there again in the repaired file."""
        return any(told.left == STILL_THERE for told in self.findings)


def repair(subject: Subject, folder: Path, known: Iterable[Label], jobs: int | None) -> Repaired:
    """Apply every safe repair to the files of a release that lies in `folder`, which stays as it is."""
    root = str(folder.resolve())
    settings = settings_of(root)
    found = [Found(str(Path(root, path)), settings) for path in subject.paths]
    told: list[Told] = []
    errors: list[str] = []
    work = partial(fix_file, unsafe=False, project=Project())
    for one, path, outcome in zip(found, subject.paths, run(work, found, jobs), strict=True):
        errors += [error.message for error in outcome.report.errors]
        for finding, left in outcomes(one, outcome):
            judged = _judgement(subject, path, finding, known)
            told.append(Told(path, finding.span.line, finding.code, finding.symbol, finding.cache, judged, left))
    release = subject.release
    return Repaired(subject.origin, release.package, release.version, tuple(told), tuple(errors))


def settings_of(root: str) -> Settings:
    """Only the rules that are measured, and no configuration."""
    return Settings(root=root, repository=root, choices=(Choice(select=CODES),))


def outcomes(found: Found, outcome: Outcome) -> Iterator[tuple[Finding, str | None]]:
    """Yield each finding of a repaired file, and why it is left if it is; the repaired bytes are checked once more."""
    left = list(outcome.report.findings)
    if outcome.after is not None:
        left = list(check_file(found, outcome.after, project=Project()).report.findings)
    expected = Counter(map(_identity, outcome.report.findings))
    surplus = Counter(map(_identity, left)) - expected
    for finding in outcome.fixed:
        identity = _identity(finding)
        yield finding, STILL_THERE if surplus[identity] > 0 else None
        surplus[identity] -= 1
    for finding in outcome.report.findings:
        yield finding, _reason(finding)


def _reason(finding: Finding) -> str:
    if finding.fix is not None:
        return f"the repair is unsafe: {finding.fix.risk}"
    return finding.fix_refused or "no reason is given"


def _judgement(subject: Subject, path: str, finding: Finding, known: Iterable[Label]) -> str:
    if subject.origin == "leakbench":
        return "leakbench"
    about = labels.Subject(subject.release.package, path, finding.code, finding.symbol, finding.cache, finding.key)
    judged = labels.judge([about], known, [about.package])
    return judged.verdicts[0][1] or "unlabelled"


def _identity(finding: Finding) -> tuple[str, str, str, str]:
    return finding.code, finding.symbol, finding.cache, finding.key
