"""Holds the screens against the analysis: what they turn away must have no finding when it is analyzed all the same.

Run as `python -m benchmarks.screened` over the standard library, what is installed and the downloaded releases.
"""

from __future__ import annotations

import random
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from benchmarks.releases import CACHE
from leaklint.analyze import LARGEST, analyze
from leaklint.entrance import is_turned_away
from leaklint.extract import parse
from leaklint.project import Project
from leaklint.source import SourceError, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from leaklint.source import Source


class Disagreement(msgspec.Struct, frozen=True):
    """A file that was turned away, and the rules that find something in it."""

    path: Path
    codes: tuple[str, ...]


class Screened(msgspec.Struct):
    """How many files were looked at, how many turned away, and where that was wrong."""

    files: int = 0
    turned_away: int = 0
    wrong: list[Disagreement] = msgspec.field(default_factory=list)


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--files", type=int, help="Take so many files at random.")
@click.option("--minutes", type=float, help="Stop after so many minutes.")
def main(folders: Sequence[Path], files: int | None, minutes: float | None) -> None:
    """Analyze what the screens turn away, and tell what has findings."""
    found = sample(folders or default_folders(), files)
    done = screened(found, time.monotonic() + 60 * minutes if minutes is not None else None)
    for one in done.wrong:
        click.echo(f"{one.path}: turned away, but has {', '.join(one.codes)}")
    click.echo(f"{done.files} files, {done.turned_away} turned away, {len(done.wrong)} of them wrongly")
    sys.exit(bool(done.wrong))


def default_folders() -> list[Path]:
    """The standard library, what is installed beside leaklint, and what other benchmarks have downloaded."""
    paths = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    return [path for path in (*paths, CACHE) if path.is_dir()]


def sample(folders: Iterable[Path], files: int | None = None) -> list[Path]:
    """The Python files below the folders, or so many of them in no order, the same each time."""
    found = sorted({path for folder in folders for path in folder.rglob("*.py")})
    return random.Random(0).sample(found, files) if files is not None and files < len(found) else found


def screened(paths: Iterable[Path], until: float | None = None) -> Screened:
    """Analyze those of the files that are turned away."""
    done = Screened()
    project = Project()
    for source in _sources(paths):
        if until is not None and time.monotonic() > until:
            break
        done.files += 1
        try:
            tree = parse(source)
            if is_turned_away(source, tree, project):
                done.turned_away += 1
                codes = {rule.code for rule, _ in analyze(source, tree, project, is_screened=False).reports}
                done.wrong += [Disagreement(Path(source.path), tuple(sorted(codes)))] if codes else []
        except (SourceError, RecursionError):
            continue  # no Python, or none of this version
    return done


def _sources(paths: Iterable[Path]) -> Iterator[Source]:
    return (source for path in paths if (source := _source(path)) is not None)


def _source(path: Path) -> Source | None:
    try:
        is_read = path.is_file() and path.stat().st_size <= LARGEST
        return decode(str(path), path.read_bytes()) if is_read else None
    except (OSError, SourceError):
        return None


if __name__ == "__main__":
    main()
