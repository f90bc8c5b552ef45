"""The files of one revision in a temporary directory, which is gone afterwards.

Only regular files that have a part in the analysis are written. Links are not, so that none leads out of the
repository, and submodules are repositories of their own. A name that would leave the directory is refused.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from leaklint.fleet.git import borrow, contents, entries
from leaklint.fleet.plain import baselines_of, files_of, is_needed
from leaklint.model import FileError

if TYPE_CHECKING:
    from leaklint.fleet.git import Entry
    from leaklint.fleet.repositories import Repository

REGULAR = (b"100644", b"100755", b"100664")


@contextmanager
def worktree(repository: Repository, workspace: str | None) -> Iterator[tuple[Path, list[FileError]]]:
    """Lay out the files below `workspace`, by default where the system keeps temporary files.

    Hands out the root and what could not be laid out. Raises GitError and OSError.
    """
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="leaklint-fleet-", dir=workspace)))
    try:
        root = folder / "tree"
        # An empty `.git` makes it the root of a repository: no settings from further up are looked for.
        (root / ".git").mkdir(parents=True)
        if repository.commit is None:
            errors = _copy(Path(repository.path), root)
        else:
            own = borrow(repository.commit, folder)
            errors = _lay_out(own, entries(own, repository.commit.digest), root)
        yield root, errors
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, root: Path) -> list[FileError]:
    written = (_written(root, name, path.read_bytes) for name, path in files_of(source))
    return [error for error in written if error is not None]


def _lay_out(own: str, listed: list[Entry], root: Path) -> list[FileError]:
    errors, wanted, others = [], [], {}
    for entry in listed:
        name = os.fsdecode(entry.path)
        if entry.mode not in REGULAR:
            continue
        if not is_needed(name.rpartition("/")[2]):
            others[name] = entry
        elif _leads_out(name):
            errors.append(FileError(name, "has a path that leads out of the repository"))
        else:
            wanted.append(entry)
    errors += _laid_out(own, wanted, root)
    names = [os.fsdecode(entry.path) for entry in wanted]
    configurations = (root / name for name in names if name.rpartition("/")[2] == "pyproject.toml")
    baselines = [others[name] for name in baselines_of(root, configurations) if name in others]
    return errors + _laid_out(own, baselines, root)


def _laid_out(own: str, wanted: list[Entry], root: Path) -> list[FileError]:
    errors = []
    for entry, data in contents(own, wanted) if wanted else ():
        name = os.fsdecode(entry.path)
        if data is None:
            errors.append(FileError(name, "is missing from the object database; the clone is partial or damaged"))
        elif (error := _written(root, name, partial(bytes, data))) is not None:
            errors.append(error)
    return errors


def _leads_out(name: str) -> bool:
    return any(
        part in ("", ".", "..") or part.lower() == ".git" or (os.sep != "/" and os.sep in part)
        for part in name.split("/")
    )


def _written(root: Path, name: str, read: Callable[[], bytes]) -> FileError | None:
    try:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(read())
    except OSError as error:
        return FileError(name, f"cannot be laid out: {error.strerror}")
    return None
