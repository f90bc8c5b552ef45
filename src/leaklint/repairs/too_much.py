"""What LibCST's parser is not given: it would take the process down, or minutes, and neither can be caught.

Its native part calls itself for each operand of an expression, so that thousands of them end with a stack that runs
over; and it reads a pattern anew for each way in which the bracket that begins it may go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaklint.repairs.tokens import Token, Tokens

LONGEST_EXPRESSION = 2_000
"""Tokens of one expression, those of the brackets around it included; a stack of 1 MiB holds some of them."""

DEEPEST_PATTERN = 6
"""Brackets inside one another between `case` and its `if` or end; each more takes up to five times as long."""

OPENING = frozenset("([{")
CLOSING = frozenset(")]}")
SEPARATING = frozenset(",;")


def why_libcst_is_not_asked(tokens: Tokens) -> str | None:
    """What the file has that is too much for LibCST; None if there is nothing of the kind."""
    # For each bracket around a token: how many tokens stand in it since it was opened, or since its last comma.
    lengths = [0]
    is_pattern = False
    for token in tokens.all:
        if token.kind in ("comment", "newline"):
            lengths = lengths if token.kind == "comment" else [0]
            continue
        if token.begins:
            is_pattern = token.text == "case"
        elif token.text == "if" and len(lengths) == 1:
            is_pattern = False
        _count(token, lengths)
        if is_pattern and len(lengths) - 1 > DEEPEST_PATTERN:
            return "a pattern of too many brackets for LibCST"
        if sum(lengths) > LONGEST_EXPRESSION:
            return "an expression too long for LibCST"
    return None


def _count(token: Token, lengths: list[int]) -> None:
    if token.text in CLOSING and len(lengths) > 1:
        lengths.pop()
    elif token.text in SEPARATING:
        lengths[-1] = 0
    else:
        lengths[-1] += 1
        if token.text in OPENING:
            lengths.append(0)
