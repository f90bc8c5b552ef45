"""The commands that show something: a rule, all rules, a file's intermediate representation, the demonstration."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from leaklint.config import nearest
from leaklint.model import FileError
from leaklint.report.words import error_line
from leaklint.rules import all_rules
from leaklint.source import SourceError

WIDTH = 100
"""Longer lines are hard to read, however wide the terminal."""


def explain(word: str) -> None:
    """Print a rule's page; `word` is its code or its name. Raises click.UsageError for any other word."""
    found = next((rule for rule in all_rules() if word.upper() == rule.code or word.lower() == rule.name), None)
    if found is None:
        begun = [rule.code for rule in all_rules() if word and rule.code.startswith(word.upper())]
        if begun:
            raise click.UsageError(f"'{word}' stands for several rules; name one of them: {', '.join(begun)}")
        words = [name for rule in all_rules() for name in (rule.code, rule.name)]
        like = word.upper() if word.upper().startswith("LKL") else word.lower()
        raise click.UsageError(f"no rule is called '{word}'{nearest(like, words)}")
    page = f"# {found.code} {found.name}\n\n{inspect.cleandoc(found.docs)}\n"
    if not sys.stdout.isatty():
        click.echo(page, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(page), width=min(console.width, WIDTH))


def rules() -> None:
    """Print a line for each rule."""
    listed = all_rules()
    width = max(len(rule.name) for rule in listed)
    for rule in listed:
        click.echo(f"{rule.code}  {rule.name:<{width}}  {'on ' if rule.default else 'off'}  {rule.summary}")


def ir(path: str) -> int:
    """Print the intermediate representation of a file."""
    from leaklint.extract import extract, parse
    from leaklint.ir_text import show
    from leaklint.source import read

    try:
        source = read(path)
        click.echo(show(extract(parse(source), path)), nl=False)
    except SourceError as error:
        click.echo(error_line(FileError(error.path, error.message, error.line, error.column)), err=True)
        return 2
    return 0


def demo(pictures: str) -> int:
    """Run the demonstration."""
    from leaklint.demo.demonstration import main

    return main(Path(pictures))
