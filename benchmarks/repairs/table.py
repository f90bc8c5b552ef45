"""What was repaired as tables: a line for each release, and a line for each finding that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.repairs.record import share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.repairs.measure import Repaired


def releases_table(releases: Iterable[Repaired]) -> Table:
    """How many findings each release has, and how many of them are repaired."""
    table = Table(title="Repairs", title_justify="left")
    for heading in ("release", "of", "findings", "repaired", "left"):
        table.add_column(heading, justify="left" if heading in ("release", "of") else "right")
    for release in releases:
        counted = share(release.findings)
        numbers = (counted.findings, counted.repaired, counted.findings - counted.repaired)
        table.add_row(f"{release.package} {release.version}", release.origin, *map(str, numbers))
    return table


def left_table(releases: Iterable[Repaired]) -> Table:
    """What is left and why."""
    table = Table(title="Left", title_justify="left")
    for heading in ("release", "place", "code", "read as", "why"):
        table.add_column(heading, overflow="fold")
    for release in releases:
        for told in release.findings:
            if told.left is not None:
                place = f"{told.path}:{told.line}"
                table.add_row(f"{release.package} {release.version}", place, told.code, told.judgement, told.left)
    return table
