"""`python -m benchmarks.leakbench`: run LeakBench, print its table, and fail if it is worse than what was recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from benchmarks.leakbench import cases, score
from benchmarks.leakbench.runner import run_cases
from benchmarks.leakbench.table import table, totals
from benchmarks.releases import CACHE, IndexUnreachableError

WIDTH = 130
"""Columns where the output is no terminal, so that the table in a log is whole."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), default=CACHE, help="Where releases are kept."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes; by default one a processor.")
@click.option("--more", "is_more", is_flag=True, help="Run the leaks of more.json instead.")
@click.option("--record", "is_recording", is_flag=True, help="Write the result down as the one to hold from now on.")
def main(cache: Path, jobs: int | None, is_more: bool, is_recording: bool) -> None:
    """Find the real leaks of released packages; exit with 1 if the result is worse than the recorded one."""
    manifest, kept = (cases.MORE, score.RECORD_OF_MORE) if is_more else (cases.MANIFEST, score.RECORD)
    try:
        results = run_cases(cases.load(manifest), cache, jobs)
    except IndexUnreachableError as error:
        click.echo(f"leakbench: {error}", err=True)
        sys.exit(2)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(table(results))
    record, recorded = score.record_of(results), score.load(kept)
    for line in totals(record):
        click.echo(line)
    if is_recording:
        score.save(record, kept)
        click.echo(f"recorded in {kept.name}")
        return
    if recorded is None:
        return
    for line in score.changes(record, recorded):
        click.echo(line)
    if score.is_worse(record, recorded):
        sys.exit("leakbench: worse than the recorded result")


if __name__ == "__main__":
    main()
