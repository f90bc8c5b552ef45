"""The measurements as a picture: entries and memory over the batches, both sides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from leaklint.demo.measurement import Measurement

_COLOURS = ("#c0392b", "#1e8449")
_DOTS_PER_INCH = 150


def draw(measurements: Sequence[Measurement], path: Path) -> None:
    """Write the picture to `path`, in the format of its suffix.

    Raises ImportError without matplotlib, OSError if the file cannot be written.
    """
    # Matplotlib takes a second to import, and only this needs it.
    from matplotlib.figure import Figure

    batches = [reading.batches for reading in measurements[0].readings]
    figure = Figure(figsize=(10, 4), layout="constrained")
    entries, memory = figure.subplots(1, 2)
    entries.set_title("Cached clients between batches", loc="left")
    memory.set_title("Resident memory, MiB", loc="left")
    for measurement, colour in zip(measurements, _COLOURS, strict=True):
        _line(entries, batches, [measurement.entries(batch) for batch in batches], measurement.side, colour)
        amounts = [measurement.resident_mebibytes(batch) for batch in batches]
        known = [math.nan if amount is None else amount for amount in amounts]
        _line(memory, batches, known, measurement.side, colour)
    for axes in (entries, memory):
        axes.set_xlabel("batches of 10 rows with 4 queries each")
        axes.set_xlim(0, batches[-1])
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _line(axes: Axes, batches: Sequence[int], values: Sequence[float], label: str, colour: str) -> None:
    axes.plot(batches, values, color=colour, linewidth=2)
    end = (batches[-1], values[-1])
    axes.annotate(f" {label}", end, color=colour, verticalalignment="center", annotation_clip=False)
