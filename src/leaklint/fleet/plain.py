"""Files of a directory without git: those that leaklint may read, links left out, and a digest of them all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from leaklint.config import baseline_in
from leaklint.paths import absolute, inside
from leaklint.places import MARKERS

NEEDED = (".gitignore", *MARKERS)
"""Besides Python files, what decides about settings, ignored files and imports."""

NEVER = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__"})


def is_needed(name: str) -> bool:
    """Whether a file of this name may have a part in the analysis."""
    return name.endswith(".py") or name in NEEDED


def files_of(root: Path) -> Iterator[tuple[str, Path]]:
    """Name the regular files below `root` that are needed, by their relative path and in order; baselines come last."""
    configurations = []
    for directory, folders, names in os.walk(root):
        folders[:] = sorted(folder for folder in folders if folder not in NEVER)
        for name in sorted(names):
            path = Path(directory, name)
            if is_needed(name) and path.is_file() and not path.is_symlink():
                yield os.path.relpath(path, root), path
                if name == "pyproject.toml":
                    configurations.append(path)
    for name in baselines_of(root, configurations):
        path = root / name
        if path.is_file() and os.path.realpath(path) == str(Path(os.path.realpath(root), name)):
            yield name, path


def baselines_of(root: Path, configurations: Iterable[Path]) -> list[str]:
    """Name the baselines below `root` that configurations there speak of; some of them may not exist."""
    named = ((path, baseline_in(path)) for path in configurations)
    places = (inside(absolute(str(path.parent / name)), str(root)) for path, name in named if name and "\0" not in name)
    return sorted({place for place in places if place is not None and not is_needed(Path(place).name)})


def digest_of(root: Path) -> str:
    """A digest that changes with every file that is needed. Raises OSError."""
    whole = hashlib.sha256()
    for name, path in files_of(root):
        data = path.read_bytes()
        whole.update(b"%s\0%d\0" % (os.fsencode(name), len(data)))
        whole.update(data)
    return whole.hexdigest()
