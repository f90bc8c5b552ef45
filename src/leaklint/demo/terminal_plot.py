"""The measurements in the terminal: a table of numbers, and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leaklint.demo.measurement import Measurement

_COLOURS = ("red", "green")
_BAR_WIDTH = 40


def numbers(measurements: Sequence[Measurement], checkpoints: Sequence[int]) -> Table:
    """Tabulate entries and resident memory of every side after the batches of `checkpoints`."""
    table = Table(title="Between two batches", title_justify="left", title_style="bold")
    table.add_column("batches", justify="right")
    for quantity in ("cache entries", "resident memory"):
        for measurement in measurements:
            table.add_column(f"{quantity},\n{measurement.side}", justify="right")
    for checkpoint in checkpoints:
        entries = [f"{measurement.entries(checkpoint):,}" for measurement in measurements]
        memory = [_amount(measurement.resident_mebibytes(checkpoint)) for measurement in measurements]
        table.add_row(str(checkpoint), *entries, *memory)
    return table


def bars(
    title: str,
    measurements: Sequence[Measurement],
    checkpoints: Sequence[int],
    quantity: Callable[[Measurement, int], float],
) -> Table:
    """Draw one bar a side and checkpoint, all to one scale from 0."""
    largest = max(quantity(measurement, checkpoint) for measurement in measurements for checkpoint in checkpoints)
    chart = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    chart.add_column(justify="right")
    chart.add_column()
    chart.add_column(width=_BAR_WIDTH)
    chart.add_column(justify="right")
    for checkpoint in checkpoints:
        for index, measurement in enumerate(measurements):
            value = quantity(measurement, checkpoint)
            label = f"after {checkpoint}" if index == 0 else ""
            bar = Bar(max(largest, 1), 0, max(value, 0), width=_BAR_WIDTH, color=_COLOURS[index])
            chart.add_row(label, measurement.side, bar, f"{value:,.0f}")
    return chart


def _amount(mebibytes: float | None) -> str:
    return "unknown" if mebibytes is None else f"{mebibytes:.1f} MiB"
