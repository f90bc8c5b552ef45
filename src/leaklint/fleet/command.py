"""`leaklint fleet`: what it takes, what it says while it works, and its exit code. Heavy imports wait until it runs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from leaklint.fleet import SECONDS
from leaklint.options import code_option

if TYPE_CHECKING:
    from pathlib import Path

    from leaklint.fleet.record import Record
    from leaklint.fleet.summary import Totals


@click.command(short_help="Repair many git repositories, as patches.")
@click.argument("repositories", nargs=-1, metavar="[PATH[@REVISION]]...")
@click.option(
    "--from-file", "lists", multiple=True, type=click.Path(dir_okay=False), help="A file with one repository a line."
)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False), default="leaklint-fleet", show_default=True,
    help="The directory for all results.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Skip what is done at the same revision, version and with these options.")
@click.option("--scheduler", metavar="ADDRESS", help="Work on the dask cluster there: tcp://host:8786.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes; by default one a processor.")
@click.option(
    "--seconds", type=click.IntRange(min=1), default=SECONDS, show_default=True, help="How long one file may take."
)
@click.option("--unsafe-fixes", is_flag=True, help="Make repairs too that may change what the code does.")
@click.option("--isolated", is_flag=True, help="Read no configuration.")
@code_option("--select", "Report these rules only.")
@code_option("--extend-select", "Report these rules too.")
@code_option("--ignore", "Do not report these rules.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if findings are left.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only: no summary, no progress.")
def fleet(**values: Any) -> None:
    """Repair the leaks of many git repositories, as patches: none of the repositories is touched.

    PATH is a checkout, a bare repository, a directory that holds some, or a directory without git. Results go to
    OUTPUT: summary.json, index.html, and for each repository a patch and the findings as JSON and SARIF.
    """
    sys.exit(_run(values))


def _run(values: dict[str, Any]) -> int:
    from pathlib import Path

    from leaklint.config import Choice
    from leaklint.fleet.cluster import ClusterError
    from leaklint.fleet.driver import Run
    from leaklint.fleet.driver import fleet as do
    from leaklint.fleet.lock import LockedError
    from leaklint.fleet.progress import progress_on_terminal
    from leaklint.fleet.repositories import asked_for
    from leaklint.fleet.work import Order
    from leaklint.source import SourceError

    if not values["repositories"] and not values["lists"]:
        raise click.UsageError("name a repository, or a file with a list of them (--from-file).")
    choice = Choice(values["select"] or None, values["extend_select"], values["ignore"])
    run = Run(
        output=Path(values["output"]),
        order=Order(choice, values["isolated"], values["unsafe_fixes"], values["seconds"]),
        jobs=values["jobs"],
        resume=values["resume"],
        scheduler=values["scheduler"],
    )
    try:
        asked = list(asked_for(values["repositories"], values["lists"]))
        with ExitStack() as stack:
            totals = do(run, asked, progress_on_terminal(stack) if not values["quiet"] else _silent)
    except (OSError, SourceError, ClusterError, LockedError) as error:
        click.echo(_line(error), err=True)
        return 2
    return _told(run.output, totals, quiet=values["quiet"], exit_zero=values["exit_zero"])


def _silent(_record: Record, _total: int) -> None:
    """Show nothing."""


def _line(error: Exception) -> str:
    """Say what went wrong; of a file or directory, which one it is and why."""
    from leaklint.model import FileError
    from leaklint.report.words import error_line

    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        reason = error.strerror[:1].lower() + error.strerror[1:]
        return error_line(FileError(str(error.filename), reason))
    return f"leaklint: {error}"


def _told(output: Path, totals: Totals, *, quiet: bool, exit_zero: bool) -> int:
    """Name what failed, sum up, and choose the exit code."""
    from leaklint.fleet.findings import findings_summary
    from leaklint.fleet.summary import problems
    from leaklint.report.words import printable

    for problem in problems(output / "summary.json"):
        click.echo(printable(problem), err=True)
    if not quiet:
        done = "1 repository" if totals.repositories == 1 else f"{totals.repositories:,} repositories"
        failed = f", {totals.failed} failed" if totals.failed else ""
        click.echo(f"{done}{failed}; {findings_summary(totals.findings, totals.repaired)}: {output / 'index.html'}")
    if totals.failed or totals.errors:
        return 2
    return 1 if totals.findings > totals.repaired and not exit_zero else 0
