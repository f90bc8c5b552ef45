"""What is compared with what, and what the outcome should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from benchmarks.speed.commands import START
from benchmarks.speed.process import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

Quantity = Literal["cpu", "wall", "peak_mib"]


class Comparison(msgspec.Struct, frozen=True):
    """One number made of one command or two, and the bound that it should keep: from above, or from below."""

    title: str
    command: str
    against: str | None
    target: float
    kind: Literal["ratio", "difference", "amount"] = "ratio"
    quantity: Quantity = "cpu"
    is_least: bool = False
    """Whether the number should be at least the target rather than at most."""
    aim: float | None = None
    """What would be better still."""

    def number(self, usages: Mapping[str, Usage]) -> float | None:
        """Make the number; None where a command was not measured."""
        if self.command not in usages or (self.against is not None and self.against not in usages):
            return None
        ours: float = getattr(usages[self.command], self.quantity)
        if self.against is None:
            return ours
        other: float = getattr(usages[self.against], self.quantity)
        if self.kind == "difference":
            return ours - other
        return ours / other if other else None

    def is_met(self, number: float) -> bool:
        """Whether the number keeps the bound."""
        return number >= self.target if self.is_least else number <= self.target


CHECKING = (
    Comparison("flake8 with leaklint : flake8 without", "flake8 with leaklint", "flake8", 1.05),
    Comparison("leaklint : ruff", "leaklint", "ruff", 5.0, aim=2.0),
    Comparison("leaklint : fixit", "leaklint", "fixit", 0.01),
    Comparison("leaklint : pylint with one checker", "leaklint", "pylint", 0.05),
    Comparison("leaklint : ruff, both with a warm cache", "leaklint, cached", "ruff, cached", 1.0),
    Comparison(
        "one process : two, on the clock", "leaklint", "leaklint, two processes", 1.8, quantity="wall", is_least=True
    ),
    Comparison("peak memory of one process, MiB", "leaklint", None, 400.0, kind="amount", quantity="peak_mib"),
)
"""On every subject."""

STARTING = (
    Comparison("`leaklint --version` : `import click`", "leaklint --version", "import click", 1.3),
    Comparison(
        "the plugin's import, seconds", "import flake8 and the plugin", "import flake8", 0.030, kind="difference"
    ),
    Comparison(
        "the plugin on a file that cannot leak, seconds",
        "flake8 with leaklint on a small file",
        "flake8 on a small file",
        0.030,
        kind="difference",
    ),
)
"""Without anything to check."""


def comparisons(subject: str) -> tuple[Comparison, ...]:
    """List what is compared on a subject."""
    return STARTING if subject == START else CHECKING
