"""What is run: each tool as a command line, with the exit codes that mean that it did its job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.speed.environments import executable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.speed.subjects import Subject

START = "start"
"""The subject of what is measured without any files to check."""

EVEN_SLOW_ONES = 100_000
"""Lines beyond which a slow tool, a minute for each 30,000 lines, is only run on demand."""

_FOUND_OR_NOT = frozenset((0, 1))
_PYLINT = frozenset(range(32))
"""Pylint's exit code has a bit for each kind of message; 32 is a usage error."""

_NOT_ALL_DONE = frozenset((2, 3))
"""That some file could not be done, or that the command line is wrong; a trial on a small file tells the two apart."""


class Command(msgspec.Struct, frozen=True):
    """One command line, measured on one subject under one name."""

    name: str
    subject: str
    line: tuple[str, ...]
    cwd: Path
    exits: frozenset[int] = _FOUND_OR_NOT
    partly: frozenset[int] = frozenset()
    """Exit codes that mean that all but some files were done."""
    variables: dict[str, str] = {}
    trial: tuple[str, ...] = ()
    """Run before, unmeasured: the same on a small file, where it must find nothing."""
    fills_a_cache: bool = False
    """Whether it is run once more before, unmeasured, so that it finds its cache full."""


def checks(subject: Subject, tools: Mapping[str, Path], scratch: Path, *, is_patient: bool) -> list[Command]:
    """Every tool on the files of a subject. Caches are made below `scratch`."""
    leaklint = (executable(tools["leaklint"], "leaklint"), "check", "--isolated", "--quiet")
    ruff = (executable(tools["ruff"], "ruff"), "check", "--isolated", "--quiet", "--no-respect-gitignore")
    fixit = (executable(tools["fixit"], "fixit"), "--quiet", "lint")
    pylint = (executable(tools["pylint"], "pylint"), "--rcfile=", "-j1", "--persistent=n", "--recursive=y")
    flake8 = ("--isolated", "-j1", "--select")
    kept = f"--cache-dir={scratch / subject.name / 'leaklint'}"
    kept_by_ruff = f"--cache-dir={scratch / subject.name / 'ruff'}"
    lines: dict[str, tuple[str, ...]] = {
        "flake8": (executable(tools["flake8"], "flake8"), *flake8, "F"),
        "flake8 with leaklint": (executable(tools["leaklint"], "flake8"), *flake8, "F,LKL"),
        "ruff": (*ruff, "--no-cache", "--select=B"),
        "ruff, cached": (*ruff, kept_by_ruff, "--select=B"),
        "leaklint": (*leaklint, "--no-cache", "-j1"),
        "leaklint, two processes": (*leaklint, "--no-cache", "-j2"),
        "leaklint, cached": (*leaklint, kept),
        # One checker, and the one whose question is nearest: what happens to a mapping while something goes on.
        "pylint": (*pylint, "--disable=all", "--enable=modified-iterating-dict"),
        "fixit": fixit,
    }
    if subject.lines > EVEN_SLOW_ONES and not is_patient:
        del lines["fixit"]
    folders = tuple(map(str, subject.folders))
    small = str(small_file(scratch))
    return [
        Command(
            name,
            subject.name,
            (*line, *folders),
            subject.cwd,
            exits=_PYLINT if name == "pylint" else _FOUND_OR_NOT,
            partly=frozenset() if name == "pylint" else _NOT_ALL_DONE,
            variables={"PYLINTHOME": str(scratch / "pylint")},
            trial=(*line, small),
            fills_a_cache=name.endswith("cached"),
        )
        for name, line in lines.items()
    ]


def starts(tools: Mapping[str, Path], scratch: Path) -> list[Command]:
    """What a start costs, of the command and of the plugin."""
    small = str(small_file(scratch))
    python = executable(tools["leaklint"], "python")
    flake8 = ("--isolated", "-j1", "--select")
    lines: dict[str, tuple[str, ...]] = {
        "import click": (python, "-c", "import click"),
        "leaklint --version": (executable(tools["leaklint"], "leaklint"), "--version"),
        "import flake8": (python, "-c", "import flake8.main.cli"),
        "import flake8 and the plugin": (python, "-c", "import flake8.main.cli, leaklint.flake8_plugin"),
        "flake8 on a small file": (executable(tools["flake8"], "flake8"), *flake8, "F", small),
        "flake8 with leaklint on a small file": (
            executable(tools["leaklint"], "flake8"),
            *flake8,
            "F,LKL",
            small,
        ),
    }
    return [Command(name, START, line, scratch, exits=frozenset((0,))) for name, line in lines.items()]


def small_file(scratch: Path) -> Path:
    """Write a file that has nothing which could leak."""
    path = scratch / "small.py"
    path.write_text('"""Nothing to see here."""\n', encoding="utf-8")
    return path
