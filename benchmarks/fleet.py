"""Measures `leaklint fleet` on repositories made from released packages: two workers against one, and memory.

`python -m benchmarks.fleet` prints a table; each repository is a directory of a release, with one commit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from benchmarks.releases import CACHE, IndexUnreachableError, Release, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = Path(__file__).parent / "corpus" / "packages.json"
SMALLEST, LARGEST = 5, 25
"""Python files of a directory that makes a repository."""

DRIVER = """
import atexit, pathlib, re, resource, sys
peak_file = pathlib.Path(sys.argv[1])
def told():
    status = pathlib.Path("/proc/self/status")
    found = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
    peak = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_file.write_text(str(peak))
atexit.register(told)
sys.argv[:2] = ["leaklint"]
from leaklint.cli import main
main()
"""


class Measured(msgspec.Struct, frozen=True):
    """One run. `peak` is the most memory that the driver itself held, in KiB."""

    repositories: int
    workers: int
    seconds: float
    lines: int
    findings: int
    peak: int


@click.command()
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=CACHE, show_default=True)
@click.option("--repositories", "count", type=click.IntRange(min=2), default=100, show_default=True)
def main(cache: Path, count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="leaklint-bench-") as made:
        try:
            places = make(Path(made), cache, count)
        except IndexUnreachableError as error:
            click.echo(f"fleet: {error}", err=True)
            sys.exit(2)
        click.echo("repositories  workers  seconds       lines  findings  driver's peak")
        for part in (max(count // 10, 1), count // 2):
            _told(measure(places[:part], 2))
        two, one = _told(measure(places, 2)), _told(measure(places, 1))
    click.echo(f"2 workers are {one.seconds / two.seconds:.2f} times as fast as 1.")


def _told(run: Measured) -> Measured:
    click.echo(
        f"{run.repositories:12,}  {run.workers:7}  {run.seconds:7.1f}  {run.lines:10,}  {run.findings:8,}"
        f"  {run.peak / 1024:9.1f} MiB"
    )
    return run


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


def measure(places: list[Path], workers: int) -> Measured:
    """Run once over `places`."""
    with tempfile.TemporaryDirectory(prefix="leaklint-bench-") as made:
        peak, output = Path(made, "peak"), Path(made, "output")
        command = [sys.executable, "-c", DRIVER, str(peak), "fleet", "-q", "-j", str(workers), "-o", str(output)]
        started = time.monotonic()
        subprocess.run([*command, *map(str, places)], env=dict(os.environ), stderr=subprocess.DEVNULL, check=False)
        seconds = time.monotonic() - started
        totals = json.loads((output / "summary.json").read_bytes())["totals"]
        return Measured(len(places), workers, seconds, totals["lines"], totals["findings"], int(peak.read_text()))


if __name__ == "__main__":
    main()
