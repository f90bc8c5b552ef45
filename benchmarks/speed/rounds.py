"""Measures commands in rounds, each command once a round, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.speed.process import Usage, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.speed.commands import Command

Runs: TypeAlias = dict[tuple[str, str], list[Usage]]
"""What each run cost, by subject and name of the command."""

_NOTHING_FOUND = frozenset((0,))

Tell: TypeAlias = "Callable[[str], None]"


def measure(
    commands: Sequence[Command],
    most_rounds: int,
    seconds: float,
    tell: Tell,
    clock: Callable[[], float] = time.monotonic,
) -> Runs:
    """Run every command once, and as long as `seconds` are left all of those again that would fit in.

    Raises ProcessFailedError.
    """
    end = clock() + seconds
    runs: Runs = defaultdict(list)
    for command in commands:
        if command.trial:
            run(command.trial, cwd=command.cwd, exits=_NOTHING_FOUND, variables=command.variables)
    for command in commands:
        if command.fills_a_cache:
            tell(f"{command.subject}: {command.name}, filling the cache")
            run_whole(command)
    for number in range(most_rounds):
        for command in commands:
            done = runs[command.subject, command.name]
            # The first round is whole whatever it takes: a table with holes compares nothing.
            if number and (len(done) < number or clock() + done[-1].wall > end):
                continue
            tell(f"{command.subject}: {command.name}, run {number + 1} of at most {most_rounds}")
            done.append(run_whole(command))
    return dict(runs)


def run_whole(command: Command) -> Usage:
    """Run a command on its subject. Raises ProcessFailedError."""
    return run(command.line, cwd=command.cwd, exits=command.exits, partly=command.partly, variables=command.variables)
