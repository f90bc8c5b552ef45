"""Checks a package of the corpus, file by file, and keeps what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.corpus.labels import Subject
from benchmarks.linting import Checked, check_all
from benchmarks.releases import Release
from leaklint.progress import with_progress
from leaklint.tests_by_name import is_test_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.model import FileError, Finding

MANIFEST = Path(__file__).with_name("packages.json")


class Measured(msgspec.Struct, frozen=True):
    """One package: its outcomes in the order of its files, and how much there was to read."""

    release: Release
    folder: Path
    lines: int
    outcomes: tuple[Checked, ...]

    @property
    def seconds(self) -> float:
        """Seconds of work, whatever number of processes shared it."""
        return sum(outcome.seconds for outcome in self.outcomes)

    @property
    def errors(self) -> tuple[FileError, ...]:
        """Why files could not be checked."""
        return tuple(error for outcome in self.outcomes for error in outcome.report.errors)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the files."""
        return tuple(finding for outcome in self.outcomes for finding in outcome.report.findings)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What each of the findings is about."""
        return tuple(self.subject(finding) for finding in self.findings)

    def subject(self, finding: Finding) -> Subject:
        """What a finding is about."""
        path = self.shown(finding.path)
        return Subject(self.release.package, path, finding.code, finding.symbol, finding.cache, finding.key)

    def shown(self, path: str) -> str:
        """Write the path of a file relative to the release."""
        return Path(path).relative_to(self.folder.resolve()).as_posix()


def load(names: Sequence[str] = (), path: Path = MANIFEST) -> tuple[Release, ...]:
    """Read which releases there are; with `names` these packages alone, in that order. Raises KeyError for another."""
    releases = {
        release.package: release for release in msgspec.json.decode(path.read_bytes(), type=tuple[Release, ...])
    }
    return tuple(releases[name] for name in names) if names else tuple(releases.values())


def measure(release: Release, folder: Path, jobs: int | None, seconds: float) -> Measured:
    """Check the Python files below `folder`, each for at most `seconds`; test code is left out, as by default."""
    everything = sorted(folder.rglob("*.py"))
    files = [path for path in everything if not is_test_code(path.relative_to(folder).as_posix())]
    outcomes = with_progress(check_all(folder, files, jobs, seconds), len(files), str(release))
    checked = tuple(outcomes)
    return Measured(release, folder, sum(path.read_bytes().count(b"\n") for path in files), checked)


def slowest(measured: Sequence[Measured], count: int) -> list[tuple[float, str]]:
    """Find the files that took longest, with their seconds."""
    timed = [
        (outcome.seconds, f"{package.release.package}: {package.shown(outcome.report.path)}")
        for package in measured
        for outcome in package.outcomes
    ]
    return sorted(timed, reverse=True)[:count]
