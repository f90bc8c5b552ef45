"""`python -m benchmarks.speed`: measure leaklint beside other tools and by itself, and write down what came of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import msgspec

from benchmarks.releases import CACHE, IndexUnreachableError
from benchmarks.speed import growth, record
from benchmarks.speed.commands import checks, starts
from benchmarks.speed.environments import ROOT, TOOLS, NotInstalledError, prepare, versions
from benchmarks.speed.page import PICTURE, page
from benchmarks.speed.plot import draw
from benchmarks.speed.process import ProcessFailedError
from benchmarks.speed.programs import DIMENSIONS
from benchmarks.speed.rounds import measure
from benchmarks.speed.subjects import Subject, subjects
from benchmarks.speed.telling import progress
from docs import generate

PACKAGES = {"leaklint": ("flake8-leaklint", "click", "libcst"), "flake8": ("flake8",)}
"""Whose versions are told; of every other tool its own."""


class Extent(msgspec.Struct, frozen=True):
    """How much is measured."""

    rounds: int
    starts: int
    seconds: float
    doublings: int
    has_megabytes: bool
    is_patient: bool


QUICK = Extent(rounds=1, starts=1, seconds=0.0, doublings=2, has_megabytes=False, is_patient=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", "is_quick", is_flag=True, help="Run everything once on very little, and write nothing.")
@click.option("--corpus", "with_corpus", is_flag=True, help="Also check the 24 packages of the corpus: hours.")
@click.option("--patient", "is_patient", is_flag=True, help="Run fixit on large packages too, where it takes minutes.")
@click.option(
    "--minutes", type=click.FloatRange(min=0), default=8.0, show_default=True, help="Begin no other round after these."
)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Most runs of each command.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=CACHE,
    help="Where releases and environments are kept.",
)
def main(is_quick: bool, with_corpus: bool, is_patient: bool, minutes: float, rounds: int, cache: Path) -> None:
    """Measure, print the tables, and write docs/speed.md, its picture and the numbers."""
    if sys.platform == "win32":
        sys.exit("speed: this system does not tell what a process and those that it started have cost")
    extent = Extent(rounds, 4 * rounds, 60 * minutes, growth.DOUBLINGS, has_megabytes=True, is_patient=is_patient)
    try:
        made = _measured(QUICK if is_quick else extent, cache, with_corpus=with_corpus, is_quick=is_quick)
    except (IndexUnreachableError, NotInstalledError, ProcessFailedError) as error:
        click.echo(f"speed: {error}", err=True)
        sys.exit(2)
    click.echo(page(made))
    if is_quick:
        click.echo("A smoke run: too little to judge by, and nothing was written.", err=True)
    else:
        record.save(made)
        draw(made.growth, ROOT / "docs" / PICTURE)
        generate.main()


def _measured(extent: Extent, cache: Path, *, with_corpus: bool, is_quick: bool) -> record.Record:
    """Run everything. Raises IndexUnreachableError, NotInstalledError and ProcessFailedError."""
    click.echo("Fetching releases and making environments, where they are not there yet.", err=True)
    every = list(subjects(cache, with_corpus=with_corpus, is_quick=is_quick))
    tools = {tool: prepare(tool, cache.resolve()) for tool in TOOLS}
    with tempfile.TemporaryDirectory(prefix="leaklint-bench-") as made:
        scratch = Path(made).resolve()
        commands = [command for one in every for command in checks(one, tools, scratch, is_patient=extent.is_patient)]
        starting = starts(tools, scratch)
        steps = sum(extent.rounds + command.fills_a_cache for command in commands) + len(starting) * extent.starts
        programs = 2 * len(DIMENSIONS)
        with progress(steps + programs * (extent.doublings + 1 + extent.has_megabytes)) as tell:
            runs = measure(starting, extent.starts, extent.seconds, tell)
            runs.update(measure(commands, extent.rounds, extent.seconds, tell))
            grown = tuple(growth.grow(tools["leaklint"], scratch, extent.doublings, tell))
            megabytes = tuple(growth.megabytes(tools["leaklint"], scratch, tell)) if extent.has_megabytes else ()
    return record.Record(record.this_machine(), _versions(tools), _read(every), record.costs(runs), grown, megabytes)


def _versions(tools: dict[str, Path]) -> dict[str, str]:
    told: dict[str, str] = {}
    for tool, folder in tools.items():
        told |= versions(folder, PACKAGES.get(tool, (tool,)))
    return told


def _read(every: list[Subject]) -> dict[str, record.Read]:
    return {one.name: record.Read(one.files, one.lines) for one in every}


if __name__ == "__main__":
    main()
