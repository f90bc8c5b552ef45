"""Runs the cases: which are found before the fix, and what is said of the code that is right."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from benchmarks.leakbench.cases import Leak, LookAlike, Manifest, told_by
from benchmarks.linting import check_all, default_codes
from benchmarks.releases import Release, fetch
from leaklint.model import FileReport
from leaklint.progress import with_progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

Mode: TypeAlias = Literal["default", "extended"]
"""The rules that are on by default, or those and LKL201."""

MODES: tuple[Mode, ...] = ("default", "extended")
EXTENSION = "LKL201"

Reports: TypeAlias = dict[tuple[Release, str], FileReport]


class Seen(msgspec.Struct, frozen=True):
    """What is said of one mapping in one release, in each mode: a code or None; `fault` is why nothing could be."""

    default: str | None = None
    extended: str | None = None
    fault: str | None = None

    def by(self, mode: Mode) -> str | None:
        """What is said with the rules of `mode`."""
        return self.default if mode == "default" else self.extended


class LeakResult(msgspec.Struct, frozen=True):
    """A leak before and after its fix; `after` is None if there is no fixed release, or no such file in it."""

    leak: Leak
    before: Seen
    after: Seen | None


class LookAlikeResult(msgspec.Struct, frozen=True):
    """What is said of correct code."""

    case: LookAlike
    seen: Seen


class Results(msgspec.Struct, frozen=True):
    """The whole run."""

    leaks: tuple[LeakResult, ...]
    look_alikes: tuple[LookAlikeResult, ...]


def run_cases(manifest: Manifest, cache: Path, jobs: int | None) -> Results:
    """Fetch what is missing and check the files of all cases. Raises IndexUnreachableError."""
    releases = manifest.releases()
    fetched = with_progress((fetch(release, cache) for release in releases), len(releases), "Fetching")
    folders = dict(zip(releases, fetched, strict=True))
    wanted = [
        *(
            (leak.release(version), leak.path)
            for leak in manifest.leaks
            for version in (leak.leaking, leak.fixed)
            if version
        ),
        *((case.release(case.version), case.path) for case in manifest.look_alikes),
    ]
    checked = with_progress(_checked(folders, wanted, jobs), len(set(wanted)), "Checking")
    return judge(manifest, dict(checked), default_codes())


def _checked(
    folders: dict[Release, Path], wanted: list[tuple[Release, str]], jobs: int | None
) -> Iterator[tuple[tuple[Release, str], FileReport]]:
    paths: defaultdict[Release, set[str]] = defaultdict(set)
    for release, path in wanted:
        if (folders[release] / path).is_file():
            paths[release].add(path)
    for release, names in paths.items():
        folder, ordered = folders[release], sorted(names)
        for name, checked in zip(ordered, check_all(folder, [folder / name for name in ordered], jobs), strict=True):
            yield (release, name), checked.report


def judge(manifest: Manifest, reports: Reports, defaults: Collection[str]) -> Results:
    """Decide every case by what was reported; `defaults` are the codes that are on by default."""

    def seen(case: Leak | LookAlike, version: str, *, by_line: bool) -> Seen | None:
        report = reports.get((case.release(version), case.path))
        if report is None:
            return None
        if report.errors:
            return Seen(fault=report.errors[0].message)
        on = [finding for finding in report.findings if finding.code in defaults]
        extended = [finding for finding in report.findings if finding.code in {*defaults, EXTENSION}]
        return Seen(
            default=told_by(on, case, report.path, by_line=by_line),
            extended=told_by(extended, case, report.path, by_line=by_line),
        )

    missing = Seen(fault="no such file in the release")
    return Results(
        tuple(
            LeakResult(
                leak,
                seen(leak, leak.leaking, by_line=True) or missing,
                seen(leak, leak.fixed, by_line=False) if leak.fixed else None,
            )
            for leak in manifest.leaks
        ),
        tuple(
            LookAlikeResult(case, seen(case, case.version, by_line=True) or missing) for case in manifest.look_alikes
        ),
    )
