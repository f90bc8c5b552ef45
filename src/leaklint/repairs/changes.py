"""The changes a repair is made of. Plain data: :func:`leaklint.repairs.surgery.combine` turns them into edits.

Every change names statements of the file as it was; changes are applied one after the other, and a later one stands
closer to its statement than an earlier one: ``[WrapInTry(s, s, …), InsertBefore(s, …, above_comments=False)]`` puts
the new line inside the ``try``, the reverse order puts it above.

Lines are given relative to the block they go to, a step of four spaces (or a tab) for each level; they are written
with the indentation and the line endings of the place they go to.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from leaklint import ir
from leaklint.model import Span


class InsertBefore(msgspec.Struct, frozen=True):
    """New lines above a statement, and above the comments directly above it unless `above_comments` is off."""

    statement: ir.Statement
    lines: tuple[str, ...]
    above_comments: bool = True


class InsertAfter(msgspec.Struct, frozen=True):
    """New lines below a statement."""

    statement: ir.Statement
    lines: tuple[str, ...]


class WrapInTry(msgspec.Struct, frozen=True):
    """`try:` around the siblings from `first` to `last`, `finally:` or another clause with new lines below."""

    first: ir.Statement
    last: ir.Statement
    lines: tuple[str, ...]
    clause: str = "finally:"


class WrapInWith(msgspec.Struct, frozen=True):
    """A `with` statement's `header` above the siblings from `first` to `last`, which are put into it."""

    first: ir.Statement
    last: ir.Statement
    header: str


class AddFinally(msgspec.Struct, frozen=True):
    """A `finally:` for a `try` that has none."""

    statement: ir.Try
    lines: tuple[str, ...]


class ExtendFinally(msgspec.Struct, frozen=True):
    """New lines in the `finally` of a `try`, below those that are there or, with `first`, above them."""

    statement: ir.Try
    lines: tuple[str, ...]
    first: bool = False


class FinallyFrom(msgspec.Struct, frozen=True):
    """`try:` around the siblings from `first` to `last`; those behind, `moved` to `moved_last`, become its `finally`.

    A `try` statement without `finally` that is both `first` and `last` gets the `finally` itself. With `absorbs`, one
    that is `first` takes the others in instead of being put into another `try`.
    """

    first: ir.Statement
    last: ir.Statement
    moved: ir.Statement
    moved_last: ir.Statement
    absorbs: bool = False


class StretchTry(msgspec.Struct, frozen=True):
    """A `try` that begins with the siblings above it already, from `first` on."""

    statement: ir.Try
    first: ir.Statement


class RemoveHandler(msgspec.Struct, frozen=True):
    """A handler taken out, of a `try` that has another clause left."""

    handler: ir.Handler


class RemoveElse(msgspec.Struct, frozen=True):
    """The `else` of a `try` taken out."""

    statement: ir.Try


class RemoveStatement(msgspec.Struct, frozen=True):
    """A statement taken out; its comments stay, and `pass` where the block would be empty."""

    statement: ir.Statement


class ReplaceStatement(msgspec.Struct, frozen=True):
    """Other text in place of a statement of one line, comments behind it kept."""

    statement: ir.Statement
    text: str


class ReplaceExpression(msgspec.Struct, frozen=True):
    """Other text in place of an expression."""

    span: Span
    text: str


class Hoist(msgspec.Struct, frozen=True):
    """`name = <expression>` on a line of its own above the statement, the name in its place."""

    statement: ir.Statement
    expression: ir.Expression
    name: str


class ComprehensionToLoop(msgspec.Struct, frozen=True):
    """A comprehension written out as a loop that builds `name`, above the statement that contains it.

    With a `key` (an expression within the element) the loop first binds it to `key_name`, then come `key_lines`.
    If the statement is just `name = <comprehension>` the loop takes its place. A generator expression is written out
    only if `eager` says that its consumer takes everything at once.
    """

    statement: ir.Statement
    comprehension: ir.Comprehension
    name: str
    key: ir.Expression | None = None
    key_name: str = ""
    key_lines: tuple[str, ...] = ()
    eager: bool = False


Change: TypeAlias = (
    InsertBefore
    | InsertAfter
    | WrapInTry
    | WrapInWith
    | AddFinally
    | ExtendFinally
    | FinallyFrom
    | StretchTry
    | RemoveHandler
    | RemoveElse
    | RemoveStatement
    | ReplaceStatement
    | ReplaceExpression
    | Hoist
    | ComprehensionToLoop
)


def wrap_to_end(siblings: tuple[ir.Statement, ...], first: ir.Statement, lines: tuple[str, ...]) -> WrapInTry:
    """Wrap from `first` to the last of its block."""
    return WrapInTry(first, siblings[-1], lines)
