"""Reads git repositories without running anything that they bring along.

No hook, filter, file system monitor, alias or transport of an analysed repository may run. Its configuration is only
read to resolve a revision, with every transport forbidden; files come out of the object database through an empty
repository of our own that borrows the objects. Index, branches, checkout and list of working trees are not touched.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 600
"""One call of git may take this long."""


STOPPED = f"git stopped in the middle of reading files, or took longer than {SECONDS} seconds"


class GitError(Exception):
    """What git, or the lack of it, says about a repository."""


class Commit(msgspec.Struct, frozen=True):
    """A commit, and where its objects lie."""

    digest: str
    objects: str
    """The absolute directory of the object database."""
    digest_format: str


class Entry(msgspec.Struct, frozen=True):
    """A file of a tree: mode and object as git writes them, and its path in bytes."""

    mode: bytes
    digest: bytes
    path: bytes


def is_git(directory: Path) -> bool:
    """Whether `directory` is the root of a checkout or a bare repository."""
    return os.path.lexists(directory / ".git") or (
        (directory / "HEAD").is_file() and (directory / "objects").is_dir() and (directory / "refs").is_dir()
    )


def resolve(repository: str, revision: str) -> Commit:
    """Find the commit that a branch, a tag or any other revision means. Raises GitError."""
    if revision.startswith("-"):
        raise GitError(f"'{revision}' is not a revision")
    root = Path(repository)
    inner = root / ".git" if os.path.lexists(root / ".git") else root
    # All in one call: of ten thousand repositories each must be asked before the work on them begins.
    asked = ("--git-path", "objects", "--show-object-format", "--verify", "--quiet", "--end-of-options")
    told = _git(f"--git-dir={inner}", "rev-parse", *asked, f"{revision}^{{commit}}", missing=revision)
    objects, digest_format, digest = os.fsdecode(told.removesuffix(b"\n")).rsplit("\n", 2)
    return Commit(digest, str(Path.cwd().joinpath(objects).resolve()), digest_format)


def borrow(commit: Commit, folder: Path) -> str:
    """Make an empty repository in `folder` that finds the objects of `commit`. Returns its path."""
    own = folder / "borrowed.git"
    _git("init", "--quiet", "--bare", "--template=", f"--object-format={commit.digest_format}", str(own))
    info = own / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    # Quoted as C does, because a path may hold a line feed or begin with a hash.
    (info / "alternates").write_bytes(quoted(os.fsencode(commit.objects), always=True) + b"\n")
    return str(own)


def entries(own: str, digest: str) -> list[Entry]:
    """List the files of a commit's tree; links and submodules among them. Raises GitError."""
    listed = _git(f"--git-dir={own}", "ls-tree", "-r", "-z", "--full-tree", digest)
    found = []
    for line in listed.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _kind, name = head.split(b" ")
        found.append(Entry(mode, name, path))
    return found


def contents(own: str, wanted: list[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    """Read the bytes of files, one after the other; None for one that is missing from the database."""
    command = ["git", f"--git-dir={own}", "cat-file", "--batch"]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        ) as process,
        _ended_in_time(process),
    ):
        asking, answers = process.stdin, process.stdout
        assert asking is not None
        assert answers is not None
        for entry in wanted:
            asking.write(entry.digest + b"\n")
            asking.flush()
            head = answers.readline().split()
            if not head:
                raise GitError(STOPPED)
            if head[-1] == b"missing":
                yield entry, None
            else:
                data = answers.read(int(head[2]))
                if not answers.read(1):
                    raise GitError(STOPPED)
                yield entry, data
        asking.close()


@contextmanager
def _ended_in_time(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End it when it has taken too long: an object may be a pipe that nobody writes into."""
    watch = threading.Timer(SECONDS, process.kill)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def quoted(path: bytes, *, always: bool = False) -> bytes:
    """Quote a path as git does where it holds quotes, backslashes or control characters."""
    if not always and not any(byte < 0x20 or byte in b'"\\\x7f' for byte in path):
        return path
    named = {0x22: b'\\"', 0x5C: b"\\\\", 0x0A: b"\\n", 0x09: b"\\t", 0x0D: b"\\r"}
    written = (named.get(byte) or (b"\\%03o" % byte if byte < 0x20 or byte == 0x7F else bytes([byte])) for byte in path)
    return b'"' + b"".join(written) + b'"'


def _git(*arguments: str, missing: str | None = None) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments], env=_environment(), capture_output=True, check=False, timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise GitError("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git took longer than {SECONDS} seconds") from error
    if done.returncode:
        said = os.fsdecode(done.stderr).strip().splitlines()
        if not said and missing is not None:
            raise GitError(f"there is no revision '{missing}'")
        raise GitError(said[-1] if said else f"git failed with exit code {done.returncode}")
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A partial clone must not fetch what it lacks: the way to its server is a command of its configuration.
    forbidden = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **forbidden, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
