"""What the tests of `leaklint fleet` share: repositories to work on, and what a run has left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from distribution import commit_all, git
from front_ends import LEAKING, leaklint


def repository(folder: Path, files: dict[str, str | bytes] | None = None) -> Path:
    """Make a repository with one commit."""
    for name, content in (files or {"leaking.py": LEAKING}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    commit_all(folder)
    return folder


def fleet(*arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[bytes]:
    return leaklint("fleet", *arguments, cwd=cwd, **extra)


def summary(folder: Path, output: str = "leaklint-fleet") -> dict[str, Any]:
    written: dict[str, Any] = json.loads((folder / output / "summary.json").read_bytes())
    return written


def results(folder: Path, name: str = "", output: str = "leaklint-fleet") -> Path:
    """The directory with what a run has left of the repository called `name`."""
    (found,) = (folder / output / "repositories").glob(f"{name}*")
    return found


def state(folder: Path) -> dict[str, object]:
    """Everything that a user would notice of a repository: its files with their times, git's own included."""
    return {
        path.relative_to(folder).as_posix(): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


def applied(folder: Path, patch: Path) -> None:
    git("apply", str(patch), cwd=folder)
