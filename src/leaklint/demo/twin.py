"""Where the reference transform's two sides stand: the repaired one ships, the leaking twin is a test fixture.

A wheel carries the twin as ``twin.txt`` beside this file: as text, because nobody is to import it. In a checkout it is
read from the fixtures.
"""

from __future__ import annotations

from pathlib import Path

import leaklint.reference

_HERE = Path(__file__).resolve().parent
_FIXTURE = Path("tests", "fixtures", "reference", "leaking_transform.py")


def repaired_transform() -> Path:
    """Return the path of the transform as it ships."""
    return Path(leaklint.reference.__path__[0], "transform.py")


def leaking_twin() -> Path:
    """Return the path of the leaking twin; FileNotFoundError if this installation is incomplete."""
    checkout = _HERE.parents[2]
    for path in (_HERE / "twin.txt", checkout / _FIXTURE):
        if path.is_file():
            return path
    raise FileNotFoundError(f"neither {_HERE / 'twin.txt'} nor {checkout / _FIXTURE} exists")
