"""The growth as a picture: time against size on logarithmic axes, where a power is a straight line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.speed.growth import Grown

COLUMNS = 3
_COLOURS = {False: "#1e8449", True: "#c0392b"}


def draw(growth: Sequence[Grown], path: Path) -> None:
    """Write the picture, the same bytes for the same numbers. May raise OSError."""
    # Matplotlib takes a second and much memory to import, which the measured processes would be charged with.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    titles = list(dict.fromkeys(grown.title for grown in growth))
    rows = math.ceil(len(titles) / COLUMNS)
    with rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11, 3.2 * rows), layout="constrained")
        every = figure.subplots(rows, COLUMNS, squeeze=False).flat
        for axes, title in zip(every, titles, strict=False):
            _draw_one(axes, title, [grown for grown in growth if grown.title == title])
        for axes in list(every)[len(titles) :]:
            axes.remove()
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_one(axes: Axes, title: str, lines: Sequence[Grown]) -> None:
    axes.set_title(title, loc="left")
    for grown in lines:
        points = [(timing.size, timing.seconds) for timing in grown.timings if timing.seconds]
        if not points:
            continue
        sizes, seconds = zip(*points, strict=True)
        words = "leaking" if grown.is_leaking else "nearly leaking"
        fitted = "" if grown.exponent is None else f", n^{grown.exponent:.2f}"
        axes.plot(sizes, seconds, "o-", color=_COLOURS[grown.is_leaking], label=words + fitted)
        allowed = [seconds[0] * size * math.log2(size) / (sizes[0] * math.log2(sizes[0])) for size in sizes]
        axes.plot(sizes, allowed, "--", color=_COLOURS[grown.is_leaking], alpha=0.4)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylabel("seconds; dashed: n log n")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
