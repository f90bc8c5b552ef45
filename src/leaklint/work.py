"""What is done with one file: check it or repair it, then keep what its settings and its `noqa` comments let through.

These functions run in worker processes. They never raise for a bad file and never write.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import analyze, rules
from leaklint.baseline import told_apart
from leaklint.basis import Basis, digest, stamp_of
from leaklint.model import FileReport, Finding, KnownFindings
from leaklint.outcome import Outcome, failed
from leaklint.selection import chosen_codes
from leaklint.source import Source, SourceError, decode, read
from leaklint.suppress import suppressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from leaklint.config import Settings
    from leaklint.files import Found
    from leaklint.project import Project


Identity: TypeAlias = tuple[str, str, str, str]


def check_file(found: Found, data: bytes | None = None, *, project: Project | None = None) -> Outcome:
    """Check one file; `data` are its bytes if they are not on disk."""
    if project is not None and project.is_recording and data is None:
        return _guarded(found, lambda: _check_recording(found, project))
    return _guarded(found, lambda: check_source(_source(found, data), found.settings, project, found.known))


def fix_file(found: Found, data: bytes | None = None, *, unsafe: bool, project: Project | None = None) -> Outcome:
    """Repair one file, in memory; `data` are its bytes if they are not on disk."""
    return _guarded(
        found,
        lambda: fix_source(_source(found, data), found.settings, project, unsafe=unsafe, known=found.known),
    )


def check_source(
    source: Source, settings: Settings, project: Project | None = None, known: tuple[KnownFindings, ...] = ()
) -> Outcome:
    """Check a file that has been read, and leave out what is known of it. May raise SourceError."""
    report = analyze.check(source, project=project)
    return _unchanged(source, _shown(report, source, settings, known), settings)


def _check_recording(found: Found, project: Project) -> Outcome:
    """Check one file and say what the result rests on."""
    project.forget_questions()
    stamp = stamp_of(found.path)
    source = read(found.path)
    outcome = check_source(source, found.settings, project, found.known)
    if stamp is None or outcome.report.errors:
        return outcome
    basis = Basis(stamp, digest(source.data), project.dependencies())
    return msgspec.structs.replace(outcome, basis=basis)


def fix_source(
    source: Source,
    settings: Settings,
    project: Project | None = None,
    *,
    unsafe: bool,
    known: tuple[KnownFindings, ...] = (),
) -> Outcome:
    """Repair what is shown of a file that has been read and is not known. May raise SourceError."""
    report = analyze.check(source, project=project)
    shown = _shown(report, source, settings, known)
    if not any(_is_repairable(finding, unsafe=unsafe) for finding in shown.findings):
        return _unchanged(source, shown, settings)
    codes = _chosen(source.path, settings)
    # By what a finding is, not by where it stands: a repair moves the lines that the comments were read from.
    silenced = {_identity(finding) for finding in report.findings} - {_identity(finding) for finding in shown.findings}
    repaired = analyze.repair(
        source,
        lambda finding: finding.code in codes and _identity(finding) not in silenced,
        unsafe=unsafe,
        project=project,
    )
    if repaired.data == source.data:
        return _unchanged(source, shown, settings)
    left = msgspec.structs.replace(report, findings=repaired.left)
    return Outcome(
        report=_shown(left, decode(source.path, repaired.data), settings, known),
        repository=settings.repository,
        fixed=repaired.fixed,
        before=source.data,
        after=repaired.data,
    )


def shown_findings(findings: Iterable[Finding], source: Source, settings: Settings) -> tuple[Finding, ...]:
    """Keep the findings that the settings choose and that no comment silences, in the order of the file."""
    codes = _chosen(source.path, settings)
    comments = suppressions(source.text)
    kept = [
        finding
        for finding in findings
        if finding.code in codes and not comments.silences(finding.code, finding.span.line)
    ]
    return tuple(sorted(kept, key=lambda finding: (finding.span, finding.code)))


def _shown(report: FileReport, source: Source, settings: Settings, known: tuple[KnownFindings, ...]) -> FileReport:
    """The report with what is to be shown: of the findings that are shown at all those that the baseline lacks."""
    new, met, gone = told_apart(shown_findings(report.findings, source, settings), known)
    codes = _chosen(source.path, settings)
    # Nothing is known of what was not looked for.
    is_certain = not report.errors and not report.given_up
    missed = tuple(one for one in gone if is_certain and one.code in codes)
    return msgspec.structs.replace(report, findings=new, known=met, gone=missed)


def _source(found: Found, data: bytes | None) -> Source:
    return read(found.path) if data is None else decode(found.path, data)


def _chosen(path: str, settings: Settings) -> frozenset[str]:
    return chosen_codes(path, settings, {rule.code: rule.default for rule in rules.all_rules()})


def _unchanged(source: Source, report: FileReport, settings: Settings) -> Outcome:
    return Outcome(report, settings.repository, before=source.data if report.findings else None)


def _is_repairable(finding: Finding, *, unsafe: bool) -> bool:
    return finding.fix is not None and (unsafe or finding.fix.safety == "safe")


def _identity(finding: Finding) -> Identity:
    return finding.code, finding.symbol, finding.cache, finding.key


def _guarded(found: Found, work: Callable[[], Outcome]) -> Outcome:
    """Do `work`, or say why it could not be done: one bad file must not cost the others."""
    try:
        return work()
    except SourceError as error:
        return failed(found, error.message, error.line, error.column)
    except Exception as error:
        # A fault of ours is reported for this file, and the others are still done.
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return failed(found, f"internal error, please report it: {type(error).__name__}: {error} ({place})")
