"""Runs the front ends as a user does, over many files at once, and reads what they print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from front_ends import unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FLAKE8_LINE = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Z]+\d+) (?P<message>.*)")


class Said(NamedTuple):
    """One finding as a front end tells it; line and column from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str


_FLAKE8 = ["-m", "flake8", "--isolated", "--select", "LKL,LKL2", "--leaklint-tests"]
"""The fixtures lie among tests."""


def cli(paths: Iterable[Path], *options: str) -> list[Said]:
    """`leaklint check` in a process of its own, with the rules that are off by default."""
    settings = ["--isolated", "--no-cache", "--quiet", "--select", "ALL"]
    arguments = ["-m", "leaklint", "check", "--format", "json", *settings, *options]
    return said_in_json(_run([*arguments, *map(str, paths)]))


def flake8(paths: Iterable[Path], *options: str) -> list[Said]:
    """`flake8` in a process of its own, with our rules only."""
    return said_by_flake8(_run([*_FLAKE8, *options, *map(str, paths)]))


def flake8_stdin(path: Path) -> list[Said]:
    """`flake8 -` in a process of its own."""
    return said_by_flake8(_run([*_FLAKE8, "--stdin-display-name", str(path), "-"], path.read_bytes()))


def cli_stdin(path: Path) -> list[Said]:
    """`leaklint check -` in a process of its own, with the rules that are off by default."""
    settings = ["--isolated", "--quiet", "--select", "ALL", "--stdin-filename", str(path)]
    arguments = ["-m", "leaklint", "check", "--format", "json", *settings]
    return said_in_json(_run([*arguments, "-"], path.read_bytes()))


def said_in_json(text: str) -> list[Said]:
    """The findings of a report. Errors in it are a failure."""
    document: dict[str, Any] = json.loads(text)
    assert document["errors"] == [], document["errors"]
    return [
        Said(_file_name(found["path"]), found["line"], found["column"], found["code"], _one_line(found["message"]))
        for found in document["findings"]
    ]


def said_by_flake8(text: str) -> list[Said]:
    """The findings in flake8's default format."""
    matches = [_FLAKE8_LINE.fullmatch(line) for line in text.splitlines()]
    assert all(matches), text
    return [
        Said(_file_name(match["path"]), int(match["line"]), int(match["column"]), match["code"], match["message"])
        for match in matches
        if match is not None
    ]


def _run(arguments: list[str], data: bytes = b"") -> str:
    command = [sys.executable, *arguments]
    # All fixtures at once are much code, and what it runs through is measured in other tests.
    done = subprocess.run(command, input=data, capture_output=True, env=unmeasured(), check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout.decode()


def _file_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _one_line(message: str) -> str:
    return " ".join(message.splitlines())
