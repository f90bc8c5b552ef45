"""The two commands that do the work. Each returns its exit code: 0 clean, 1 findings, 2 could not do the job."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

import click

from leaklint.baseline import Baselines, baseline_text, name_in_baseline
from leaklint.config import Choice, ConfigError, Known, Settings, settings_for
from leaklint.files import Discovery, Exclusion, Found, discover
from leaklint.leftovers import remove_leftovers
from leaklint.model import FileReport, Gone
from leaklint.outcome import Outcome
from leaklint.paths import absolute
from leaklint.progress import with_progress
from leaklint.report.document import Document, document
from leaklint.report.output import opened, print_report
from leaklint.report.words import check_summary, count, error_line, fix_summary, given_up_line, gone_lines
from leaklint.results import Results, default_directory
from leaklint.rules import all_codes
from leaklint.source import SourceError, write_atomically
from leaklint.writing import patch, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.options import Options
    from leaklint.run import Work

Memory: TypeAlias = Callable[[Found], Outcome | None]

STDIN = ("-",)


def check(options: Options) -> int:
    """Report the findings in what was named."""
    results = _results(options)
    baselines = Baselines(options.baseline)
    with _target(options, sys.stdout) as stream:
        discovery = _discovered(options)
        if options.write_baseline is None:
            discovery = baselines.applied(discovery)
        if options.paths == STDIN:
            data = sys.stdin.buffer.read()
            work = _checking(is_recording=False)
            outcomes = [work(found, data) for found in discovery.files]
        else:
            begin = partial(_checking, is_recording=results is not None)
            outcomes = _all_outcomes(begin, "Checking", discovery, options, results.known if results else _nothing)
            if results is not None:
                results.keep(zip(discovery.files, outcomes, strict=True))
        if options.write_baseline is not None:
            return _baseline_written(options, discovery, outcomes)
        report = document(outcomes, discovery.errors, _gone(baselines, discovery, outcomes))
        print_report(report, stream, options.output_format, statistics_only=options.statistics)
    _say(report, options, check_summary(report))
    return _exit_code(report, options, has_findings=bool(report.findings))


def fix(options: Options) -> int:
    """Repair what was named, or print what the repair would change."""
    baselines = Baselines(options.baseline)
    is_filter = options.paths == STDIN and not options.diff
    with _target(options, sys.stderr if is_filter else sys.stdout) as stream:
        discovery = baselines.applied(_discovered(options))
        outcomes = _repaired(discovery, options)
        report = document(outcomes, discovery.errors, _gone(baselines, discovery, outcomes))
        if options.diff:
            # As bytes, because a patch holds a file's lines in the encoding and with the newlines that they have.
            stream.flush()
            stream.buffer.write(b"".join(map(patch, outcomes)))
        else:
            print_report(report, stream, options.output_format)
    _say(report, options, fix_summary(report, written=not options.diff))
    return _exit_code(report, options, has_findings=bool(report.findings or (options.diff and report.fixed)))


def _repaired(discovery: Discovery, options: Options) -> list[Outcome]:
    """Repair and, unless a patch is wanted, write."""
    if options.paths != STDIN:
        results = _results(options)
        known = partial(_clean, results) if results is not None else _nothing
        outcomes = _all_outcomes(partial(_repairing, options), "Repairing", discovery, options, known)
        if options.diff:
            return outcomes
        for folder in {Path(os.path.realpath(found.path)).parent for found in discovery.files}:
            remove_leftovers(folder)
        # Only now, so that no file is checked against another that is half way.
        return [_stored(outcome) for outcome in outcomes]
    data = sys.stdin.buffer.read()
    work = _repairing(options)
    outcomes = [work(found, data) for found in discovery.files]
    if not options.diff:
        # Whatever happens, a filter must not swallow what it was given.
        sys.stdout.buffer.write(next((outcome.after for outcome in outcomes if outcome.after is not None), data))
        sys.stdout.buffer.flush()
    return outcomes


def _gone(baselines: Baselines, discovery: Discovery, outcomes: list[Outcome]) -> list[Gone]:
    reports = zip(discovery.files, (outcome.report.gone for outcome in outcomes), strict=True)
    return list(baselines.gone(reports))


def _baseline_written(options: Options, discovery: Discovery, outcomes: list[Outcome]) -> int:
    """Write all findings down as known ones. What could not be checked is told, and has none."""
    assert options.write_baseline is not None
    report = document(outcomes, discovery.errors)
    findings = (
        (name_in_baseline(finding.path, outcome.repository), finding)
        for outcome in outcomes
        for finding in outcome.report.findings
    )
    try:
        write_atomically(options.write_baseline, baseline_text(findings))
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    _say(report, options, f"Wrote {count(len(report.findings), 'finding')} to {options.write_baseline}.")
    return 2 if report.errors else 0


def _discovered(options: Options) -> Discovery:
    choice = Choice(options.select or None, options.extend_select, options.ignore)
    known: Known = {}

    def settings_in(directory: str) -> Settings:
        return settings_for(directory, all_codes, known, isolated=options.isolated).overridden(choice)

    if options.paths != STDIN:
        return discover(options.paths, settings_in, force_exclude=options.force_exclude)
    name = options.stdin_filename or "stdin"
    place = absolute(name)
    try:
        settings = settings_in(str(Path(place).parent))
    except ConfigError as error:
        return Discovery((), (error.error,))
    is_left_out = options.force_exclude and Exclusion().leaves_out(place, settings, is_directory=False)
    return Discovery(() if is_left_out else (Found(name, settings),), ())


def _checking(*, is_recording: bool) -> partial[Outcome]:
    from leaklint.project import Project
    from leaklint.work import check_file

    return partial(check_file, project=Project(is_recording=is_recording))


def _repairing(options: Options) -> partial[Outcome]:
    from leaklint.project import Project
    from leaklint.work import fix_file

    return partial(fix_file, unsafe=options.unsafe_fixes, project=Project())


def _all_outcomes(
    begin: Callable[[], Work], label: str, discovery: Discovery, options: Options, known: Memory
) -> list[Outcome]:
    """What becomes of each file; the analysis is only loaded where something is not known yet."""
    if not discovery.files and not discovery.errors and not options.quiet:
        click.echo("warning: no Python files found", err=True)
    remembered = [known(found) for found in discovery.files]
    todo = [found for found, outcome in zip(discovery.files, remembered, strict=True) if outcome is None]
    outcomes = _in_order(remembered, _fresh(begin, todo, options.jobs))
    return list(outcomes if options.quiet else with_progress(outcomes, len(discovery.files), label))


def _fresh(begin: Callable[[], Work], todo: list[Found], jobs: int | None) -> Iterator[Outcome]:
    if todo:
        from leaklint.run import run

        yield from run(begin(), todo, jobs)


def _in_order(remembered: list[Outcome | None], fresh: Iterator[Outcome]) -> Iterator[Outcome]:
    for outcome in remembered:
        yield outcome if outcome is not None else next(fresh)
    # Nothing is left, but it shall come to its end.
    yield from fresh


def _results(options: Options) -> Results | None:
    directory = options.cache_dir or default_directory()
    return None if options.no_cache or directory is None else Results(directory)


def _nothing(_found: Found) -> Outcome | None:
    return None


def _clean(results: Results, found: Found) -> Outcome | None:
    """What is known of a file that has nothing to repair."""
    outcome = results.known(found)
    return outcome if outcome is not None and not outcome.report.findings else None


def _stored(outcome: Outcome) -> Outcome:
    error = store(outcome)
    if error is None:
        return outcome
    return Outcome(FileReport(outcome.report.path, errors=(error,)), outcome.repository)


class UnwrittenError(click.ClickException):
    """The report could not be written: the job was not done, whatever was found."""

    exit_code = 2


@contextmanager
def _target(options: Options, default: TextIO) -> Iterator[TextIO]:
    """Open what the report goes to before the work begins. Raises click.UsageError if that is not possible."""
    is_open = False
    try:
        with opened(options.output_file, default) as stream:
            is_open = True
            yield stream
    except OSError as error:
        if not is_open:
            raise click.UsageError(f"cannot write '{options.output_file}': {error.strerror}") from error
        if error.errno == errno.EPIPE:
            raise
        _forget_standard_output()
        raise UnwrittenError(f"cannot write the report: {error.strerror}") from error


def _forget_standard_output() -> None:
    """Python tries once more at its end to write what is left, and would say so with an exit code of its own."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(report: Document, options: Options, summary: str) -> None:
    for error in report.errors:
        click.echo(error_line(error), err=True)
    if not options.quiet:
        if report.given_up:
            click.echo(given_up_line(report.given_up), err=True)
        for line in gone_lines(report.gone):
            click.echo(line, err=True)
        click.echo(summary, err=True)


def _exit_code(report: Document, options: Options, *, has_findings: bool) -> int:
    if report.errors:
        return 2
    return 1 if has_findings and not options.exit_zero else 0
