"""`python -m benchmarks.repairs`: repair released packages in memory and tell what share of the findings is gone."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from benchmarks.corpus import labels
from benchmarks.releases import CACHE, IndexUnreachableError, fetch
from benchmarks.repairs import record, subjects
from benchmarks.repairs.measure import Repaired, repair
from benchmarks.repairs.table import left_table, releases_table
from leaklint.progress import with_progress

WIDTH = 130
"""Columns where the output is no terminal, so that the tables in a log are whole."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), default=CACHE, help="Where releases are kept."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes; by default one a processor.")
@click.option("--record", "is_recording", is_flag=True, help="Write the result down for docs/repairs.md.")
def main(cache: Path, jobs: int | None, is_recording: bool) -> None:
    """Repair what LKL101 to LKL104 find in LeakBench's leaking releases and in the corpus.

    Exits with 1 if a file could not be repaired for a fault of leaklint's own, or if a repair did not hold.
    """
    wanted = subjects.load()
    known = labels.load()
    try:
        each = (repair(subject, fetch(subject.release, cache), known, jobs) for subject in wanted)
        repaired = tuple(with_progress(each, len(wanted), "Repairing"))
    except IndexUnreachableError as error:
        click.echo(f"repairs: {error}", err=True)
        sys.exit(2)
    _tell(repaired)
    if is_recording:
        record.save(repaired)
        click.echo(f"recorded in {record.RECORD.name}; `make docs` writes docs/repairs.md anew")
    sys.exit(any(release.errors or release.is_broken for release in repaired))


def _tell(repaired: tuple[Repaired, ...]) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(releases_table(release for release in repaired if release.findings))
    console.print(left_table(repaired))
    for name, share in record.totals(repaired).items():
        click.echo(f"{name}: {share}")
    for release in repaired:
        for error in release.errors:
            click.echo(f"FAULT: {release.package} {release.version}: {error}")


if __name__ == "__main__":
    main()
