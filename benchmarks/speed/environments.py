"""Makes an environment of its own for each tool, pinned, so that none of them sees the plugins of another."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.speed.process import environment, last_words

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent.parent

FLAKE8 = "flake8==7.5.0"
"""The same with the plugin and without it."""

TOOLS: Mapping[str, tuple[str, ...]] = {
    "leaklint": (FLAKE8, "click==8.5.1", "libcst==1.9.0"),
    "flake8": (FLAKE8,),
    "ruff": ("ruff==0.17.6",),
    "fixit": ("fixit==2.2.1", "libcst==1.9.0"),
    "pylint": ("pylint==4.1.4",),
}
"""What is installed for each tool; leaklint itself comes from this checkout."""

_FINISHED = "finished"
_SECONDS = 600


class NotInstalledError(Exception):
    """An environment could not be made; the message is one line."""


def prepare(tool: str, cache: Path) -> Path:
    """Return the environment of `tool`, made below `cache` if it is not there yet. Raises NotInstalledError."""
    wanted = TOOLS[tool]
    folder = cache / "environments" / f"{tool}-{identity(wanted)}"
    if not (folder / _FINISHED).exists():
        shutil.rmtree(folder, ignore_errors=True)
        _said(sys.executable, "-m", "venv", str(folder))
        # In one go with what it needs, so that the pinned versions are those that it gets.
        _pip(folder, *wanted, *([str(ROOT)] if tool == "leaklint" else []))
        (folder / _FINISHED).touch()
    if tool == "leaklint":
        # As its users have it: a wheel, with compiled modules. The checkout may have changed since.
        _pip(folder, "--force-reinstall", "--no-deps", str(ROOT))
    return folder


def identity(wanted: tuple[str, ...]) -> str:
    """Name what an environment is made of: what is installed, and the Python that runs it."""
    return hashlib.sha256("\0".join((sys.version, sys.prefix, *wanted)).encode()).hexdigest()[:12]


def executable(folder: Path, name: str) -> str:
    """Where a command of an environment is."""
    return str(folder / ("Scripts" if sys.platform == "win32" else "bin") / name)


def versions(folder: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of `packages` that an environment has."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    found = _said(executable(folder, "python"), "-I", "-c", code, *packages).split()
    return dict(zip(packages, found, strict=True))


def _pip(folder: Path, *arguments: str) -> None:
    pip = (executable(folder, "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _said(*pip, "--retries=1", "--timeout=20", *arguments)


def _said(*command: str) -> str:
    """What a command prints. Raises NotInstalledError if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS, env=environment())
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"`{' '.join(command)}` took longer than {_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        words = f"ended with {error.returncode} and said: {last_words(error.stderr)}"
        raise NotInstalledError(f"`{' '.join(command)}` {words}") from error
    return done.stdout.decode()
