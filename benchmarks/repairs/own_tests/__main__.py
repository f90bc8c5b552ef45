"""`python -m benchmarks.repairs.own_tests`: run packages' own tests before and after their repair, and compare.

This executes what is downloaded: the packages, what they need, and their tests.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.releases import IndexUnreachableError
from benchmarks.repairs.own_tests import record, trials
from benchmarks.repairs.own_tests.environment import NotPreparedError, prepare
from benchmarks.repairs.own_tests.trial import NoResultError, Tried, tried


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("packages", nargs=-1)
@click.option("--record", "is_recording", is_flag=True, help="Write the results down for docs/repairs.md.")
def main(packages: tuple[str, ...], is_recording: bool) -> None:
    """Try the PACKAGES, by default all.

    Exits with 1 if a test ended in another way, or if a package could not be tried.
    """
    try:
        chosen = trials.load(packages)
    except KeyError as error:
        raise click.UsageError(f"there is no trial of {error}") from error
    is_bad = False
    for trial in chosen:
        outcome = _attempt(trial)
        click.echo(outcome if isinstance(outcome, str) else _told(outcome))
        if isinstance(outcome, str):
            is_bad = True
            continue
        is_bad = is_bad or bool(outcome.moved) or not outcome.repaired
        if is_recording and outcome.repaired:
            record.save([outcome])
    sys.exit(is_bad)


def _attempt(trial: trials.Trial) -> Tried | str:
    """Try one package, or say in a line why it could not be tried."""
    with tempfile.TemporaryDirectory(prefix="own-tests-") as made:
        folder = Path(made)
        try:
            return tried(trial, prepare(trial, folder), folder)
        except (IndexUnreachableError, NotPreparedError, NoResultError, subprocess.TimeoutExpired) as error:
            return f"{trial.release}: {error}"


def _told(outcome: Tried) -> str:
    before, after = outcome.before, outcome.after
    line = (
        f"{outcome.package} {outcome.version}: {len(outcome.repaired)} repaired; "
        f"passed {before.passed} before, {after.passed} after; "
        f"failed {len(before.failed)} before, {len(after.failed)} after; "
        f"{outcome.executed} of {outcome.changed} changed statements run"
    )
    return "\n".join([line, *(f"  {test}" for test in outcome.moved)])


if __name__ == "__main__":
    main()
