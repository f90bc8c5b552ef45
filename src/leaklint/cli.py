"""The command line: which commands there are and what they take.

Only click is imported here, so that `--version`, `--help` and completion answer at once.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from leaklint import __version__
from leaklint.fleet.command import fleet
from leaklint.options import Options, cache_option, complete_code, shared_options

EPILOG = """\b
Exit codes: 0 nothing found, 1 findings, 2 could not do the job.

\b
Shell completion, for the start-up file of your shell:
  bash  eval "$(_LEAKLINT_COMPLETE=bash_source leaklint)"
  zsh   eval "$(_LEAKLINT_COMPLETE=zsh_source leaklint)"
  fish  _LEAKLINT_COMPLETE=fish_source leaklint | source
"""


class Commands(click.Group):
    """The commands, where an interrupt means that the job was not done."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("leaklint: interrupted", err=True)
            ctx.exit(2)


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leaklint", message="%(prog)s %(version)s")
def main() -> None:
    """Find keyed-resource leaks: entries put into a long-lived mapping and never taken out again."""


@main.command(short_help="Report the leaks in files and directories.")
@shared_options
@click.option("--statistics", is_flag=True, help="Print how often each rule speaks instead of the findings.")
@click.option(
    "--write-baseline", type=click.Path(dir_okay=False), metavar="FILE",
    help="Write all findings to FILE, as known ones, instead of reporting them.",
)  # fmt: skip
def check(**values: Any) -> None:
    """Report the leaks in files and directories; by default in the working directory, `-` for standard input."""
    from leaklint import check_and_fix

    sys.exit(check_and_fix.check(_options(values)))


@main.command(short_help="Repair leaks and report those that are left.")
@shared_options
@click.option("--diff", is_flag=True, help="Print a patch and write nothing; findings it would repair count as left.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply repairs too that may change what the code does.")
def fix(**values: Any) -> None:
    """Repair the leaks in files and directories and report those that are left.

    A file is rewritten whole or not at all. From standard input (`-`) the repaired file goes to standard output and
    the report to standard error.
    """
    from leaklint import check_and_fix

    sys.exit(check_and_fix.fix(_options(values)))


@main.command(short_help="Explain a rule: what, why, examples, repair.")
@click.argument("code", shell_complete=complete_code)
def explain(code: str) -> None:
    """Explain a rule: what it finds, why, examples, and how it is repaired."""
    from leaklint import show

    show.explain(code)


@main.command()
def rules() -> None:
    """List all rules."""
    from leaklint import show

    show.rules()


@main.command(short_help="Print what leaklint understands of a file.")
@click.argument("file", type=click.Path(readable=False))
def ir(file: str) -> None:
    """Print what leaklint understands of FILE: its intermediate representation."""
    from leaklint import show

    sys.exit(show.ir(file))


@main.command()
@cache_option
def clean(cache_dir: str | None) -> None:
    """Remove the results that earlier runs have kept."""
    from leaklint import results

    directory = cache_dir or results.default_directory()
    if directory is None:
        raise click.UsageError("there is no home directory to keep results in; name another one with --cache-dir.")
    try:
        had_results = results.clean(directory)
    except OSError as error:
        raise click.UsageError(f"cannot remove '{error.filename}': {error.strerror}") from error
    click.echo(f"{'Removed the results from' if had_results else 'No results in'} {directory}", err=True)


@main.command(short_help="Find the reference leak, repair it, run both.")
@click.option(
    "--pictures",
    type=click.Path(file_okay=False),
    default="build/demo",
    show_default=True,
    help="The directory that the plots are written to.",
)
def demo(pictures: str) -> None:
    """Show the main job: find the reference leak, repair it, and watch the memory of both."""
    from leaklint import show

    sys.exit(show.demo(pictures))


main.add_command(fleet)


def _options(values: dict[str, Any]) -> Options:
    paths = values.pop("paths") or (".",)
    if "" in paths:
        raise click.UsageError("a path is empty; '.' is the working directory.")
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("'-' reads standard input and cannot be combined with other paths.")
    options = Options(paths=paths, **values)
    if options.stdin_filename is not None and paths != ("-",):
        raise click.UsageError("--stdin-filename needs '-' as the only path.")
    if options.write_baseline is not None and (options.baseline is not None or paths == ("-",)):
        other = "--baseline" if options.baseline is not None else "standard input"
        raise click.UsageError(f"--write-baseline cannot be combined with {other}.")
    if options.output_format not in ("full", "concise"):
        for name, is_given in (("--diff", options.diff), ("--statistics", options.statistics)):
            if is_given:
                raise click.UsageError(f"{name} cannot be combined with --format {options.output_format}.")
    return options
