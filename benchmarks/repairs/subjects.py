"""Which files of which releases are repaired: those of LeakBench's leaks, and those of the corpus that have a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from benchmarks.corpus import labels, measure
from benchmarks.leakbench import cases
from benchmarks.releases import Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.corpus.labels import Label
    from benchmarks.leakbench.cases import Leak

CODES = ("LKL101", "LKL102", "LKL103", "LKL104")
"""The rules whose findings leaklint promises to repair."""

Origin: TypeAlias = Literal["leakbench", "corpus"]


class Subject(msgspec.Struct, frozen=True):
    """A release and those of its files that may have findings, relative to it."""

    origin: Origin
    release: Release
    paths: tuple[str, ...]


def load() -> tuple[Subject, ...]:
    """Every release with a file to repair: LeakBench's leaking ones, then the corpus'."""
    releases = {release.package: release for release in measure.load()}
    return (*of_leaks(cases.load().leaks), *of_labels(labels.load(), releases))


def of_leaks(leaks: Iterable[Leak]) -> tuple[Subject, ...]:
    """The leaking releases."""
    return _gathered("leakbench", ((leak.release(leak.leaking), leak.path) for leak in leaks))


def of_labels(known: Iterable[Label], releases: dict[str, Release]) -> tuple[Subject, ...]:
    """The files that have a label of one of the codes: a finding of a default rule without one fails the corpus."""
    return _gathered("corpus", ((releases[label.package], label.path) for label in known if label.code in CODES))


def _gathered(origin: Origin, places: Iterable[tuple[Release, str]]) -> tuple[Subject, ...]:
    paths: dict[Release, set[str]] = {}
    for release, path in places:
        paths.setdefault(release, set()).add(path)
    return tuple(Subject(origin, release, tuple(sorted(found))) for release, found in paths.items())
