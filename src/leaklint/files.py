"""Finds the files to check: what the paths name, and in directories every `*.py` that nothing leaves out.

What leaves files out are the settings and git's ignore files. A file that is named is always taken. Symbolic links to
directories are not followed, as git does not follow them either; so no loop of links can be entered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint import paths
from leaklint.config import ConfigError, Settings
from leaklint.ignore_files import (
    IgnoreFile,
    ignore_files_above,
    ignore_files_in,
    is_ignored,
    is_repository,
    tolerant_patterns,
)
from leaklint.model import FileError, KnownFindings
from leaklint.paths import absolute, inside, shown
from leaklint.tests_by_name import PATTERNS

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

DEFAULT_EXCLUDE = (
    ".bzr/",
    ".direnv/",
    ".eggs/",
    ".git/",
    ".hg/",
    ".mypy_cache/",
    ".nox/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".svn/",
    ".tox/",
    ".venv/",
    "__pycache__/",
    "__pypackages__/",
    "build/",
    "dist/",
    "node_modules/",
    "site-packages/",
    "venv/",
    *PATTERNS,
)
"""Patterns in the syntax of `.gitignore`; `exclude` in the settings adds to them, and takes one back with `!`."""

SettingsFor: TypeAlias = Callable[[str], Settings]
"""From an absolute directory to the settings that hold in it. Raises ConfigError."""


class Found(msgspec.Struct, frozen=True):
    """A file to check: its path as it is shown, the settings that hold for it, and what its baseline knows of it."""

    path: str
    settings: Settings
    known: tuple[KnownFindings, ...] = ()


class Discovery(msgspec.Struct, frozen=True):
    """All files to check, each once, and what stood in the way of finding more."""

    files: tuple[Found, ...]
    errors: tuple[FileError, ...]


class Exclusion:
    """What the settings leave out. Keeps the compiled patterns of the settings it has met; make one for a run."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, ...], GitIgnoreSpec] = {}

    def leaves_out(self, path: str, settings: Settings, *, is_directory: bool, base: str | None = None) -> bool:
        """Whether the absolute `path`, or a directory it lies in, is excluded.

        The patterns are relative to `base`, or to the settings' own root.
        """
        relative = inside(path, base or settings.root)
        if relative is None:
            return False
        if settings.exclude not in self._compiled:
            self._compiled[settings.exclude] = tolerant_patterns((*DEFAULT_EXCLUDE, *settings.exclude))
        return self._compiled[settings.exclude].match_file(relative + "/" if is_directory else relative)


def discover(paths: Sequence[str], settings_for: SettingsFor, *, force_exclude: bool = False) -> Discovery:
    """Find the files under `paths`, in the order of the paths and by name within each.

    `force_exclude` leaves out what the settings exclude even where it is named.
    """
    files: list[Found] = []
    errors: list[FileError] = []
    seen: set[str] = set()
    exclusion = Exclusion()
    for path in paths:
        for found in _below(path, settings_for, exclusion, force_exclude=force_exclude):
            if isinstance(found, FileError):
                errors.append(found)
            elif (real := os.path.realpath(found.path)) not in seen:
                seen.add(real)
                files.append(found)
    return Discovery(tuple(files), tuple(dict.fromkeys(errors)))


def _below(
    path: str, settings_for: SettingsFor, exclusion: Exclusion, *, force_exclude: bool
) -> Iterator[Found | FileError]:
    place = absolute(path)
    unseen = _unseen(path, place)
    if unseen is not None:
        yield FileError(path, unseen)
        return
    is_directory = paths.is_directory(place)
    try:
        settings = settings_for(place if is_directory else str(Path(place).parent))
    except ConfigError as error:
        yield error.error
        return
    is_excluded = exclusion.leaves_out(place, settings, is_directory=is_directory)
    if is_excluded and force_exclude:
        return
    if is_directory:
        rebase = place if is_excluded else None
        yield from sorted(_Walk(place, rebase, settings_for, exclusion).files(), key=_order)
    else:
        yield Found(shown(path), settings)


def _unseen(path: str, place: str) -> str | None:
    """Why there is nothing to be seen at a path; None if there is something."""
    try:
        os.lstat(place)
    except PermissionError:
        return "cannot read: permission denied"
    except (OSError, ValueError):
        return "no such file or directory"
    return None if path else "no such file or directory"


def _order(found: Found | FileError) -> tuple[str, ...]:
    return Path(found.path).parts


class _Walk:
    """One directory tree.

    `rebase` is the tree's root if the settings leave it out: then it was named on purpose, and their patterns are
    only tried on what lies below it.
    """

    def __init__(self, root: str, rebase: str | None, settings_for: SettingsFor, exclusion: Exclusion) -> None:
        self._root = root
        self._rebase = rebase
        self._settings_for = settings_for
        self._exclusion = exclusion

    def files(self) -> Iterator[Found | FileError]:
        """Find every file of the tree, in no particular order."""
        above = ignore_files_above(self._root)
        if is_ignored(self._root, above, is_directory=True):
            above = ()
        pending = [(self._root, above)]
        while pending:
            directory, outer = pending.pop()
            inherited = () if is_repository(directory) else outer
            ignore_files = (*inherited, *ignore_files_in(directory))
            try:
                settings = self._settings_for(directory)
                entries = list(os.scandir(directory))
            except ConfigError as error:
                yield error.error
                continue
            except OSError as error:
                yield FileError(shown(directory), f"cannot read the directory: {error.strerror}")
                continue
            for entry in entries:
                if self._is_left_out(entry, settings, ignore_files):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, ignore_files))
                else:
                    yield Found(shown(entry.path), settings)

    def _is_left_out(self, entry: os.DirEntry[str], settings: Settings, ignore_files: tuple[IgnoreFile, ...]) -> bool:
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not _is_python(entry):
            return True
        rebase = self._rebase if inside(self._root, settings.root) is not None else None
        if self._exclusion.leaves_out(entry.path, settings, is_directory=is_directory, base=rebase):
            return True
        return is_ignored(entry.path, ignore_files, is_directory=is_directory)


def _is_python(entry: os.DirEntry[str]) -> bool:
    """Whether it is a Python file. Editors' lock files (`.#a.py`) are links to nowhere and not meant to be read."""
    is_link_to_directory = entry.is_symlink() and paths.is_directory(entry.path)
    return entry.name.endswith(".py") and not entry.name.startswith(".#") and not is_link_to_directory
