"""Unpacks a source archive, and makes an environment in which the package is installed with what its tests need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.releases import download

if TYPE_CHECKING:
    from benchmarks.repairs.own_tests.trials import Trial

_SECONDS = 600
_OTHERS = ("PYTHON", "COVERAGE", "PYTEST", "VIRTUAL_ENV")
"""How variables begin that would let the surroundings take part in the tests."""


class NotPreparedError(Exception):
    """A package could not be installed; the message is one line."""


class Prepared(msgspec.Struct, frozen=True):
    """A package unpacked in `source`, and installed in an environment whose packages lie in `installed`."""

    source: Path
    python: Path
    installed: Path

    def copies(self, path: str) -> tuple[Path, ...]:
        """Where a file of the package is: in its source, and where it is installed."""
        below = path.removeprefix("src/").removeprefix("lib/")
        return tuple(copy for copy in (self.source / path, self.installed / below) if copy.is_file())


def prepare(trial: Trial, folder: Path) -> Prepared:
    """Fetch, unpack and install below `folder`. Raises NotPreparedError and IndexUnreachableError."""
    archive = download(trial.release, folder / "archive")
    source = _unpacked(archive, folder / "source")
    environment = folder / "environment"
    _said(_interpreter(trial.python), "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    # In one go, so that what the tests pin is what the package gets.
    install = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _said(*install, str(source), "pytest", "coverage", *trial.requires)
    said = _said(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    return Prepared(source, python, Path(said.strip()))


def undisturbed() -> dict[str, str]:
    """The variables of this process, without those that change what Python and pytest do."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}


def _unpacked(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as tarred:
        tarred.extractall(target, filter="data")
    return next(path for path in target.iterdir() if path.is_dir())


def _interpreter(version: str) -> str:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        raise NotPreparedError(f"there is no python{version} on the PATH")
    return found


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", check=True, timeout=_SECONDS, env=undisturbed()
        )
    except subprocess.TimeoutExpired as error:
        raise NotPreparedError(f"`{' '.join(command)}` took longer than {_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["nothing"])[-1]
        raise NotPreparedError(f"`{' '.join(command)}` ended with {error.returncode}: {last}") from error
    return done.stdout
