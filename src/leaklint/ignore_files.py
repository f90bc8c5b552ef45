"""What git leaves out: nested `.gitignore` files and a repository's own `info/exclude`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from pathspec import GitIgnoreSpec

from leaklint.paths import inside

if TYPE_CHECKING:
    from collections.abc import Iterable


class IgnoreFile(msgspec.Struct, frozen=True):
    """One ignore file: its patterns, and the absolute directory that they are relative to."""

    base: str
    patterns: GitIgnoreSpec


def is_ignored(path: str, ignore_files: Iterable[IgnoreFile], *, is_directory: bool) -> bool:
    """Whether git ignores the absolute `path`. The ignore files come in order, the outermost first."""
    verdict = False
    for ignore_file in ignore_files:
        relative = inside(path, ignore_file.base)
        if relative is None:
            continue
        said = ignore_file.patterns.check_file(relative + "/" if is_directory else relative).include
        verdict = verdict if said is None else said
    return verdict


def ignore_files_above(directory: str) -> tuple[IgnoreFile, ...]:
    """Read the ignore files of the repository around `directory` that lie above it; none without a repository."""
    chain = [directory]
    while not is_repository(chain[-1]):
        parent = str(Path(chain[-1]).parent)
        if parent == chain[-1]:
            return ()
        chain.append(parent)
    return tuple(found for level in reversed(chain[1:]) for found in ignore_files_in(level))


def ignore_files_in(directory: str) -> tuple[IgnoreFile, ...]:
    """Read the ignore files that `directory` itself brings in, the weaker first."""
    places = [Path(directory, ".gitignore")]
    if is_repository(directory):
        places.insert(0, _git_directory(Path(directory, ".git")) / "info" / "exclude")
    return tuple(IgnoreFile(directory, patterns) for patterns in map(_read, places) if patterns is not None)


def is_repository(directory: str) -> bool:
    """Whether `directory` is the root of a git working tree."""
    return os.path.lexists(Path(directory, ".git"))


def tolerant_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile the patterns in `lines`; as with git, those that make no sense match nothing."""
    return GitIgnoreSpec.from_lines([line for line in lines if _makes_sense(line)])


def _read(path: Path) -> GitIgnoreSpec | None:
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError:
        return None
    return tolerant_patterns(text.splitlines())


def _makes_sense(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _git_directory(dot_git: Path) -> Path:
    """Where a working tree's git data is; `.git` is a file in submodules and linked working trees."""
    try:
        pointer = dot_git.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return dot_git
    data = dot_git.parent / pointer.removeprefix("gitdir:").strip()
    try:
        return data / (data / "commondir").read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return data
