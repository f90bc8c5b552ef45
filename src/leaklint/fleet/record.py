"""What is kept of each repository on disk, and whether it still holds: the key of `--resume`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from leaklint import __version__
from leaklint.fleet.repositories import Refused, Repository
from leaklint.fleet.work import Order, Result
from leaklint.leftovers import remove_leftovers
from leaklint.paths import encodable
from leaklint.source import write_atomically

RECORD = "record.json"
FOLDER = "repositories"


class Record(msgspec.Struct, frozen=True):
    """One repository in short. It is written last, so that where it is, everything is."""

    slug: str
    repository: str
    asked: str
    revision: str
    key: str
    failure: str | None
    files: int
    lines: int
    findings: int
    repaired: int
    errors: tuple[str, ...]
    seconds: float
    known: int = 0
    gone: tuple[str, ...] = ()
    timed_out: tuple[str, ...] = ()
    limit: int = 0
    """Seconds that each file was allowed."""


def key_of(repository: Repository, order: Order) -> str:
    """What a result depends on: the revision (with the configuration in it), the version, and what was ordered."""
    asked = msgspec.json.encode((order.choice, order.isolated, order.unsafe))
    # The grammar that files are read with is Python's own.
    parts = [repository.revision.encode(), __version__.encode(), b"%d.%d" % sys.version_info[:2], asked]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_done(output: Path, repository: Repository, order: Order) -> bool:
    """Whether an earlier run has left the result that this one would make.

    Failures are tried again, and files that took too long if they have more time now.
    """
    record = read(output / FOLDER / repository.slug / RECORD)
    if record is None or record.failure is not None or record.key != key_of(repository, order):
        return False
    return not record.timed_out or order.seconds <= record.limit


def read(path: Path) -> Record | None:
    """Read a record; None if there is none that can be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def keep(output: Path, repository: Repository, order: Order, result: Result) -> Record:
    """Write the result of one repository. Raises SourceError and OSError."""
    folder = output / FOLDER / repository.slug
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).unlink(missing_ok=True)
    remove_leftovers(folder)
    files = {"repair.patch": result.patch, "findings.json": result.findings_json, "findings.sarif": result.sarif}
    for name, data in files.items():
        if result.failure is None:
            write_atomically(str(folder / name), data)
        else:
            (folder / name).unlink(missing_ok=True)
    record = Record(
        slug=repository.slug,
        repository=encodable(repository.path),
        asked=encodable(repository.asked),
        revision=repository.revision,
        key=key_of(repository, order),
        failure=None if result.failure is None else encodable(result.failure),
        files=result.files,
        lines=result.lines,
        findings=result.findings,
        repaired=result.repaired,
        errors=result.errors,
        seconds=result.seconds,
        known=result.known,
        gone=result.gone,
        timed_out=result.timed_out,
        limit=order.seconds,
    )
    write_atomically(str(folder / RECORD), msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    return record


def refuse(output: Path, refused: Refused) -> None:
    """Write down why a repository could not be begun with."""
    nothing = Repository(refused.path, refused.asked, "", refused.slug, None)
    keep(output, nothing, Order(), Result(refused.slug, failure=refused.reason))


def records(output: Path, slugs: list[str]) -> Iterator[Record]:
    """Read the records of a run, one at a time, in the order of `slugs`."""
    for slug in slugs:
        record = read(output / FOLDER / slug / RECORD)
        if record is not None:
            yield record
