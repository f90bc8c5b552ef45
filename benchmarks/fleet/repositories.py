"""Makes repositories out of released packages: each is a directory of a release, with one commit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.releases import Release, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = Path(__file__).parent.parent / "corpus" / "packages.json"
SMALLEST, LARGEST = 5, 25
"""Python files of a directory that makes a repository."""


def make(folder: Path, cache: Path, count: int) -> list[Path]:
    """Make repositories below `folder`, in turns from every release. Raises IndexUnreachableError."""
    releases = [fetch(release, cache) for release in msgspec.json.decode(MANIFEST.read_bytes(), type=list[Release])]
    sources = [list(_parts(release)) for release in releases]
    turns = [part for turn in range(max(map(len, sources))) for parts in sources for part in parts[turn : turn + 1]]
    places = []
    for number, source in enumerate(turns[:count]):
        place = folder / f"{number:03d}-{source.name}"
        shutil.copytree(source, place / source.name)
        for command in (("init", "-q"), ("add", "-A", "-f"), ("commit", "-q", "-m", "all")):
            identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
            subprocess.run(["git", *identity, *command], cwd=place, check=True)
        places.append(place)
    return places


def _parts(folder: Path) -> Iterator[Path]:
    """Directories of a release that are large enough for a repository, and none within another."""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        size = sum(1 for _ in inner.rglob("*.py"))
        if SMALLEST <= size <= LARGEST:
            yield inner
        elif size > LARGEST:
            yield from _parts(inner)
