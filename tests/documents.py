"""Reads what a page of Markdown tells its reader to do: blocks of code, and tables."""

from __future__ import annotations

import re
from typing import NamedTuple

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?^(?P<fence>```+)(?P<language>\w+)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"`(?P<name>[\w./-]+)`[^`]*\Z")


class Block(NamedTuple):
    """A block of code, the comment directly above it, and the last name in backticks before it."""

    language: str
    text: str
    note: str
    above: str
    line: int


def blocks(page: str) -> list[Block]:
    """Every block of code that says its language."""
    found = []
    for match in _BLOCK.finditer(page):
        before = page[: match.start()]
        named = _FILE.search(before)
        line = before.count("\n") + 1
        found.append(Block(match["language"], match["text"], match["note"] or "", named["name"] if named else "", line))
    return found


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    _, _, below = page.partition(f"{heading}\n")
    table = re.search(r"^\|.*\n\|[-|]+\|\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table is not None, f"no table below {heading!r}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]
