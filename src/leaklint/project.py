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
from typing import TYPE_CHECKING

import msgspec

from leaklint.basis import Dependency, Kind, Question, answer
from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS
from leaklint.evicted_words import EvictedWords
from leaklint.model import MODULES_APART
from leaklint.paths import absolute
from leaklint.places import LARGEST, Home, home_of, kind_of_module, path_of
from leaklint.source import SourceError, decode

if TYPE_CHECKING:
    from leaklint.lives import Life
    from leaklint.units import Unit

_INSERTION = re.compile(
    rb"\]\s*(?:=|:|,|\|=)|\.(?:%s)\b|\|=|[Dd]efault[Dd]ict"
    % b"|".join(word.encode() for word in sorted(INSERTING_METHODS))
)
_EVICTION = re.compile(rb"\bdel\b|=\s*\{|\.(?:%s)\b" % b"|".join(word.encode() for word in sorted(EVICTING_METHODS)))


_IMPORTED = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import\b", re.MULTILINE)

MOST_USERS = 12
"""How many files may name a class that is looked for in all of them."""

MOST_BYTES_KEPT = 8_000_000
"""How much source may be kept as modules that were read for others; one file may ask for half of it."""


class Loaded(msgspec.Struct, frozen=True, eq=False):
    """A module of the project. Its lines are counted from a number that is its own; its size is in bytes."""

    unit: Unit
    first_line: int
    size: int


class Project:
    """What has been found on disk so far; make one for a run. Files are taken to stay as they are meanwhile.

    One that is recording can tell what was asked of it, and what the disk answered.
    """

    def __init__(self, *, is_recording: bool = False) -> None:
        self.is_recording = is_recording
        self._token = secrets.token_hex(8)
        self._homes: dict[str, Home] = {}
        self._kinds: dict[str, str | None] = {}
        self._modules: dict[str, Loaded | None] = {}
        self._kept = 0
        self._words: dict[str, EvictedWords] = {}
        self._bytes: dict[str, tuple[bool, tuple[tuple[int, str], ...]]] = {}
        self._lives: dict[str, Life] = {}
        self._asked: dict[Question, None] = {}
        self._answers: dict[Question, str] = {}

    def __reduce__(self) -> tuple[Callable[[str, bool], Project], tuple[str, bool]]:
        """Send no more than a name to another process: what is known there is found there, once for all its files."""
        return _of_this_process, (self._token, self.is_recording)

    def forget_questions(self) -> None:
        """Begin with another file: what is asked from now on is asked for its sake."""
        self._asked = {}

    def dependencies(self) -> tuple[Dependency, ...]:
        """All that was asked of the disk since then, with the answers."""
        return tuple(Dependency(*question, self._answers[question]) for question in self._asked)

    def _ask(self, kind: Kind, subject: str) -> None:
        if not self.is_recording:
            return
        question = kind, subject
        self._asked[question] = None
        if question not in self._answers:
            # Before anything is read, so that a file that changes meanwhile has an answer that no longer holds.
            self._answers[question] = answer(kind, subject)

    def home(self, path: str) -> Home:
        """Where a file belongs; it need not exist."""
        folder = str(Path(absolute(path)).parent)
        self._ask("home", folder)
        if folder not in self._homes:
            self._homes[folder] = home_of(folder)
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
        self._ask("file", path)
        if path in self._modules:
            # The last one asked for is the last to go.
            self._modules[path] = self._modules.pop(path)
        else:
            loaded = self._modules[path] = _load(path, label)
            self._kept += loaded.size if loaded is not None else 0
            self._forget_the_oldest()
        return self._modules[path]

    def _forget_the_oldest(self) -> None:
        """Let go of the modules that were not asked for longest; all of a large project would not fit into memory."""
        while self._kept > MOST_BYTES_KEPT and len(self._modules) > 1:
            loaded = self._modules.pop(next(iter(self._modules)))
            self._kept -= loaded.size if loaded is not None else 0

    def may_keep(self, home: Home, label: str) -> bool:
        """Whether a module, going by its bytes, has insertions and evictions, or imports one that has."""
        return self._keeps(home, label, 1) or (label.endswith("__init__") and self._keeps(home, label, 2))

    def _keeps(self, home: Home, label: str, hops: int) -> bool:
        key = f"{home.root}\0{label}"
        self._ask("file", path_of(home, label))
        if key not in self._bytes:
            self._bytes[key] = _look_into(path_of(home, label))
        looks_like_it, imports = self._bytes[key]
        if looks_like_it or not hops:
            return looks_like_it
        found = (self.find(home, label, level, name) for level, name in imports)
        return any(self._keeps(home, inner, hops - 1) for inner in found if inner is not None)

    def evicts(self, path: str, name: str) -> bool:
        """Whether another file of the project evicts from an attribute or variable of this name, or may do so."""
        return self._words_around(path).has(name, absolute(path))

    def names(self, path: str, name: str) -> bool:
        """Whether another file of the project may mean the attribute or variable of this name in the file."""
        return self._words_around(path).is_named(name, absolute(path))

    def life(self, path: str, name: str) -> Life:
        """What the other files of the project do with the objects of the file's class, or function, of this name."""
        from leaklint.lives import Life

        files = self._words_around(path).files_that_name(name)
        others = sorted((files or set()) - {absolute(path)})
        if files is None or len(others) > MOST_USERS:
            return Life(may_last=True)
        found = Life()
        for other in others:
            found = found.beside(self._life_in(other, name))
        return found

    def _life_in(self, path: str, name: str) -> Life:
        key = f"{path}\0{name}"
        if key not in self._lives:
            self._lives[key] = _life_in(path, name)
        return self._lives[key]

    def _words_around(self, path: str) -> EvictedWords:
        root = self.home(path).root
        self._ask("words", root)
        if root not in self._words:
            self._words[root] = EvictedWords(root)
        return self._words[root]

    def _at(self, root: str, folder: str, parts: list[str]) -> str | None:
        where = "/".join([*([folder] if folder else []), *parts])
        key = f"{root}\0{where}"
        self._ask("module", key)
        if key not in self._kinds:
            self._kinds[key] = kind_of_module(root, where)
        return self._kinds[key]


@functools.lru_cache(maxsize=1)
def _of_this_process(token: str, is_recording: bool) -> Project:
    return Project(is_recording=is_recording)


def label_of_file(home: Home, path: str) -> str:
    """The label of a file."""
    return Path(os.path.relpath(absolute(path), home.root)).as_posix().removesuffix(".py")


def _look_into(path: str) -> tuple[bool, tuple[tuple[int, str], ...]]:
    """Whether the file has what an insertion and what an eviction needs, and which modules it imports from."""
    try:
        data = Path(path).read_bytes() if _is_readable(path) else b""
    except (OSError, ValueError):
        data = b""
    looks_like_it = _INSERTION.search(data) is not None and _EVICTION.search(data) is not None
    names = dict.fromkeys(name.decode(errors="replace") for name in _IMPORTED.findall(data))
    return looks_like_it, tuple((len(name) - len(name.lstrip(".")), name.lstrip(".")) for name in names)


def _life_in(path: str, name: str) -> Life:
    """What a file does with the objects of a class; one that cannot be read may do anything."""
    from leaklint.extract import extract, parse
    from leaklint.lives import Life, life

    try:
        if not _is_readable(path):
            return Life(may_last=True)
        module = extract(parse(decode(path, Path(path).read_bytes())), path)
        return life(module, name, is_package=Path(path).name == "__init__.py")
    except (SourceError, OSError, ValueError, RecursionError):
        return Life(may_last=True)


def _is_readable(path: str) -> bool:
    return Path(path).is_file() and Path(path).stat().st_size <= LARGEST


def _load(path: str, label: str) -> Loaded | None:
    """Read a file whose lines count from a number that follows from its label alone."""
    # Most files are turned away before any other is read: flake8 imports none of this for them.
    from leaklint.extract import extract, parse
    from leaklint.units import unit

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
