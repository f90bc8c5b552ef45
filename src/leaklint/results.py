"""Results of earlier runs: kept in one file for each project, and taken again where all that they rest on is as it was.

A file is written beside its place and moved there, so that a kill leaves the old one or the new one; of two runs that
end at once one wins, and the other's results are made again. A file that is not whole, or not ours, counts as empty.
It holds plain data: whatever stands in it, nothing is executed.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from leaklint import __version__
from leaklint.basis import Basis, Dependency, Stamp, answer, digest, stamp_of
from leaklint.files import Found
from leaklint.model import FileReport
from leaklint.outcome import Outcome
from leaklint.paths import absolute

ENDING = ".leaklint"
MOST_PROJECTS = 64
MOST_BYTES = 32_000_000
"""Size of one project's file; where more is known, the oldest results are left out."""

_CHECKSUM = 32
_TOO_RECENT = 2_000_000_000
"""Nanoseconds: a file may be changed again within the resolution of its system's clock."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """The result for one file. Its dependencies are numbers of the table's."""

    path: str
    stamp: Stamp
    content: str
    dependencies: tuple[int, ...]
    report: FileReport


class Table(msgspec.Struct, frozen=True, array_like=True):
    """All results of a project, each under a word for the file and its settings."""

    maker: str
    dependencies: tuple[Dependency, ...] = ()
    kept: dict[str, Kept] = {}


class Results:
    """The results that are kept in a directory. Make one for a run."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._maker = _maker()
        self._tables: dict[str, Table] = {}
        self._answers: dict[Dependency, bool] = {}

    def known(self, found: Found) -> Outcome | None:
        """What an earlier run found in the file, if that still holds."""
        table = self._table(found.settings.repository)
        kept = table.kept.get(_key(found))
        stamp = stamp_of(found.path) if kept is not None else None
        if kept is None or stamp is None or stamp.size != kept.stamp.size:
            return None
        data = None
        if stamp != kept.stamp or kept.report.findings:
            data = _bytes_of(found.path)
            if data is None or digest(data) != kept.content:
                return None
        if not all(self._holds(table.dependencies[number]) for number in kept.dependencies):
            return None
        return Outcome(kept.report, found.settings.repository, before=data if kept.report.findings else None)

    def keep(self, outcomes: Iterable[tuple[Found, Outcome]]) -> None:
        """Write down what this run found; where that is not possible, the next run does the work again."""
        fresh: dict[str, list[tuple[Found, Basis, FileReport]]] = {}
        for found, outcome in outcomes:
            if outcome.basis is not None:
                fresh.setdefault(outcome.repository, []).append((found, outcome.basis, outcome.report))
        for repository, made in fresh.items():
            # Read again: another run may have written meanwhile.
            old = _read(self._place(repository), self._maker)
            # A name of a file that is no text cannot be kept either.
            with suppress(OSError, UnicodeEncodeError):
                _write(self._place(repository), _joined(old, made))
                _drop_oldest(self._directory)

    def _table(self, repository: str) -> Table:
        if repository not in self._tables:
            self._tables[repository] = _read(self._place(repository), self._maker)
        return self._tables[repository]

    def _place(self, repository: str) -> Path:
        return self._directory / (digest(repository.encode("utf-8", "surrogatepass")) + ENDING)

    def _holds(self, dependency: Dependency) -> bool:
        if dependency not in self._answers:
            self._answers[dependency] = answer(dependency.kind, dependency.subject) == dependency.answer
        return self._answers[dependency]


def clean(directory: str) -> bool:
    """Remove all results from a directory, and the directory if nothing else is in it; whether there were any.

    Raises OSError.
    """
    files = _files_in(Path(directory))
    for path in files:
        path.unlink(missing_ok=True)
    with suppress(OSError):
        Path(directory).rmdir()
    return bool(files)


def default_directory() -> str | None:
    """Where results are kept if nobody says otherwise: with the user's other caches, out of any project's reach.

    None for a user without a home.
    """
    caches = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    try:
        return str(Path(caches or Path.home() / ".cache", "leaklint"))
    except RuntimeError:
        return None


def _maker() -> str:
    """What made a result: leaklint as it is installed, and the Python that parsed the file."""
    return f"{__version__} {answer('words', str(Path(__file__).parent))} {sys.version}"


def _key(found: Found) -> str:
    # Findings name files relative to the working directory.
    words = (found.path, str(Path.cwd()), repr(found.settings), repr(found.known))
    return digest("\0".join(words).encode("utf-8", "surrogatepass"))


def _read(place: Path, maker: str) -> Table:
    """The table at a place; an empty one if there is none, or none that this leaklint has made and written whole."""
    data = _bytes_of(place) or b""
    written, payload = data[:_CHECKSUM], data[_CHECKSUM:]
    if written != digest(payload).encode():
        return Table(maker)
    try:
        table = _decoder().decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return Table(maker)
    numbers = range(len(table.dependencies))
    is_sound = all(number in numbers for kept in table.kept.values() for number in kept.dependencies)
    return table if table.maker == maker and is_sound else Table(maker)


def _joined(old: Table, made: Iterable[tuple[Found, Basis, FileReport]]) -> Table:
    """The table with the new results, and without those for files that are gone."""
    now = time.time_ns()
    numbers: dict[Dependency, int] = {}
    kept: dict[str, Kept] = {}
    for key, result in old.kept.items():
        if stamp_of(result.path) is not None:
            renumbered = _numbered([old.dependencies[number] for number in result.dependencies], numbers)
            kept[key] = msgspec.structs.replace(result, dependencies=renumbered)
    for found, basis, report in made:
        is_settled = now - basis.stamp.modified > _TOO_RECENT
        stamp = basis.stamp if is_settled else Stamp(0, basis.stamp.size)
        key = _key(found)
        kept.pop(key, None)
        kept[key] = Kept(absolute(found.path), stamp, basis.content, _numbered(basis.dependencies, numbers), report)
    return Table(old.maker, tuple(numbers), kept)


def _numbered(dependencies: Iterable[Dependency], numbers: dict[Dependency, int]) -> tuple[int, ...]:
    return tuple(numbers.setdefault(dependency, len(numbers)) for dependency in dependencies)


def _write(place: Path, table: Table) -> None:
    """Write the table whole or not at all. May raise OSError."""
    payload = _encoded(table)
    while len(payload) > MOST_BYTES and table.kept:
        newer = dict(list(table.kept.items())[len(table.kept) // 2 + 1 :])
        table = _joined(Table(table.maker, table.dependencies, newer), ())
        payload = _encoded(table)
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(ENDING, place.stem, place.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(digest(payload).encode() + payload)
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _encoded(table: Table) -> bytes:
    return msgspec.msgpack.encode(table)


@functools.cache
def _decoder() -> msgspec.msgpack.Decoder[Table]:
    return msgspec.msgpack.Decoder(Table)


def _bytes_of(path: str | Path) -> bytes | None:
    try:
        return Path(path).read_bytes() if Path(path).is_file() else None
    except (OSError, ValueError):
        return None


def _drop_oldest(directory: Path) -> None:
    """Keep the files of the projects that were written last, among them what killed runs have left."""
    stamps = [(stamp_of(str(path)), path) for path in _files_in(directory)]
    ages = sorted(((stamp.modified, path) for stamp, path in stamps if stamp is not None), reverse=True)
    for _, path in ages[MOST_PROJECTS:]:
        path.unlink(missing_ok=True)


def _files_in(directory: Path) -> list[Path]:
    return [path for path in directory.glob(f"*{ENDING}") if path.is_file()]
