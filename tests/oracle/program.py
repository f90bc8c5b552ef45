"""One program of the oracle, as data, and the way its lines are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Lines: TypeAlias = "Sequence[str | Lines]"


class Program(msgspec.Struct, frozen=True):
    """A module, how to call it, and where its entries lie."""

    id: str
    source: str
    setup: tuple[str, ...]
    """Statements run before the operations; `backend` and `executor` are bound already."""
    calls: tuple[str, ...]
    """The operations, run one after the other; one that raises does not stop the next."""
    caches: tuple[str, ...]
    """Expressions for the mappings that must be empty in the end."""
    dimensions: dict[str, str]
    expected: frozenset[str] = frozenset()
    """The rules that may speak; empty for a program without a leak."""


def render(lines: Lines, depth: int = 0) -> str:
    """Text of nested lines: a string is a line, a sequence in it is one level deeper."""
    parts = []
    for line in lines:
        if not isinstance(line, str):
            parts.append(render(line, depth + 1))
        elif line:
            parts.append("    " * depth + line + "\n")
        else:
            parts.append("\n")
    return "".join(parts)
