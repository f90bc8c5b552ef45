"""Measures `leaklint fleet` on repositories made from released packages: `python -m benchmarks.fleet`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from benchmarks.fleet.measure import Measured, measure
from benchmarks.fleet.record import Record, save
from benchmarks.fleet.repositories import make
from benchmarks.releases import CACHE, IndexUnreachableError
from benchmarks.speed.record import this_machine
from leaklint import __version__


@click.command()
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default=CACHE, show_default=True)
@click.option("--repositories", "count", type=click.IntRange(min=2), default=100, show_default=True)
@click.option("--record", is_flag=True, help="Keep the result for docs/fleet.md; only from an idle machine.")
def main(cache: Path, count: int, record: bool) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="leaklint-bench-") as made:
        try:
            places = make(Path(made), cache, count)
        except IndexUnreachableError as error:
            click.echo(f"fleet: {error}", err=True)
            sys.exit(2)
        click.echo("repositories  workers  seconds       lines  findings  driver's peak")
        parts = sorted({max(count // 10, 1), count // 2})
        runs = [_told(measure(places[:part], 2)) for part in parts]
        two, one = _told(measure(places, 2)), _told(measure(places, 1))
    click.echo(f"2 workers are {one.seconds / two.seconds:.2f} times as fast as 1.")
    if record:
        save(Record(__version__, this_machine(), (*runs, two, one)))
        click.echo("Recorded; `make docs` writes docs/fleet.md anew.")


def _told(run: Measured) -> Measured:
    click.echo(
        f"{run.repositories:12,}  {run.workers:7}  {run.seconds:7.1f}  {run.lines:10,}  {run.findings:8,}"
        f"  {run.peak / 1024:9.1f} MiB"
    )
    return run


if __name__ == "__main__":
    main()
