"""Where each statement of a module stands: its block, its siblings, the way down to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir

if TYPE_CHECKING:
    from leaklint.model import Span


class Block(msgspec.Struct, frozen=True, eq=False):
    """Statements that follow one another; `owner` is the statement they are inside, None for the module.

    `part` says which of the owner's blocks it is: `body`, `otherwise`, `final`, `handler 0`, `case 0`.
    """

    owner: ir.Statement | None
    part: str
    statements: tuple[ir.Statement, ...]
    outer: Place | None
    depth: int


class Place(msgspec.Struct, frozen=True, eq=False):
    """A statement's block and its index there."""

    block: Block
    index: int


def find_places(module: ir.Module) -> dict[Span, Place]:
    """Find the place of every statement by its span; statements that share one (`import a, b`) share a place."""
    places: dict[Span, Place] = {}
    pending = [Block(None, "body", module.body, None, 0)]
    while pending:
        block = pending.pop()
        for index, statement in enumerate(block.statements):
            place = Place(block, index)
            if statement.at in places:
                continue
            places[statement.at] = place
            pending.extend(
                Block(statement, part, statements, place, block.depth + 1)
                for part, statements in blocks_of(statement)
                if statements
            )
    return places


def blocks_of(statement: ir.Statement) -> list[tuple[str, tuple[ir.Statement, ...]]]:
    """Return the blocks directly inside `statement`, with the part of it that each is."""
    match statement:
        case ir.If() | ir.While() | ir.For():
            return [("body", statement.body), ("otherwise", statement.otherwise)]
        case ir.With():
            return [("body", statement.body)]
        case ir.Try():
            handlers = [(f"handler {number}", handler.body) for number, handler in enumerate(statement.handlers)]
            last = [("otherwise", statement.otherwise), ("final", statement.final)]
            return [("body", statement.body), *handlers, *last]
        case ir.Match():
            return [(f"case {number}", case.body) for number, case in enumerate(statement.cases)]
        case ir.Define():
            return [("body", statement.function.body)]
        case ir.DefineClass():
            return [("body", statement.definition.body)]
        case _:
            return []


def path_to(place: Place) -> tuple[Place, ...]:
    """Return the places from the module down to `place`, which is the last."""
    path = [place]
    while path[-1].block.outer is not None:
        path.append(path[-1].block.outer)
    return tuple(reversed(path))


def function_around(place: Place) -> ir.Function | None:
    """Return the innermost function that `place` is in."""
    for outer in reversed(path_to(place)):
        if isinstance(outer.block.owner, ir.Define):
            return outer.block.owner.function
    return None
