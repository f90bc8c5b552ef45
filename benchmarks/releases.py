"""Fetches released packages from the package index and unpacks their Python files; nothing of them is imported."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "benchmarks"
"""Where releases are kept, outside of version control."""

PYTHON = "3.13"
"""The Python whose wheel is taken unless a manifest says otherwise; it need not be the one that runs."""

_SECONDS = 600


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of one package. `source` asks for the source archive, where no wheel was ever released."""

    package: str
    version: str
    python: str = PYTHON
    source: bool = False

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class IndexUnreachableError(Exception):
    """The package index did not hand out a release; the message is one line."""


def fetch(release: Release, cache: Path = CACHE) -> Path:
    """Return the folder with the Python files of `release`, downloaded if it is not in `cache` yet.

    Raises IndexUnreachableError.
    """
    folder = cache / f"{release.package}-{release.version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="incomplete-") as made:
        archive = download(release, Path(made, "archive"))
        unpack(archive, Path(made, "files"))
        # Only a whole release gets the name that is looked for.
        Path(made, "files").rename(folder)
    return folder


def download(release: Release, target: Path) -> Path:
    """Fetch the archive of `release` into the folder `target`. Raises IndexUnreachableError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries=1", "--timeout=20", f"--dest={target}", f"{release.package}=={release.version}"]
    if release.source:
        command += ["--no-binary=:all:", "--ignore-requires-python"]
    else:
        command += ["--only-binary=:all:", f"--python-version={release.python}"]
    done = None
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        words = f"no answer within {_SECONDS} seconds"
    if done is not None and done.returncode == 0:
        return next(target.iterdir())
    if done is not None:
        words = _last_words(done.stderr)
    raise IndexUnreachableError(f"the package index did not hand out {release}: {words}")


def _last_words(said: str) -> str:
    lines = said.strip().splitlines() or ["pip said nothing"]
    return next((line for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1]).removeprefix("ERROR: ")


def unpack(archive: Path, target: Path) -> None:
    """Write the Python files of a wheel or source archive below `target`, without a source archive's one top folder.

    An empty `pyproject.toml` beside them says that this is a project of its own, wherever the cache is.
    """
    target.mkdir(parents=True)
    (target / "pyproject.toml").touch()
    for name, data in _python_files(archive):
        parts = PurePosixPath(name).parts
        if archive.suffix != ".whl":
            parts = parts[1:]
        if not parts or ".." in parts or PurePosixPath(name).is_absolute():
            continue
        path = target.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _python_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for name in zipped.namelist():
                if name.endswith(".py"):
                    yield name, zipped.read(name)
        return
    with tarfile.open(archive) as tarred:
        for member in tarred:
            stream = tarred.extractfile(member) if member.isfile() and member.name.endswith(".py") else None
            if stream is not None:
                yield member.name, stream.read()
