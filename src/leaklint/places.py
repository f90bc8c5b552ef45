"""Where files and modules are: the root that a file belongs to, and what stands at a path below it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
LARGEST = 1_000_000
"""Bytes of a module that is read for the sake of another one."""

INSTALLED = frozenset({"site-packages", "dist-packages"})


class Home(msgspec.Struct, frozen=True):
    """Where a file belongs."""

    root: str
    """The nearest directory upwards that is marked as a project's, absolute."""
    folders: tuple[str, ...]
    """Where its absolute imports are looked for, relative to the root, the nearest first."""
    only: str | None = None
    """The one package that it may import from, where it is installed beside others."""


def path_of(home: Home, label: str) -> str:
    """The absolute path of a module's file."""
    return f"{Path(home.root, *label.split('/'))}.py"


def kind_of_module(root: str, where: str) -> str | None:
    """The label of what stands at a path below the root: a package, a module, a directory, or nothing."""
    path = Path(root, *where.split("/"))
    try:
        if where and (path / "__init__.py").is_file():
            return f"{where}/__init__"
        if where and path.with_name(f"{path.name}.py").is_file():
            return where
        return f"{where}/" if path.is_dir() else None
    except (OSError, ValueError):
        return None


def home_of(folder: str) -> Home:
    """Where the files of an absolute folder belong."""
    top = Path(folder)
    while top.parent != top and (top / "__init__.py").is_file():
        top = top.parent
    root = next((above for above in (Path(folder), *Path(folder).parents) if _is_marked(above)), top)
    if root not in (top, *top.parents):
        # A marker inside a package: the package belongs to what is around it.
        root = top
    between = [top, *(above for above in top.parents if above == root or root in above.parents), root, root / "src"]
    folders = dict.fromkeys(above.relative_to(root).as_posix().removeprefix(".") for above in between)
    inside = Path(folder).relative_to(top).parts
    return Home(str(root), tuple(folders), inside[0] if top.name in INSTALLED and inside else None)


def _is_marked(folder: Path) -> bool:
    return any(os.path.lexists(folder / marker) for marker in MARKERS)
