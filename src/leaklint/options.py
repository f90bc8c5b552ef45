"""The options that commands share, as a decorator for click and as plain data for everybody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click
from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS = ("full", "concise", "json", "sarif", "github")


class Options(NamedTuple):
    """What was asked for on the command line; a named tuple, since `--version` shall not wait for msgspec."""

    paths: tuple[str, ...] = (".",)
    output_format: str = "full"
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    isolated: bool = False
    force_exclude: bool = False
    jobs: int | None = None
    stdin_filename: str | None = None
    output_file: str | None = None
    exit_zero: bool = False
    quiet: bool = False
    no_cache: bool = False
    cache_dir: str | None = None
    statistics: bool = False
    diff: bool = False
    unsafe_fixes: bool = False
    baseline: str | None = None
    write_baseline: str | None = None


def complete_code(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the codes that begin as what was typed so far, of several the last."""
    from leaklint.rules import all_rules

    before, comma, last = begun.rpartition(",")
    rules = [rule for rule in all_rules() if rule.code.startswith(last.upper())]
    return [CompletionItem(f"{before}{comma}{rule.code}", help=rule.summary) for rule in rules]


def _codes(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Split `LKL101,LKL102` and check each; the rules are only loaded if there is something to check."""
    selectors = tuple(word.strip().upper() for value in values for word in value.split(",") if word.strip())
    if values and not selectors:
        raise click.BadParameter("there is no code in it; for no rule at all say --ignore ALL")
    if selectors:
        from leaklint.config import unknown_code
        from leaklint.rules import all_codes

        codes = all_codes()
        for selector in selectors:
            if (problem := unknown_code(selector, codes)) is not None:
                raise click.BadParameter(problem)
    return selectors


def code_option(name: str, description: str) -> Callable[[Command], Command]:
    """Make an option that takes codes of rules, or their beginnings."""
    return click.option(
        name, multiple=True, metavar="CODES", callback=_codes, shell_complete=complete_code, help=description
    )


cache_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, readable=False),
    envvar="LEAKLINT_CACHE_DIR",
    show_envvar=True,
    help="Where results are kept; by default with the user's other caches.",
)

_SHARED = (
    # Not refused by click where it cannot be read: the other files are done all the same.
    click.argument("paths", nargs=-1, type=click.Path(readable=False), metavar="[PATHS]..."),
    click.option("--format", "output_format", type=click.Choice(FORMATS), default="full", show_default=True),
    code_option("--select", "Report these rules only: codes or their beginnings, separated by commas; ALL for all."),
    code_option("--extend-select", "Report these rules too."),
    code_option("--ignore", "Do not report these rules. The longest match decides between this and --select."),
    click.option(
        "--baseline",
        type=click.Path(dir_okay=False, readable=False),
        metavar="FILE",
        help="Do not report the findings that are known there.",
    ),
    click.option("--isolated", is_flag=True, help="Read no configuration."),
    click.option("--force-exclude", is_flag=True, help="Leave out what is excluded even if it is named."),
    click.option(
        "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Processes; by default one a processor."
    ),
    click.option("--stdin-filename", metavar="PATH", help="What the file is called that is read from `-`."),
    click.option(
        "-o", "--output-file", type=click.Path(dir_okay=False, readable=False), help="Write the report there."
    ),
    click.option("--exit-zero", is_flag=True, help="Exit with 0 even if findings are left."),
    click.option("-q", "--quiet", is_flag=True, help="Print findings and errors only: no summary, no progress."),
    click.option("--no-cache", is_flag=True, help="Take no results of earlier runs, and keep none."),
    cache_option,
)


def shared_options(command: Command) -> Command:
    """Give a command the options that `check` and `fix` have in common."""
    for option in reversed(_SHARED):
        command = option(command)
    return command
