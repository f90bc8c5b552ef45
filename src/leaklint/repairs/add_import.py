"""A module of the standard library by the name that a file has for it, or imported where its imports are."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.repairs.changes import Change, InsertAfter, InsertBefore
from leaklint.repairs.layout import comments_above
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout


def imported(layout: Layout, module: str, name: str) -> tuple[str, tuple[Change, ...]]:
    """How the file says `module.name`, and what must be added for that."""
    top = [statement for statement in layout.module.body if isinstance(statement, ir.Import)]
    for statement in top:
        if statement.module == module and statement.level == 0 and statement.name in (None, name):
            return statement.bound if statement.name == name else f"{statement.bound}.{name}", ()
    if module in layout.names:
        raise RefusedError(f"`{module}` means something else in this file")
    return f"{module}.{name}", (_new_import(layout, module, top),)


def _new_import(layout: Layout, module: str, top: list[ir.Import]) -> Change:
    """`import …` in the first group of imports, in the order of their names, below docstring and `__future__`."""
    line = f"import {module}"
    first = [statement for statement in top if statement.module != "__future__"]
    if not first:
        return _below_what_comes_first(layout, line)
    if first[0].module.partition(".")[0] not in sys.stdlib_module_names or first[0].level:
        return InsertBefore(first[0], (line, ""), above_comments=not _is_headed(layout, first[0]))
    group = first[: next((n for n, (one, two) in enumerate(pairwise(first), 1) if _is_apart(one, two)), len(first))]
    before = [statement for statement in group if statement.name is None and statement.module < module]
    return InsertAfter(before[-1], (line,)) if before else InsertBefore(group[0], (line,), above_comments=False)


def _is_apart(one: ir.Import, two: ir.Import) -> bool:
    return two.at.line - one.at.end_line > 1


def _below_what_comes_first(layout: Layout, line: str) -> Change:
    last: ir.Statement | None = None
    for statement in layout.module.body:
        match statement:
            case ir.Evaluate(value=ir.Text()) if last is None:
                last = statement
            case ir.Import(module="__future__"):
                last = statement
            case _:
                break
    if last is None:
        below = layout.module.body[0]
        blank = ("", "") if isinstance(below, ir.Define | ir.DefineClass) else ("",)
        return InsertBefore(below, (line, *blank), above_comments=not _is_headed(layout, below))
    return InsertAfter(last, ("", line))


def _is_headed(layout: Layout, statement: ir.Statement) -> bool:
    """Whether the comments above a statement are the head of the file, which must stay its first line: `#!`."""
    return 1 in comments_above(layout, statement)
