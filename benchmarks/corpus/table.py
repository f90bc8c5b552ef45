"""The corpus as tables: a line for each package, and a line for each rule with its precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.corpus.labels import VERDICTS
from benchmarks.corpus.record import UNLABELLED, Counts, PackageRecord, precision, summed

if TYPE_CHECKING:
    from collections.abc import Collection


def packages_table(packages: dict[str, PackageRecord]) -> Table:
    """How much was read, how long it took, and how often each rule spoke."""
    table = Table(title="Packages", title_justify="left")
    table.add_column("package")
    for heading in ("version", "files", "lines", "seconds", "unreadable", "faults"):
        table.add_column(heading, justify="right")
    table.add_column("findings", overflow="fold")
    for name, package in packages.items():
        table.add_row(name, *_cells(package))
    table.add_section()
    every = tuple(packages.values())
    total = PackageRecord(
        version="",
        files=sum(package.files for package in every),
        lines=sum(package.lines for package in every),
        seconds=sum(package.seconds for package in every),
        unreadable=sum(package.unreadable for package in every),
        faults=sum(package.faults for package in every),
        findings=summed(every),
    )
    table.add_row("all", *_cells(total))
    return table


def _cells(package: PackageRecord) -> tuple[str, ...]:
    findings = ", ".join(f"{code} {sum(counts.values())}" for code, counts in package.findings.items())
    return (
        package.version,
        f"{package.files:,}",
        f"{package.lines:,}",
        f"{package.seconds:,.1f}",
        str(package.unreadable),
        str(package.faults),
        findings,
    )


def precision_table(counts: Counts, defaults: Collection[str]) -> Table:
    """What readers said of the findings of each rule, of those that are on by default, and of the others."""
    table = Table(title="Precision: real leaks among the labelled findings", title_justify="left")
    table.add_column("rule")
    for heading in ("findings", *VERDICTS, UNLABELLED, "precision"):
        table.add_column(heading, justify="right")
    for code, count in counts.items():
        table.add_row(code, *_shares([count]))
    table.add_section()
    table.add_row("on by default", *_shares([count for code, count in counts.items() if code in defaults]))
    table.add_row("off by default", *_shares([count for code, count in counts.items() if code not in defaults]))
    return table


def _shares(counts: list[dict[str, int]]) -> tuple[str, ...]:
    numbers = [sum(count.get(verdict, 0) for count in counts) for verdict in (*VERDICTS, UNLABELLED)]
    share = precision(counts)
    return (str(sum(numbers)), *map(str, numbers), "" if share is None else f"{share:.0%}")
