"""The project that a file belongs to: where its imports lead, and what stands there.

Modules are found on demand from the project's root, and read as text: nothing is executed or imported, and what is
installed is not read. What is answered about a file depends on the root and on the files there alone, never on what was
asked before. A module that is missing, broken or too large is as if it were installed: unknown.

A module goes by its label: its path below the root, with forward slashes and without `.py` (`src/pool/__init__`). The
label of a directory that is no package ends with a slash.
"""

from __future__ import annotations

import functools
import os
import re
import secrets
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS
from leaklint.evicted_words import EvictedWords
from leaklint.extract import extract, parse
from leaklint.model import MODULES_APART
from leaklint.paths import absolute
from leaklint.source import SourceError, decode
from leaklint.units import Unit, unit

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
INSTALLED = frozenset({"site-packages", "dist-packages"})
LARGEST = 1_000_000
"""Bytes of a module that is read for the sake of another one."""


_INSERTION = re.compile(
    rb"\]\s*(?:=|:|,|\|=)|\.(?:%s)\b|\|=|[Dd]efault[Dd]ict"
    % b"|".join(word.encode() for word in sorted(INSERTING_METHODS))
)
_EVICTION = re.compile(rb"\bdel\b|=\s*\{|\.(?:%s)\b" % b"|".join(word.encode() for word in sorted(EVICTING_METHODS)))


_IMPORTED = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import\b", re.MULTILINE)


class Home(msgspec.Struct, frozen=True):
    """Where a file belongs."""

    root: str
    """The nearest directory upwards that is marked as a project's, absolute."""
    folders: tuple[str, ...]
    """Where its absolute imports are looked for, relative to the root, the nearest first."""
    only: str | None = None
    """The one package that it may import from, where it is installed beside others."""


class Loaded(msgspec.Struct, frozen=True, eq=False):
    """A module of the project. Its lines are counted from a number that is its own; its size is in bytes."""

    unit: Unit
    first_line: int
    size: int


class Project:
    """What has been found on disk so far; make one for a run. Files are taken to stay as they are meanwhile."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._homes: dict[str, Home] = {}
        self._kinds: dict[str, str | None] = {}
        self._modules: dict[str, Loaded | None] = {}
        self._words: dict[str, EvictedWords] = {}
        self._bytes: dict[str, tuple[bool, tuple[tuple[int, str], ...]]] = {}

    def __reduce__(self) -> tuple[Callable[[str], Project], tuple[str]]:
        """Send no more than a name to another process: what is known there is found there, once for all its files."""
        return _of_this_process, (self._token,)

    def home(self, path: str) -> Home:
        """Where a file belongs; it need not exist."""
        folder = str(Path(absolute(path)).parent)
        if folder not in self._homes:
            self._homes[folder] = _home(folder)
        return self._homes[folder]

    def find(self, home: Home, importer: str, level: int, name: str) -> str | None:
        """The label of the module that `from <level dots>name import …` means in the module `importer`."""
        parts = name.split(".") if name else []
        if level:
            folders = importer.split("/")[:-1]
            if level - 1 > len(folders):
                return None
            return self._at(home.root, "/".join(folders[: len(folders) - level + 1]), parts)
        if not parts or parts[0] in sys.stdlib_module_names or home.only not in (None, parts[0]):
            return None
        directory = None
        for folder in home.folders:
            label = self._at(home.root, folder, parts)
            if label is not None and not label.endswith("/"):
                return label
            directory = directory or label
        return directory

    def submodule(self, home: Home, package: str, name: str) -> str | None:
        """The label of a module in a package or a directory."""
        folder, _, last = package.rpartition("/")
        return self._at(home.root, folder, [name]) if last in ("", "__init__") else None

    def load(self, home: Home, label: str) -> Loaded | None:
        """Read a module; None if that is not possible."""
        path = path_of(home, label)
        if path not in self._modules:
            self._modules[path] = _load(path, label)
        return self._modules[path]

    def may_keep(self, home: Home, label: str) -> bool:
        """Whether a module, going by its bytes, has insertions and evictions, or imports one that has."""
        return self._keeps(home, label, 1) or (label.endswith("__init__") and self._keeps(home, label, 2))

    def _keeps(self, home: Home, label: str, hops: int) -> bool:
        key = f"{home.root}\0{label}"
        if key not in self._bytes:
            self._bytes[key] = _look_into(path_of(home, label))
        looks_like_it, imports = self._bytes[key]
        if looks_like_it or not hops:
            return looks_like_it
        found = (self.find(home, label, level, name) for level, name in imports)
        return any(self._keeps(home, inner, hops - 1) for inner in found if inner is not None)

    def evicts(self, path: str, name: str) -> bool:
        """Whether another file of the project evicts from an attribute or variable of this name, or may do so."""
        root = self.home(path).root
        if root not in self._words:
            self._words[root] = EvictedWords(root)
        return self._words[root].has(name, absolute(path))

    def _at(self, root: str, folder: str, parts: list[str]) -> str | None:
        where = "/".join([*([folder] if folder else []), *parts])
        key = f"{root}\0{where}"
        if key not in self._kinds:
            self._kinds[key] = _kind(Path(root, *where.split("/")), where)
        return self._kinds[key]


@functools.lru_cache(maxsize=1)
def _of_this_process(token: str) -> Project:
    return Project()


def label_of_file(home: Home, path: str) -> str:
    """The label of a file."""
    return Path(os.path.relpath(absolute(path), home.root)).as_posix().removesuffix(".py")


def path_of(home: Home, label: str) -> str:
    """The absolute path of a module's file."""
    return f"{Path(home.root, *label.split('/'))}.py"


def _kind(path: Path, where: str) -> str | None:
    try:
        if where and (path / "__init__.py").is_file():
            return f"{where}/__init__"
        if where and path.with_name(f"{path.name}.py").is_file():
            return where
        return f"{where}/" if path.is_dir() else None
    except (OSError, ValueError):
        return None


def _home(folder: str) -> Home:
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


def _look_into(path: str) -> tuple[bool, tuple[tuple[int, str], ...]]:
    """Whether the file has what an insertion and what an eviction needs, and which modules it imports from."""
    try:
        data = Path(path).read_bytes() if _is_readable(path) else b""
    except (OSError, ValueError):
        data = b""
    looks_like_it = _INSERTION.search(data) is not None and _EVICTION.search(data) is not None
    names = dict.fromkeys(name.decode(errors="replace") for name in _IMPORTED.findall(data))
    return looks_like_it, tuple((len(name) - len(name.lstrip(".")), name.lstrip(".")) for name in names)


def _is_readable(path: str) -> bool:
    return Path(path).is_file() and Path(path).stat().st_size <= LARGEST


def _load(path: str, label: str) -> Loaded | None:
    """Read a file whose lines count from a number that follows from its label alone."""
    first_line = (zlib.crc32(label.encode("utf-8", "backslashreplace")) + 1) * MODULES_APART
    try:
        if not _is_readable(path):
            return None
        source = decode(path, Path(path).read_bytes())
        if len(source.line_starts) >= MODULES_APART:
            return None
        module = extract(parse(source), path, first_line)
        return Loaded(unit(label, f"{label}:", module), first_line, len(source.data))
    except (SourceError, OSError, ValueError, RecursionError):
        return None
