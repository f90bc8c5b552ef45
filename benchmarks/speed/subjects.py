"""What the tools are run on: released packages, each a number of files that all of them read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.corpus.measure import load
from benchmarks.releases import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("celery", "django")
CORPUS = "corpus"
SMALL = Path("celery", "events")
"""What a smoke run reads of the first package."""


class Subject(msgspec.Struct, frozen=True):
    """Folders that are checked together, and how much there is to read."""

    name: str
    folders: tuple[Path, ...]
    files: int
    lines: int

    @property
    def cwd(self) -> Path:
        """Where the tools are started."""
        return self.folders[0]


def subjects(cache: Path, *, with_corpus: bool, is_quick: bool) -> Iterator[Subject]:
    """Fetch what is to be checked. Raises IndexUnreachableError."""
    for release in load(PACKAGES[:1] if is_quick else PACKAGES):
        folder = fetch(release, cache)
        yield (
            subject(f"{SMALL.as_posix()} of {release}", (folder / SMALL,))
            if is_quick
            else subject(str(release), (folder,))
        )
    if with_corpus:
        yield subject(CORPUS, tuple(fetch(release, cache) for release in load()))


def subject(name: str, folders: tuple[Path, ...]) -> Subject:
    """Count what is in `folders`. It is read thereby, so the first tool does not wait for the disk alone."""
    files = [path for folder in folders for path in folder.rglob("*.py")]
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    return Subject(name, tuple(folder.resolve() for folder in folders), len(files), lines)
