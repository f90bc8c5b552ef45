"""Physical lines and tokens of a file, placed by character offsets, whatever its line endings are."""

from __future__ import annotations

import io
import re
import tokenize
from typing import Literal, TypeAlias

import msgspec

from leaklint.repairs.refusal import RefusedError

Kind: TypeAlias = Literal["code", "text", "comment", "newline"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_INVISIBLE = {tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.ENDMARKER, tokenize.ENCODING}


class Line(msgspec.Struct, frozen=True):
    """A physical line: offsets of its start, of its first character that is no white space, and of its line ending."""

    start: int
    code: int
    end: int
    newline: str


class Token(msgspec.Struct, frozen=True):
    """A token; `begins` if a logical line starts with it, `text` is what an f-string says between its holes."""

    kind: Kind
    text: str
    start: int
    end: int
    begins: bool


class Tokens(msgspec.Struct, frozen=True, eq=False):
    """The tokens in order, where they start, the string literals, and what tokenizing tells about the file's form.

    `literals` are the offsets of whole string literals, f-strings included. `literal_lines` are the numbers (from 1)
    of the lines that begin inside one. `units` are the indentations that open blocks, relative to the block around.
    """

    all: tuple[Token, ...]
    starts: tuple[int, ...]
    literals: tuple[tuple[int, int], ...]
    literal_lines: frozenset[int]
    units: tuple[str, ...]


def physical_lines(text: str) -> tuple[Line, ...]:
    r"""Split at ``\n``, ``\r\n`` and ``\r``, as Python's parser does, and at nothing else."""
    lines = []
    start = 0
    for match in _LINE_END.finditer(text):
        lines.append(_line(text, start, match.start(), match.group()))
        start = match.end()
    if start < len(text):
        lines.append(_line(text, start, len(text), ""))
    return tuple(lines)


def read_tokens(text: str, lines: tuple[Line, ...]) -> Tokens:
    """Tokenize `text`.

    Raises RefusedError when the tokenizer does not take what the parser took.
    """
    collected = _Collected()
    plain = "".join(text[line.start : line.end] + "\n" * bool(line.newline) for line in lines)
    try:
        for token in tokenize.generate_tokens(io.StringIO(plain, newline="\n").readline):
            _collect(collected, token, lines)
    except (tokenize.TokenError, SyntaxError) as error:
        raise RefusedError(f"the file cannot be tokenized ({error})") from error
    return Tokens(
        tuple(collected.tokens),
        tuple(token.start for token in collected.tokens),
        tuple(collected.literals),
        frozenset(collected.literal_lines),
        tuple(collected.units),
    )


def _line(text: str, start: int, end: int, newline: str) -> Line:
    code = start
    while code < end and text[code] in " \t\f":
        code += 1
    return Line(start, code, end, newline)


class _Collected:
    """What has been read so far."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.literals: list[tuple[int, int]] = []
        self.literal_lines: set[int] = set()
        self.units: list[str] = []
        self.indentations = [""]
        self.begins = True
        self.open_literals: list[tokenize.TokenInfo] = []


def _collect(collected: _Collected, token: tokenize.TokenInfo, lines: tuple[Line, ...]) -> None:
    if token.type == tokenize.INDENT:
        around = collected.indentations[-1]
        collected.indentations.append(token.string)
        if token.string.startswith(around):
            collected.units.append(token.string[len(around) :])
    elif token.type == tokenize.DEDENT:
        collected.indentations.pop()
    if token.type in _INVISIBLE:
        return
    start, end = _offset(lines, token.start), _offset(lines, token.end)
    kind: Kind = "code"
    if token.type == tokenize.COMMENT:
        kind = "comment"
    elif token.type == tokenize.NEWLINE:
        kind = "newline"
    elif tokenize.tok_name[token.type].endswith("STRING_MIDDLE"):
        kind = "text"
    collected.tokens.append(Token(kind, token.string, start, end, collected.begins and kind == "code"))
    if kind != "comment":
        collected.begins = kind == "newline"
    _collect_literal(collected, token, lines)


def _collect_literal(collected: _Collected, token: tokenize.TokenInfo, lines: tuple[Line, ...]) -> None:
    """Python 3.12 and later take f-strings apart; the literal is then all from its start token to its end token."""
    name = tokenize.tok_name[token.type]
    first = token
    if name.endswith("STRING_START"):
        collected.open_literals.append(token)
        return
    if name.endswith("STRING_END"):
        first = collected.open_literals.pop()
    elif name != "STRING":
        return
    collected.literal_lines.update(range(first.start[0] + 1, token.end[0] + 1))
    if not collected.open_literals:
        collected.literals.append((_offset(lines, first.start), _offset(lines, token.end)))


def _offset(lines: tuple[Line, ...], place: tuple[int, int]) -> int:
    row, column = place
    if row > len(lines):
        return lines[-1].end + len(lines[-1].newline) if lines else 0
    line = lines[row - 1]
    return min(line.start + column, line.end)
