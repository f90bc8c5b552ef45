"""What is done with one repository, wherever it is done: check, repair, and put into bytes what the driver will write.

It writes nothing but its temporary directory. What goes wrong in a file is told with the file, all else with the
repository; only the death of the process is left to the caller.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leaklint.baseline import Baselines
from leaklint.config import Choice, Known, Settings, settings_for
from leaklint.files import discover
from leaklint.fleet import SECONDS
from leaklint.fleet.findings import findings_text, sarif_text
from leaklint.fleet.git import GitError
from leaklint.fleet.limit import Limited, too_long
from leaklint.fleet.patch import patch_of
from leaklint.fleet.worktree import worktree
from leaklint.outcome import Outcome
from leaklint.paths import encodable, inside
from leaklint.report.document import document
from leaklint.report.words import error_line, gone_words
from leaklint.rules import all_codes
from leaklint.run import run
from leaklint.work import check_file, fix_file

if TYPE_CHECKING:
    from leaklint.fleet.repositories import Repository
    from leaklint.model import FileError, Finding


class Order(msgspec.Struct, frozen=True):
    """What is to be done with every repository."""

    choice: Choice = Choice()
    isolated: bool = False
    unsafe: bool = False
    seconds: int = SECONDS
    """How long one file may take."""
    workspace: str | None = None
    """Where working trees are laid out; None for the system's own place."""


class Result(msgspec.Struct, frozen=True):
    """What came of one repository. `failure` says why nothing could be done; `errors` are those of single files."""

    slug: str
    failure: str | None = None
    files: int = 0
    lines: int = 0
    findings: int = 0
    repaired: int = 0
    errors: tuple[str, ...] = ()
    known: int = 0
    """Findings that the repository's baseline has; they are not among the others."""
    gone: tuple[str, ...] = ()
    """What that baseline has, and the repository no longer."""
    timed_out: tuple[str, ...] = ()
    """Files that took too long; they are among the errors too."""
    seconds: float = 0.0
    patch: bytes = b""
    findings_json: bytes = b""
    sarif: bytes = b""


def do(repository: Repository, order: Order, jobs: int = 1) -> Result:
    """Check and repair one repository; with more than one job, each file may kill its process and no more."""
    started = time.monotonic()
    try:
        with worktree(repository, order.workspace) as (root, errors):
            result = _in_worktree(repository, order, root, errors, jobs)
    except (GitError, OSError) as error:
        return Result(repository.slug, failure=str(error) or type(error).__name__)
    except Exception as error:
        # A fault of ours costs this repository, not the others.
        return Result(repository.slug, failure=f"internal error, please report it: {type(error).__name__}: {error}")
    return msgspec.structs.replace(result, seconds=round(time.monotonic() - started, 3))


def do_all(repositories: tuple[Repository, ...], order: Order) -> tuple[Result, ...]:
    """Do a batch, one after the other."""
    return tuple(do(repository, order) for repository in repositories)


def _in_worktree(repository: Repository, order: Order, root: Path, errors: list[FileError], jobs: int) -> Result:
    known: Known = {}

    def settings_in(directory: str) -> Settings:
        return settings_for(directory, all_codes, known, isolated=order.isolated).overridden(order.choice)

    baselines = Baselines()
    discovery = baselines.applied(discover((str(root),), settings_in))
    check = Limited(check_file, order.seconds)
    checked = list(run(check, discovery.files, jobs, death=check.death))
    with_findings = [found for found, outcome in zip(discovery.files, checked, strict=True) if outcome.report.findings]
    # A project of its own for the repairs: none of them is to see a file as another repair leaves it.
    fix = Limited(partial(fix_file, unsafe=order.unsafe), order.seconds)
    repairs = run(fix, with_findings, jobs, death=fix.death)
    fixed = {outcome.report.path: outcome for outcome in repairs}
    gone = baselines.gone(zip(discovery.files, (outcome.report.gone for outcome in checked), strict=True))
    report = document(checked, discovery.errors, gone)
    repaired = [
        is_repaired for outcome in checked for is_repaired in _repaired(outcome, fixed.get(outcome.report.path))
    ]
    problems = [error for outcome in fixed.values() for error in outcome.report.errors]
    place = str(root)
    told = [
        msgspec.structs.replace(error, path=inside(error.path, place) or error.path)
        for error in (*errors, *report.errors, *problems)
    ]
    return Result(
        slug=repository.slug,
        files=len(discovery.files),
        lines=sum(Path(found.path).read_bytes().count(b"\n") for found in discovery.files),
        findings=len(report.findings),
        repaired=sum(repaired),
        errors=tuple(map(error_line, told)),
        known=report.known,
        gone=tuple(map(gone_words, report.gone)),
        timed_out=tuple(encodable(error.path) for error in told if error.message == too_long(order.seconds)),
        patch=b"".join(patch_of(outcome, inside(path, place) or path) for path, outcome in fixed.items()),
        findings_json=findings_text(report, repaired, place),
        sarif=sarif_text(report, repaired, place),
    )


def _repaired(checked: Outcome, fixed: Outcome | None) -> list[bool]:
    """Say of each finding whether the repair has done away with it.

    Of findings that are alike but for their place, those that the repair names are taken first.
    """
    findings = checked.report.findings
    if fixed is None or fixed.report.errors or fixed.after is None:
        return [False] * len(findings)
    gone = Counter(map(_identity, findings)) - Counter(map(_identity, fixed.report.findings))
    repaired = [False] * len(findings)
    for index in sorted(range(len(findings)), key=lambda index: findings[index] not in fixed.fixed):
        if gone[_identity(findings[index])]:
            gone[_identity(findings[index])] -= 1
            repaired[index] = True
    return repaired


def _identity(finding: Finding) -> tuple[str, str, str, str]:
    return finding.code, finding.symbol, finding.cache, finding.key
