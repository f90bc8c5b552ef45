"""`python -m benchmarks.corpus`: check released packages with all rules and compare the findings with their labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from benchmarks.corpus import labels, record
from benchmarks.corpus.measure import Measured, load, measure, slowest
from benchmarks.corpus.table import packages_table, precision_table
from benchmarks.linting import SECONDS, default_codes, is_fault
from benchmarks.releases import CACHE, IndexUnreachableError, fetch
from leaklint.report import full
from leaklint.report.document import document

if TYPE_CHECKING:
    from collections.abc import Collection

WIDTH = 130
"""Columns where the output is no terminal, so that the tables in a log are whole."""

SLOWEST = 10


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("packages", nargs=-1)
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), default=CACHE, help="Where releases are kept."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes; by default one a processor.")
@click.option("--seconds", type=click.FloatRange(min=1), default=SECONDS, show_default=True, help="Time for one file.")
@click.option("--code", default="LKL", help="Tell what is new or gone of the rules only whose codes begin so.")
@click.option(
    "--show-unlabelled", is_flag=True, help="Print findings without a label in full, with a label to complete."
)
@click.option("--record", "is_recording", is_flag=True, help="Write the counts of these packages down.")
def main(
    packages: tuple[str, ...],
    cache: Path,
    jobs: int | None,
    seconds: float,
    code: str,
    show_unlabelled: bool,
    is_recording: bool,
) -> None:
    """Check the PACKAGES of the corpus, by default all.

    Exits with 1 if leaklint failed on a file, or if a finding of a rule that is on by default has no label.
    """
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    known = labels.load()
    measured: list[Measured] = []
    try:
        for release in load(packages):
            one = measure(release, fetch(release, cache), jobs, seconds)
            measured.append(one)
            click.echo(_line(one), err=True)
            if show_unlabelled:
                _show(one, _judged([one], known), code, console)
    except KeyError as error:
        raise click.UsageError(f"the corpus has no package {error}") from error
    except IndexUnreachableError as error:
        click.echo(f"corpus: {error}", err=True)
        sys.exit(2)
    counted = {one.release.package: record.package_record(one, _judged([one], known)) for one in measured}
    console.print(packages_table(counted))
    console.print(precision_table(record.summed(counted.values()), default_codes()))
    judged = _judged(measured, known)
    _tell(measured, judged, code)
    if is_recording:
        record.save(counted)
    sys.exit(_is_bad(measured, judged, default_codes()))


def _judged(measured: list[Measured], known: tuple[labels.Label, ...]) -> labels.Judged:
    subjects = [subject for one in measured for subject in one.subjects]
    return labels.judge(subjects, known, [one.release.package for one in measured])


def _line(one: Measured) -> str:
    return f"{one.release}: {len(one.outcomes)} files, {one.seconds:.0f} s, {len(one.findings)} findings"


def _show(one: Measured, judged: labels.Judged, code: str, console: Console) -> None:
    new = set(judged.new)
    report = document(one.outcomes)
    for located in report.findings:
        subject = one.subject(located.finding)
        if subject in new and subject.code.startswith(code):
            for line in full.lines(located, report.source_of, console.width):
                console.print(line, soft_wrap=True, highlight=False)
            click.echo(f"\n{labels.stub(subject)}\n")


def _tell(measured: list[Measured], judged: labels.Judged, code: str) -> None:
    """Say what is new, gone and slow, and name every file that could not be checked."""
    for subject in judged.new:
        if subject.code.startswith(code):
            words = f"{subject.path}: {subject.code} {subject.symbol} {subject.cache}[{subject.key}]"
            click.echo(f"new: {subject.package}: {words}")
    for label in judged.gone:
        if label.code.startswith(code):
            click.echo(f"gone: {label}")
    for one in measured:
        for error in one.errors:
            place = one.shown(error.path) if error.line is None else f"{one.shown(error.path)}:{error.line}"
            click.echo(
                f"{'FAULT' if is_fault(error) else 'unreadable'}: {one.release.package}: {place}: {error.message}"
            )
    for seconds, path in slowest(measured, SLOWEST):
        click.echo(f"{seconds:7.1f} s  {path}")


def _is_bad(measured: list[Measured], judged: labels.Judged, defaults: Collection[str]) -> bool:
    has_faults = any(is_fault(error) for one in measured for error in one.errors)
    return has_faults or any(subject.code in defaults for subject in judged.new)


if __name__ == "__main__":
    main()
