"""Which repositories to work on: what was named, what stands in a list, and which revision of each is meant."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from leaklint.fleet.git import Commit, GitError, is_git, resolve
from leaklint.fleet.plain import digest_of
from leaklint.paths import absolute

LONGEST_NAME = 60

PINNED_AT_ONCE = 4
"""Repositories that are asked for their revision side by side; nobody works on one before all are known."""


class Asked(msgspec.Struct, frozen=True):
    """A repository as somebody named it, and where: `list.txt:3`, or nothing for the command line."""

    path: str
    revision: str = "HEAD"
    where: str = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository at one commit; `commit` is None for a directory without git, which `revision` is a digest of."""

    path: str
    asked: str
    revision: str
    slug: str
    commit: Commit | None


class Refused(msgspec.Struct, frozen=True):
    """A repository that cannot be worked on, and why."""

    path: str
    asked: str
    slug: str
    reason: str


def asked_for(words: Iterable[str], lists: Iterable[str]) -> Iterator[Asked]:
    """Read the command line and the files with lists. Raises OSError for a list that cannot be read."""
    for word in words:
        yield _asked(word, Path.cwd(), "")
    for name in lists:
        base = Path(absolute(name)).parent
        text = Path(name).read_bytes().decode("utf-8-sig", "surrogateescape")
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield _asked(line.strip(), base, f"{name}:{number}")


def found(asked: Iterable[Asked]) -> Iterator[Repository | Refused]:
    """Pin each repository to a commit; a directory that holds repositories stands for each of them."""
    seen: set[str] = set()
    with ThreadPoolExecutor(PINNED_AT_ONCE) as threads:
        for pinned in threads.map(lambda named: _pinned(*named), _places(asked)):
            if pinned.slug not in seen:
                seen.add(pinned.slug)
                yield pinned


def _places(asked: Iterable[Asked]) -> Iterator[tuple[Path, Asked]]:
    for one in asked:
        root = Path(one.path)
        inner = [] if is_git(root) or not root.is_dir() else _inside(root)
        yield from ((place, one) for place in inner or [root])


def _asked(word: str, base: Path, where: str) -> Asked:
    """Split `PATH@REVISION`; a path that exists as it is written has no revision, even with an `@` in it."""
    whole = absolute(str(base / word))
    if os.path.lexists(whole):
        return Asked(whole, where=where)
    for match in re.finditer("@", word):
        path, revision = absolute(str(base / word[: match.start()])), word[match.end() :]
        if match.start() and revision and Path(path).is_dir():
            return Asked(path, revision, where)
    return Asked(whole, where=where)


def _inside(root: Path) -> list[Path]:
    """Find the repositories below `root`, in order of their names, and none within another."""
    places = []
    for directory, folders, _ in os.walk(root):
        folders.sort()
        if is_git(Path(directory)):
            places.append(Path(directory))
            folders.clear()
    return places


def _pinned(place: Path, asked: Asked) -> Repository | Refused:
    slug = _slug(place, asked.revision)
    try:
        if is_git(place):
            commit = resolve(str(place), asked.revision)
            return Repository(str(place), asked.revision, commit.digest, slug, commit)
        if not place.is_dir():
            raise GitError("no such repository")
        if asked.revision != "HEAD":
            raise GitError("this directory is no git repository and has no revisions")
        return Repository(str(place), asked.revision, digest_of(place), slug, None)
    except (GitError, OSError) as error:
        reason = f"{asked.where}: {error}" if asked.where else str(error)
        return Refused(str(place), asked.revision, slug, reason)


def _slug(place: Path, revision: str) -> str:
    """Name the directory of the results: readable, safe on every file system, different for different repositories."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", place.name)[:LONGEST_NAME].strip("-.") or "repository"
    whole = os.fsencode(str(place)) + b"\0" + os.fsencode(revision)
    return f"{readable}-{hashlib.sha256(whole).hexdigest()[:10]}"
