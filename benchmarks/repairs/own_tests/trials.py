"""The packages whose own tests are run: what is repaired in them, which tests are nearest, and what these need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.releases import Release

if TYPE_CHECKING:
    from collections.abc import Sequence

MANIFEST = Path(__file__).with_name("trials.json")


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One release with its tests. Paths are relative to its source archive's top folder."""

    package: str
    version: str
    python: str
    """The Python that its tests were written for."""
    repaired: tuple[str, ...]
    tests: tuple[str, ...]
    """What pytest is given: the tests nearest to what is repaired, and options."""
    requires: tuple[str, ...]
    """What the tests need beside what the package needs."""
    note: str | None = None

    @property
    def release(self) -> Release:
        """The source archive, which holds the tests."""
        return Release(self.package, self.version, self.python, source=True)


def load(names: Sequence[str] = (), path: Path = MANIFEST) -> tuple[Trial, ...]:
    """Read the trials; with `names` those of these packages. Raises KeyError for a package that has none."""
    trials = msgspec.json.decode(path.read_bytes(), type=tuple[Trial, ...])
    for name in names:
        if name not in {trial.package for trial in trials}:
            raise KeyError(name)
    return tuple(trial for trial in trials if not names or trial.package in names)
