"""Fixtures that are small projects: several files in one, and several projects in one.

``# === title`` begins the next project, ``# --- path`` the next file of it. What stands before the first project says
what the fixture is about. Marks are those of single files. A project without a marker of its own gets a
`pyproject.toml`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from laws.fixtures import PROJECT_FIXTURES
from laws.marks import read_marks

if TYPE_CHECKING:
    from pathlib import Path

    from laws.marks import Place

_PROJECT = re.compile(r"^# === (?P<title>.+)\n", re.MULTILINE)
_FILE = re.compile(r"^# --- (?P<path>\S+)\n", re.MULTILINE)
_MARKERS = {"pyproject.toml", "setup.cfg", "setup.py"}


class SmallProject(NamedTuple):
    """A project: its title, and its files with their text."""

    title: str
    files: dict[str, str]

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write the project down; its Python files."""
        files = self.files if _MARKERS & self.files.keys() else {"pyproject.toml": "", **self.files}
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        return tuple(folder / name for name in files if name.endswith(".py"))

    def marks(self) -> dict[str, tuple[Place, ...]]:
        """What belongs to each Python file."""
        return {name: read_marks(text).reported for name, text in self.files.items() if name.endswith(".py")}


def read_projects(text: str) -> list[SmallProject]:
    """All projects of a fixture."""
    _, *pieces = _PROJECT.split(text)
    return [
        SmallProject(title, dict(zip(parts[1::2], (_without_gap(part) for part in parts[2::2]), strict=True)))
        for title, parts in zip(pieces[::2], map(_FILE.split, pieces[1::2]), strict=True)
    ]


def _without_gap(text: str) -> str:
    """Leave the blank lines out that stand before the next file or project."""
    return text.rstrip("\n") + "\n" if text.strip() else ""


PROJECTS = tuple(
    (f"{path.stem.removeprefix('project_')}-{project.title.replace(' ', '_')}", project)
    for path in PROJECT_FIXTURES
    for project in read_projects(path.read_text("utf-8"))
)

every_project = pytest.mark.parametrize(
    "project", [project for _, project in PROJECTS], ids=[name for name, _ in PROJECTS]
)
