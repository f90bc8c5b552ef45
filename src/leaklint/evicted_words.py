"""Which attributes and variables some file of a project evicts from, by name: a search in bytes, made once.

It answers for code that the analysis does not read. Names are all it goes by, so it says yes too often rather than too
rarely; and yes to everything where a project is too large to be searched. Tests are left out: what they take out of a
cache, nobody takes out in production.
"""

from __future__ import annotations

import re
from pathlib import Path

from leaklint.basis import search_files
from leaklint.containers import EVICTING_METHODS

MOST_FILES = 20_000
MOST_BYTES = 300_000_000

_SELF = b"self."
_METHODS = b"|".join(method.encode() for method in sorted(EVICTING_METHODS))
_CALL = re.compile(rb"((?:\bself\.)?\w+)\s*(?:\[[^\[\]\n]*\]\s*)?\.(?:%s)\b" % _METHODS)
_DELETE = re.compile(rb"^[ \t]*del\b(.*)", re.MULTILINE)
_DELETED = re.compile(rb"((?:\bself\.)?\w+)\s*\[")
_REPLACED = re.compile(rb"\b(?!self\.|cls\.)\w+(?:\.\w+)*?\.(\w+)\s*=\s*(?:\{|dict\b|set\b|\w*[dD]ict\()")
_ALIAS = re.compile(rb"=\s*[\w.()]*\.(\w+)[ \t]*(?:#.*)?$", re.MULTILINE)


class EvictedWords:
    """The words of one project; its files are read when the first is asked for."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._files: dict[bytes, set[str]] | None = None
        self._is_complete = True

    def has(self, word: str, but: str) -> bool:
        """Whether a file other than `but`, an absolute path, evicts from something of this name."""
        if self._files is None:
            self._files = {}
            self._is_complete = self._search(self._files)
        name = word.encode("utf-8", "backslashreplace")
        found = self._files.get(name, set()) - {but}
        own = self._files.get(_SELF + name, set()) - {but}
        if word.startswith("_"):
            # Another class's `self._clients` is this one's only if it is derived from it, and so must name its module.
            own = {path for path in own if _mentions(path, module_word(but))}
        return not self._is_complete or bool(found | own)

    def _search(self, files: dict[bytes, set[str]]) -> bool:
        count = size = 0
        for path in search_files(self._root):
            try:
                data = Path(path).read_bytes() if Path(path).is_file() else b""
            except OSError:
                continue
            count, size = count + 1, size + len(data)
            if count > MOST_FILES or size > MOST_BYTES:
                return False
            for word in evicted_words(data):
                known = files.setdefault(word, set())
                known.add(path)
        return True


def module_word(path: str) -> str:
    """What other files call the module: its name, or that of the package it is."""
    name = Path(path).stem
    return Path(path).parent.name if name == "__init__" else name


def _mentions(path: str, name: str) -> bool:
    try:
        data = Path(path).read_bytes()
    except OSError:
        return True
    return re.search(rb"\b%s\b" % re.escape(name.encode("utf-8", "surrogateescape")), data) is not None


def evicted_words(data: bytes) -> set[bytes]:
    """The last words of what a file evicts from, or keeps under another name where it can do so unseen.

    What belongs to `self` is told apart: `self._clients`.
    """
    words = set(_CALL.findall(data)) | set(_REPLACED.findall(data)) | set(_ALIAS.findall(data))
    return words.union(*(_DELETED.findall(line) for line in _DELETE.findall(data)))
