"""A released package with a known leak, and its mended release, from the package index."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 30


class Release(msgspec.Struct, frozen=True):
    """One module of one release."""

    package: str
    version: str
    module: str


LEAKING = Release("channels", "3.0.3", "channels/layers.py")
MENDED = Release("channels", "3.0.4", "channels/layers.py")


class IndexUnreachableError(Exception):
    """The package index did not hand out a release."""


def fetch(release: Release, folder: Path) -> str:
    """Download `release`, put its module into `folder` and return the module's path relative to it.

    The path begins with the release's name, so that several releases fit into one folder. Nothing of the package is
    executed. Raises IndexUnreachableError with pip's own last words.
    """
    name = f"{release.package}-{release.version}"
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--retries=1", "--timeout=10", f"--dest={wheels}"]
    command.append(f"{release.package}=={release.version}")
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise IndexUnreachableError(f"no answer within {_SECONDS} seconds") from None
    except subprocess.CalledProcessError as error:
        last_words = (error.stderr.strip() or "pip said nothing").splitlines()[-1]
        raise IndexUnreachableError(last_words) from None
    (wheel,) = wheels.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(release.module, folder / name)
    return f"{name}/{release.module}"
