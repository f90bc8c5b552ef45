"""`# noqa` comments, for the command line; flake8 reads its own.

`# noqa` silences its line, `# noqa: LKL101,E501` only these codes (or the codes that begin so), `# flake8: noqa` and
`# ruff: noqa` on a line of their own the whole file. Only comments count, never text in strings. A comment behind a
string of several lines, or behind lines that are joined by backslashes, holds for all of them, as in flake8.
"""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_ON_LINE = re.compile(r"#\s*noqa(?::\s?(?P<codes>(?:[A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)
_IN_FILE = re.compile(r"#\s*(?:flake8|ruff)[:=]\s*noqa(?::\s?(?P<codes>(?:[A-Z]+[0-9]+(?:[,\s]+)?)+))?", re.IGNORECASE)


class Suppressions(msgspec.Struct, frozen=True):
    """Beginnings of codes that are silenced in the whole file, and on each line; the empty one silences every code."""

    in_file: tuple[str, ...] = ()
    on_line: dict[int, tuple[str, ...]] = {}

    def silences(self, code: str, line: int) -> bool:
        """Whether a finding with `code` on `line`, from 1, is silenced."""
        return code.startswith((*self.in_file, *self.on_line.get(line, ())))


def suppressions(text: str) -> Suppressions:
    """Read the suppressions in a file's text; none if Python cannot split it into tokens."""
    if "noqa" not in text.lower():
        return Suppressions()
    in_file: list[str] = []
    on_line: dict[int, tuple[str, ...]] = {}
    try:
        for first, last, comment, is_alone in _comments(text):
            whole_file = _IN_FILE.match(comment)
            if whole_file is not None and is_alone:
                in_file.extend(_codes(whole_file))
            elif (found := _ON_LINE.search(comment)) is not None:
                on_line.update((line, on_line.get(line, ()) + _codes(found)) for line in range(first, last + 1))
    except (tokenize.TokenError, SyntaxError):
        return Suppressions()
    return Suppressions(tuple(in_file), on_line)


def _comments(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Find every comment with the first and last of the lines that it holds for, and whether it has its line alone."""
    comments: list[tuple[str, bool]] = []
    first = 0
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        first = first or token.start[0]
        if token.type == tokenize.COMMENT:
            comments.append((token.string, not token.line[: token.start[1]].strip()))
        if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
            yield from ((first, token.end[0], *comment) for comment in comments)
            comments, first = [], 0


def _codes(found: re.Match[str]) -> tuple[str, ...]:
    codes = found["codes"]
    return ("",) if codes is None else tuple(code.upper() for code in re.split(r"[,\s]+", codes) if code)
