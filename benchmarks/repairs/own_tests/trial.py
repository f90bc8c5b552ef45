"""Runs a package's tests, repairs it, and runs them again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.repairs.measure import settings_of
from benchmarks.repairs.own_tests.changed import changed_statements
from benchmarks.repairs.own_tests.environment import Prepared, undisturbed
from benchmarks.repairs.own_tests.results import Ran, Results, moved, read_results, summed
from leaklint.files import Found
from leaklint.project import Project
from leaklint.work import fix_file

if TYPE_CHECKING:
    from benchmarks.repairs.own_tests.trials import Trial

_SECONDS = 900


class Mended(msgspec.Struct, frozen=True):
    """A finding that was repaired before the second run."""

    path: str
    code: str
    symbol: str
    cache: str


class Tried(msgspec.Struct, frozen=True):
    """One package: what was repaired, both runs, and whether each test ended as before.

    `changed` counts the statements that the repair moved or wrote, and `executed` those of them that the tests ran.
    """

    package: str
    version: str
    python: str
    repaired: tuple[Mended, ...]
    before: Ran
    after: Ran
    moved: tuple[str, ...]
    changed: int
    executed: int


class NoResultError(Exception):
    """Pytest left no result; the message holds its last words."""


def tried(trial: Trial, prepared: Prepared, folder: Path) -> Tried:
    """Run the tests, repair, and run them again. Raises NoResultError."""
    before, _ = _results(trial, prepared, folder / "before")
    mended, changed = repair(trial, prepared)
    after, executed = _results(trial, prepared, folder / "after")
    return Tried(
        trial.package,
        trial.version,
        trial.python,
        mended,
        summed(before),
        summed(after),
        moved(before, after),
        sum(map(len, changed.values())),
        sum(len(lines & executed[path]) for path, lines in changed.items()),
    )


def repair(trial: Trial, prepared: Prepared) -> tuple[tuple[Mended, ...], dict[str, set[int]]]:
    """Repair the files wherever they are; return what was repaired, and the changed statements of each file."""
    mended: list[Mended] = []
    changed: dict[str, set[int]] = {}
    settings = settings_of(str(prepared.source.resolve()))
    for path in trial.repaired:
        found = Found(str((prepared.source / path).resolve()), settings)
        outcome = fix_file(found, unsafe=False, project=Project())
        if outcome.after is None or outcome.before is None:
            continue
        for copy in prepared.copies(path):
            copy.write_bytes(outcome.after)
        mended += [Mended(path, finding.code, finding.symbol, finding.cache) for finding in outcome.fixed]
        changed[path] = changed_statements(outcome.before.decode(), outcome.after.decode())
    return tuple(mended), changed


def _results(trial: Trial, prepared: Prepared, folder: Path) -> tuple[Results, dict[str, set[int]]]:
    folder.mkdir()
    report, data, coverage = folder / "report.xml", folder / "coverage", folder / "coverage.json"
    copies = [copy for path in trial.repaired for copy in prepared.copies(path)]
    measured = ",".join(f"*/{copy.relative_to(copy.anchor)}" for copy in copies)
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={report}", *trial.tests)
    run = ("-m", "coverage", "run", f"--data-file={data}", f"--include={measured}", "-m", "pytest", *options)
    said = _run(prepared, str(prepared.python), *run)
    if not report.is_file():
        raise NoResultError(f"{trial.release}: {said[-2000:]}")
    _run(prepared, str(prepared.python), "-m", "coverage", "json", "-q", f"--data-file={data}", "-o", str(coverage))
    return read_results(report), _executed(trial, coverage)


def _executed(trial: Trial, coverage: Path) -> dict[str, set[int]]:
    """The lines that ran of each file, in whichever of its copies."""
    files = msgspec.json.decode(coverage.read_bytes())["files"] if coverage.is_file() else {}
    found: dict[str, set[int]] = {path: set() for path in trial.repaired}
    for path, lines in found.items():
        name = path.removeprefix("src/").removeprefix("lib/")
        for measured, told in files.items():
            if Path(measured).as_posix().endswith(name):
                lines.update(told["executed_lines"])
    return found


def _run(prepared: Prepared, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=prepared.source,
        env=undisturbed(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=_SECONDS,
    )
    return done.stdout.decode(errors="replace")
