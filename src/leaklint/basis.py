"""What a result rests on: questions to the disk with their answers, asked again later to learn whether it holds.

An answer is a word that changes when what was asked about changes; that something is not there is an answer too.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from leaklint.places import LARGEST, home_of, kind_of_module

Kind = Literal["home", "module", "file", "words"]

Question: TypeAlias = tuple[Kind, str]

_SKIPPED = frozenset("__pycache__ __pypackages__ build dist dist-packages node_modules site-packages venv".split())
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_TEST_FILE = re.compile(r"test_.*\.py|.*_tests?\.py|conftest\.py")


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """When a file was last modified, in nanoseconds, and its size in bytes."""

    modified: int
    size: int


class Basis(msgspec.Struct, frozen=True, array_like=True):
    """What the result for one file rests on: the file itself, and all that was asked of the disk for its sake."""

    stamp: Stamp
    content: str
    dependencies: tuple[Dependency, ...]


class Dependency(msgspec.Struct, frozen=True, array_like=True):
    """A question about a directory's home, a module's place, a file's content or a project's files; its answer."""

    kind: Kind
    subject: str
    answer: str


def answer(kind: Kind, subject: str) -> str:
    """Ask the disk."""
    match kind:
        case "home":
            home = home_of(subject)
            return "\0".join((home.root, home.only or "", *home.folders))
        case "module":
            root, _, where = subject.partition("\0")
            return kind_of_module(root, where) or ""
        case "file":
            return _content(subject)
        case "words":
            return _files_below(subject)


def stamp_of(path: str) -> Stamp | None:
    """The file's stamp; None if there is no such file."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return None
    return Stamp(state.st_mtime_ns, state.st_size) if stat.S_ISREG(state.st_mode) else None


def digest(data: bytes) -> str:
    """A word for the bytes that no other bytes have."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def search_files(root: str) -> Iterator[str]:
    """The project's files that are searched for evictions: all Python files but tests and what is installed."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_left_out(folder, name))
        yield from (
            str(Path(folder, name)) for name in sorted(names) if name.endswith(".py") and not _TEST_FILE.fullmatch(name)
        )


def _is_left_out(folder: str, name: str) -> bool:
    is_environment = os.path.lexists(Path(folder, name, "pyvenv.cfg"))
    return name.startswith(".") or name in _SKIPPED or name in _TEST_FOLDERS or is_environment


def _content(path: str) -> str:
    try:
        # A FIFO would be waited for.
        if not Path(path).is_file():
            return ""
        return digest(Path(path).read_bytes()) if Path(path).stat().st_size <= LARGEST else "large"
    except (OSError, ValueError):
        return ""


def _files_below(root: str) -> str:
    states = []
    for path in search_files(root):
        stamp = stamp_of(path)
        states.append(f"{path}\0{stamp.modified}\0{stamp.size}" if stamp is not None else path)
    return digest("\n".join(states).encode("utf-8", "surrogatepass"))
