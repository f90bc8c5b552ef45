"""Text to syntax tree, with an error that names the line for whatever Python cannot parse."""

from __future__ import annotations

import ast
import re
import sys
import warnings

from leaklint.source import Source, SourceError, position

TOO_DEEP = "nested too deeply to analyse"

_PYTHON_2_MESSAGES = (
    "Missing parentheses in call to 'print'",
    "Missing parentheses in call to 'exec'",
    "multiple exception types must be parenthesized",
    "leading zeros in decimal integer literals",
)
_PYTHON_2_LINE = re.compile(
    r"^\s*(?:print\s+[^\s(=]|print\s*>>|exec\s+[^\s(=]|except\s+[\w.]+\s*,\s*\w+\s*:|raise\s+[\w.]+\s*,)"
    r"|<>|`[^`]+`|\b[uU][rR]['\"]|\b(?:0[xX][0-9a-fA-F]+|\d+)[lL]\b"
)
_SEVERAL_TYPES = re.compile(r"^\s*except\*?\s+[\w.]+(?:\s*,\s*[\w.]*\b[A-Z]\w*)+\s*,?\s*:")
"""Since Python 3.14 (PEP 758); in Python 2 a variable stands behind the comma, whose name is written small."""
_BLANK_LINES = re.compile(r"(?:\r\n|\r|\n)(?:[ \t\f]*(?:\r\n|\r|\n))+")


def parse(source: Source) -> ast.Module:
    """Parse a file. Raises SourceError with line and column; never prints or raises a warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.text, filename=source.path)
    except SyntaxError as error:
        raise _syntax_error(source, error) from error
    except (RecursionError, MemoryError) as error:
        raise SourceError(source.path, TOO_DEEP, _longest_chain(source)) from error
    except ValueError as error:
        raise SourceError(source.path, f"cannot be parsed: {error}", 1) from error


def _syntax_error(source: Source, error: SyntaxError) -> SourceError:
    line = error.lineno or 1
    column = max(error.offset or 1, 1)
    message = f"syntax error: {error.msg}"
    if _SEVERAL_TYPES.match(_line(source, line)):
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        message += (
            f" (Python 3.14 takes several types without them; leaklint reads what its own Python reads, {running})"
        )
    elif _looks_like_python_2(source, line, error.msg):
        message += " (looks like Python 2, which leaklint does not read)"
    return SourceError(source.path, message, line, column)


def _looks_like_python_2(source: Source, line: int, message: str) -> bool:
    if message.startswith(_PYTHON_2_MESSAGES):
        return True
    return _PYTHON_2_LINE.search(_line(source, line)) is not None


def _line(source: Source, number: int) -> str:
    starts = [*source.line_starts, len(source.text)]
    return source.text[starts[number - 1] : starts[number]] if number < len(starts) else ""


def _longest_chain(source: Source) -> int:
    """Find the longest stretch between blank lines: the likeliest place, where there is no tree to ask. Its line."""
    longest, begin, found = -1, 0, 0
    for blank in [*_BLANK_LINES.finditer(source.text), None]:
        end = len(source.text) if blank is None else blank.start()
        if end - begin > longest:
            longest, found = end - begin, begin
        begin = end if blank is None else blank.end()
    return position(source, found)[0]
