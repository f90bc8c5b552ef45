"""What tests of the finished package share: its files, its wheel, clones of it, and what stands in for `.venv`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from front_ends import environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent

UNREACHABLE = ("NewConnectionError", "No matching distribution", "ConnectTimeout", "Could not fetch", "ProxyError")
"""Words that pip says if the package index cannot be reached."""


def unmeasured(**extra: str) -> dict[str, str]:
    """The environment of a process that runs another copy of leaklint, whose lines are not to be counted."""
    return {name: value for name, value in environment(**extra).items() if not name.startswith("COV")}


def git(*arguments: str, cwd: Path) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, encoding="utf-8").stdout


def tracked_files() -> list[Path]:
    """The files of this repository as it is now, changes that are not committed included."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def copy_checkout(folder: Path) -> Path:
    """Copy this repository's files."""
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def commit_all(folder: Path, tag: str | None = None) -> None:
    git("init", "-q", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "all", cwd=folder)
    if tag is not None:
        git("tag", tag, cwd=folder)


def build_wheel(folder: Path) -> Path:
    """Build the wheel as `pip` does, but with the tools of this environment."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=unmeasured(), check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    return wheel


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Make a folder for all processes of a test run: the first one makes it, the others wait."""
    is_shared = "PYTEST_XDIST_WORKER" in os.environ
    base = factory.getbasetemp().parent if is_shared else factory.getbasetemp()
    folder, done, failed = base / name, base / f"{name}.done", base / f"{name}.failed"
    try:
        folder.mkdir()
    except FileExistsError:
        while not (done.exists() or failed.exists()):
            time.sleep(0.1)
    else:
        try:
            make(folder)
        except BaseException:
            failed.touch()
            raise
        done.touch()
    if not done.exists():
        pytest.fail(f"{name} could not be made; another process of this test run says why", pytrace=False)
    return folder


def stand_in_for_venv(checkout: Path) -> None:
    """Give a checkout a `.venv` that make takes as up to date: the commands of this one, run on the checkout's code."""
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    for command in ("python", "pytest", "leaklint"):
        module = "" if command == "python" else f" -m {command}"
        script = f'#!/bin/sh\nPYTHONPATH="{checkout}/src" exec "{sys.executable}"{module} "$@"\n'
        (folder / command).write_text(script, encoding="utf-8")
        (folder / command).chmod(0o755)
    (checkout / ".venv" / ".up-to-date").touch()


def on_path(folder: Path) -> str:
    """A PATH with `folder` in front, and the commands of this environment behind it."""
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
