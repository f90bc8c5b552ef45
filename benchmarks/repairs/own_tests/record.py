"""What is kept of the packages' own tests: the last trial of each package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.repairs.own_tests.trial import Tried
from leaklint import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = Path(__file__).with_name("result.json")


class Record(msgspec.Struct, frozen=True):
    """Every trial, in the order of the packages' names."""

    leaklint: str
    trials: tuple[Tried, ...]


def load(path: Path = RECORD) -> Record | None:
    """Read the recorded trials; None if there are none."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.is_file() else None


def save(trials: Iterable[Tried], path: Path = RECORD) -> None:
    """Write trials down; packages that were not tried now keep what was recorded of them."""
    known = load(path)
    kept = {(tried.package, tried.version): tried for tried in (known.trials if known else ())}
    kept.update({(tried.package, tried.version): tried for tried in trials})
    record = Record(__version__, tuple(kept[name] for name in sorted(kept)))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
