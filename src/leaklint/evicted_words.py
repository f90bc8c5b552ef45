"""Which attributes and variables some file of a project evicts from or names, by name: a search in bytes, made once.

It answers for code that the analysis does not read. Names are all it goes by, so it says yes too often rather than too
rarely; and yes to everything where a project is too large to be searched. Tests are left out: what they take out of a
cache, nobody takes out in production.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from leaklint.basis import search_files
from leaklint.containers import EVICTING_METHODS

MOST_FILES = 20_000
MOST_BYTES = 300_000_000

_SELF = b"self."
_OTHER = b"."
_METHODS = b"|".join(method.encode() for method in sorted(EVICTING_METHODS))
_CALL = re.compile(rb"\.(?:%s)\b" % _METHODS)
_CALLED_ON = re.compile(rb"((?:\bself\.|\.)?\w+)\s*(?:\[[^\[\]\n]*\]\s*)?\Z")
_DELETE = re.compile(rb"^[ \t]*del\b(.*)", re.MULTILINE)
_DELETED = re.compile(rb"((?:\bself\.|\.)?\w+)\s*\[")
_NEW = re.compile(rb"=\s*(?:\{|dict\b|set\b|\w*[dD]ict\()")
_REPLACED = re.compile(rb"\b(?!self\.|cls\.)\w+(?:\.\w+)*?(\.\w+)\s*\Z")
_BACK = 200
"""Bytes before an operation in which what it is done to is looked for: from behind it takes no time at all."""
_ALIAS = re.compile(rb"=\s*([\w.()]*)(\.\w+)[ \t]*(?:#.*)?$", re.MULTILINE)
_CLASS = re.compile(rb"^class\s+(\w+)", re.MULTILINE)


class EvictedWords:
    """The words of one project; its files are read when the first is asked for."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._files: dict[bytes, set[str]] | None = None
        self._is_complete = True
        self._named: dict[str, set[str] | None] = {}

    def has(self, word: str, but: str) -> bool:
        """Whether a file other than `but`, an absolute path, evicts from something of this name."""
        if self._files is None:
            self._files = {}
            self._is_complete = self._search(self._files)
        name = word.encode("utf-8", "backslashreplace")
        if not self._is_complete or self._files.get(_OTHER + name, set()) - {but}:
            return True
        # Another class's `self._clients` is this one's only if one is derived from the other.
        own = self._files.get(_SELF + name, set()) - {but}
        if any(_are_acquainted(path, but) for path in own):
            return True
        # A variable that goes by the name was handed what some file calls so, or is of another life.
        variables = self._files.get(name, set()) - {but}
        return any(_are_acquainted(path, but) for path in variables) or (bool(variables) and self.is_named(word, but))

    def is_named(self, word: str, but: str) -> bool:
        """Whether a file other than `but` may mean the attribute or variable of this name in that file."""
        found = self.files_that_name(word)
        return found is None or any(_means(path, word, module_word(but)) for path in found - {but})

    def files_that_name(self, word: str) -> set[str] | None:
        """The files in which the word stands; None if the project is too large to be searched."""
        if word not in self._named:
            self._named[word] = self._files_with(re.compile(rb"\b%s\b" % word.encode("utf-8", "backslashreplace")))
        return self._named[word]

    def _files_with(self, pattern: re.Pattern[bytes]) -> set[str] | None:
        """The files in which something is found; None if there is too much to search."""
        found: set[str] = set()
        for path, data in self._texts():
            if data is None:
                return None
            if pattern.search(data):
                found.add(path)
        return found

    def _search(self, files: dict[bytes, set[str]]) -> bool:
        for path, data in self._texts():
            if data is None:
                return False
            for word in evicted_words(data):
                known = files.setdefault(word, set())
                known.add(path)
        return True

    def _texts(self) -> Iterator[tuple[str, bytes | None]]:
        """Each file and what is in it; at last None if there are too many."""
        count = size = 0
        for path in search_files(self._root):
            try:
                data = Path(path).read_bytes() if Path(path).is_file() else b""
            except OSError:
                continue
            count, size = count + 1, size + len(data)
            if count > MOST_FILES or size > MOST_BYTES:
                yield path, None
                return
            yield path, data


def module_word(path: str) -> str:
    """What other files call the module: its name, or that of the package it is."""
    name = Path(path).stem
    return Path(path).parent.name if name == "__init__" else name


def _means(path: str, word: str, module: str) -> bool:
    """Whether a file reads the attribute of another object than `self`, or names the module as well."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return True
    name = re.escape(word.encode("utf-8", "backslashreplace"))
    return re.search(rb"(?<!\bself)\.%s\b" % name, data) is not None or _mentions(path, module)


def _are_acquainted(path: str, other: str) -> bool:
    """Whether one of two files names the other's module, or a class that stands in it."""
    return _mentions(path, module_word(other)) or _names_a_class(path, other) or _mentions(other, module_word(path))


def _names_a_class(path: str, other: str) -> bool:
    try:
        data, defining = Path(path).read_bytes(), Path(other).read_bytes()
    except OSError:
        return True
    # What both define under one name are two classes.
    classes = set(_CLASS.findall(defining)) - set(_CLASS.findall(data))
    return not classes.isdisjoint(re.findall(rb"\w+", data))


def _mentions(path: str, name: str) -> bool:
    try:
        data = Path(path).read_bytes()
    except OSError:
        return True
    return re.search(rb"\b%s\b" % re.escape(name.encode("utf-8", "surrogateescape")), data) is not None


def evicted_words(data: bytes) -> set[bytes]:
    """The last words of what a file evicts from, or keeps under another name where it can do so unseen.

    What belongs to `self` is told apart from what belongs to another object, and from a variable: `self._clients`,
    `._clients`, `CLIENTS`.
    """
    words = _before(_CALL, _CALLED_ON, data) | _before(_NEW, _REPLACED, data)
    words |= {b"self" + name if owner == b"self" else name for owner, name in _ALIAS.findall(data)}
    return words.union(*(_DELETED.findall(line) for line in _DELETE.findall(data)))


def _before(operation: re.Pattern[bytes], target: re.Pattern[bytes], data: bytes) -> set[bytes]:
    """What stands right before each place where the operation is found."""
    starts = (found.start() for found in operation.finditer(data))
    targets = (target.search(data[max(0, start - _BACK) : start]) for start in starts)
    return {found.group(1) for found in targets if found is not None}
