"""The demonstration, step by step, as the reader sees it."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.text import Text

from leaklint.demo import picture, released, terminal_plot
from leaklint.demo.failure import DemoError
from leaklint.demo.leaklint_process import run_leaklint
from leaklint.demo.measurement import Measurement, measure
from leaklint.demo.twin import leaking_twin, repaired_transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leaklint.demo.workload import Reading

_BATCHES = 100
_CHECKPOINTS = (1, 10, 100)
_WIDEST = 100
_PICTURE = "cache-and-memory.png"


def main(picture_folder: Path = Path("build", "demo")) -> int:
    """Find the reference leak, repair it, run both sides, and lint a released package; the picture goes to the folder.

    Returns 0, or 2 if a step could not be done. A package index out of reach is told in a line and is no failure.
    """
    console = Console()
    console.width = min(console.width, _WIDEST)
    try:
        if importlib.util.find_spec("openai") is None:
            raise DemoError("the openai client is not installed: pip install 'flake8-leaklint[demo]'")
        with tempfile.TemporaryDirectory(prefix="leaklint-demo-") as folder:
            leaking, repaired = _find_and_repair(console, Path(folder))
            measurements = _measure_both(console, leaking, repaired)
            _show_measurements(console, measurements, picture_folder)
            _lint_releases(console, Path(folder))
    except (DemoError, OSError) as error:
        Console(stderr=True).print(
            f"leaklint demo: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        return 2
    return 0


def _find_and_repair(console: Console, folder: Path) -> tuple[Path, Path]:
    leaking, repaired = folder / "leaking" / "transform.py", folder / "repaired" / "transform.py"
    for copy in (leaking, repaired):
        copy.parent.mkdir()
        shutil.copyfile(leaking_twin(), copy)
    _heading(console, "1. Find the leak: leaklint check")
    _check(console, folder, "leaking/transform.py", leaks=True)
    _heading(console, "2. See the repair: leaklint fix --diff")
    diff = run_leaklint(folder, "fix", "--isolated", "--diff", "leaking/transform.py", columns=_WIDEST, colour=False)
    _verbatim(console, Syntax("", "diff", background_color="default").highlight(diff.stdout.rstrip()))
    _heading(console, "3. Repair a copy: leaklint fix")
    done = run_leaklint(folder, "fix", "--isolated", "repaired/transform.py", columns=_WIDEST, colour=False)
    _verbatim(console, Text(done.stderr.rstrip()))
    _check(console, folder, "repaired/transform.py", leaks=False)
    if repaired.read_bytes() != repaired_transform().read_bytes():
        raise DemoError("the repaired copy is not the transform that ships as leaklint.reference.transform")
    _say(console, "Byte for byte, it now is the transform that ships as leaklint.reference.transform.")
    return leaking, repaired


def _measure_both(console: Console, leaking: Path, repaired: Path) -> list[Measurement]:
    _heading(console, "4. Run both against a local server: 40 calls a batch")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("batches"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        sides = [("leaking", leaking), ("repaired", repaired)]
        tasks = [progress.add_task(side, total=_BATCHES, start=False) for side, _path in sides]
        return [_measure_side(progress, task, side, path) for task, (side, path) in zip(tasks, sides, strict=True)]


def _measure_side(progress: Progress, task: TaskID, side: str, path: Path) -> Measurement:
    def advance(reading: Reading) -> None:
        progress.update(task, completed=reading.batches)

    progress.start_task(task)
    return measure(side, path, _BATCHES, advance)


def _show_measurements(console: Console, measurements: Sequence[Measurement], picture_folder: Path) -> None:
    console.print(terminal_plot.numbers(measurements, _CHECKPOINTS))
    entries = terminal_plot.bars("Cache entries", measurements, _CHECKPOINTS, Measurement.entries)
    console.print("", entries, "")
    if measurements[0].resident_mebibytes(0) is not None:
        title = "Resident memory, MiB more than before the first batch"
        console.print(terminal_plot.bars(title, measurements, _CHECKPOINTS, Measurement.grown_mebibytes), "")
    path = picture_folder / _PICTURE
    picture_folder.mkdir(parents=True, exist_ok=True)
    try:
        with _working(console, "Drawing the picture"):
            picture.draw(measurements, path)
    except ImportError as error:
        _say(console, f"No picture: {error}; pip install 'flake8-leaklint[demo]' brings it.")
    else:
        _say(console, f"The same over every batch, as a picture: {path}")


def _lint_releases(console: Console, folder: Path) -> None:
    _heading(console, "5. Check a released package with a known leak, and its mended release")
    try:
        with _working(console, "Downloading channels 3.0.3 and 3.0.4"):
            leaking, mended = (released.fetch(release, folder) for release in (released.LEAKING, released.MENDED))
    except released.IndexUnreachableError as error:
        _say(console, f"The package index cannot be reached ({error}): channels was not checked.")
        return
    _say(console, "The in-memory layer of channels 3.0.3 evicts a channel only if the wait for a message succeeds:")
    _check(console, folder, leaking, leaks=True)
    _say(console, "3.0.4 evicts it in a `finally`:")
    _check(console, folder, mended, leaks=False)


def _check(console: Console, folder: Path, path: str, leaks: bool) -> None:
    """Lint a file and show what is said; DemoError unless that is what the demonstration claims."""
    colour = console.is_terminal and not console.no_color
    checked = run_leaklint(folder, "check", "--isolated", path, columns=console.width, colour=colour)
    for printed in (checked.stdout, checked.stderr):
        if printed.strip():
            _verbatim(console, Text.from_ansi(printed.rstrip()))
    if bool(checked.returncode) is not leaks:
        raise DemoError(f"{path} should have {'a finding' if leaks else 'no finding'}")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.rule(Text(text, style="bold"), align="left")


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _verbatim(console: Console, text: Text) -> None:
    """Show what leaklint printed line for line: a patch that is wrapped is no patch."""
    console.print(text, soft_wrap=True, highlight=False)


@contextmanager
def _working(console: Console, text: str) -> Iterator[None]:
    """Show that something is going on whose length is not known."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield
