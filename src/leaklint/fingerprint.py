"""Names a finding so that the name survives edits elsewhere in the file: it holds no line numbers.

Findings that are otherwise alike are told apart by their order in the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaklint.model import Finding

LENGTH = 32
"""Hexadecimal digits in a fingerprint."""


def fingerprints(findings: Iterable[Finding], path: str) -> tuple[str, ...]:
    """Name the findings of one file, in its order; `path` is relative to the repository, with forward slashes."""
    seen: Counter[tuple[str, ...]] = Counter()
    names = []
    for finding in findings:
        identity = (finding.code, path, finding.symbol, finding.cache, finding.key)
        names.append(_digest((*identity, str(seen[identity]))))
        seen[identity] += 1
    return tuple(names)


def _digest(parts: tuple[str, ...]) -> str:
    joined = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(joined).hexdigest()[:LENGTH]
