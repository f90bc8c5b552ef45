"""Judges many programs: `python -m tests.fuzz --programs 100000`, of which half are generated and half mutated."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import click

from tests.fuzz import generated, mutated
from tests.fuzz.laws import judge

HANGS = 60
"""Seconds after which a program is said to hang."""


@click.command()
@click.option("--programs", default=100_000, show_default=True)
@click.option("--first", default=0, show_default=True, help="The seed of the first program.")
@click.option("--minutes", type=float, help="Stop after so many minutes.")
@click.option("--save", type=click.Path(path_type=Path), help="A folder for the programs that are judged badly.")
def main(programs: int, first: int, minutes: float | None, save: Path | None) -> None:
    """Judge programs at random and tell what is wrong."""
    known = mutated.parts()
    until = time.monotonic() + 60 * minutes if minutes is not None else None
    counted: Counter[str] = Counter()
    for seed in range(first, first + programs):
        if until is not None and time.monotonic() > until:
            break
        text = program(seed, known)
        if hasattr(signal, "alarm"):
            signal.alarm(HANGS)
        judged = judge(text)
        counted.update(programs=1, findings=judged.findings, repaired=judged.repaired, wrong=judged.wrong is not None)
        if judged.wrong is not None:
            click.echo(f"{seed}: {judged.wrong}")
            if save is not None:
                save.mkdir(parents=True, exist_ok=True)
                (save / f"{seed}.py").write_text(text, encoding="utf-8")
    click.echo(", ".join(f"{number} {what}" for what, number in counted.items()))
    sys.exit(counted["wrong"] > 0)


def program(seed: int, known: list[mutated.ast.Module]) -> str:
    """The program of a seed: even ones are generated, odd ones are mutated fixtures."""
    chance = Random(seed)
    return mutated.program(chance, known) if seed % 2 else generated.program(chance)


main()
