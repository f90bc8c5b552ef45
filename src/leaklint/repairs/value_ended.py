"""A skipped eviction beside what ends the value: both go into the `finally`, in the order that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.changes import Change, RemoveStatement, WrapInTry
from leaklint.repairs.cleanup import Cleanup, cleanup_at, lines_of, under
from leaklint.repairs.closing_first import closing_first, entry_of
from leaklint.repairs.ending import ends, only_ends, says_it
from leaklint.repairs.find import function_of, names_bound, names_read, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import Stretch, require_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.repairs.layout import Layout


class Behind(msgspec.Struct, frozen=True):
    """What ends a value right behind the eviction: the statements, the names of the value, the lines that say it."""

    statements: tuple[ir.Statement, ...]
    names: tuple[str, ...]
    lines: tuple[str, ...]


def endings_behind(intent: Intent, stretch: Stretch, cleanup: Cleanup) -> Behind:
    """Return what ends the value, by a name that it has where it is inserted, right behind its eviction.

    Raises RefusedError where the value is ended before the eviction, in the same block.
    """
    layout, names = intent.layout, tuple(sorted(names_of_value(intent, stretch)))
    above, end = place_of(layout, cleanup.statements[0]), place_of(layout, cleanup.statements[-1])
    siblings = above.block.statements
    for name in names:
        if above.index and only_ends(layout, siblings[above.index - 1], name, by_name=True):
            raise RefusedError("the value is ended before its entry is evicted")
        last = end.index
        while last + 1 < len(siblings) and only_ends(layout, siblings[last + 1], name, by_name=True):
            last += 1
        if last > end.index:
            found = siblings[end.index + 1 : last + 1]
            return Behind(found, names, tuple(line for one in found for line in lines_of(layout, one, [])))
    return Behind((), (), ())


def last_that_ends(intent: Intent, stretch: Stretch, start: int, end: int) -> int:
    """Return the index of the last statement behind the eviction at `end` that ends the value and does nothing else."""
    siblings, layout = stretch.block.statements, intent.layout
    for name in sorted(names_of_value(intent, stretch)):
        last = end
        while last + 1 < len(siblings) and only_ends(layout, siblings[last + 1], name, by_name=True):
            last += 1
        if last > end and not is_dealt_with(layout, siblings[start : stretch.last], name):
            return last
    return end


def plan_with_ending_before(intent: Intent, stretch: Stretch, start: int) -> Plan | None:
    """The value is ended, then its entry evicted: a `try/finally` in the `finally`, so that neither is left out.

    None where the eviction stands alone.
    """
    layout = intent.layout
    if stretch.is_helper or start == stretch.first:
        return None
    cleanup = cleanup_at(layout, stretch.eviction)
    if cleanup.statements[0] is not stretch.sibling(stretch.last) or cleanup.gets is not None:
        return None
    endings = _endings_before(intent, stretch)
    last = stretch.last - len(endings) - 1
    if not endings or last < start:
        return None
    closing = closing_first(layout, cleanup)
    fetch = closing.fetch if closing is not None else None
    subjects = names_of_value(intent, stretch) | ({closing.name} if closing is not None and closing.name else set())
    protected = stretch.block.statements[start : last + 1]
    if any(is_dealt_with(layout, protected, name) for name in subjects):
        raise RefusedError("the value is ended or given away before its entry is evicted")
    said = [*sorted(subjects), *([entry_of(layout, cleanup)] if closing is not None else [])]
    if not all(any(only_ends(layout, one, name, by_name=True) for name in said) for one in endings if one is not fetch):
        raise RefusedError("what is done with the value does not say that it ends it")
    parts = (*endings, *cleanup.statements)
    require_bound(layout, stretch, parts, stretch.sibling(start), stretch.sibling(last))
    lines = [line for statement in endings for line in lines_of(layout, statement, [])]
    evicting = [line for statement in cleanup.statements for line in lines_of(layout, statement, [])]
    lines = [*under(["try:"], lines), *under(["finally:"], evicting)]
    changes: tuple[Change, ...] = (WrapInTry(stretch.sibling(start), stretch.sibling(last), tuple(lines)),)
    return Plan((*changes, *map(RemoveStatement, parts)))


def _endings_before(intent: Intent, stretch: Stretch) -> tuple[ir.Statement, ...]:
    layout = intent.layout
    closing = closing_first(layout, cleanup_at(layout, stretch.eviction))
    if closing is not None:
        return (*(() if closing.fetch is None else (closing.fetch,)), *closing.endings)
    for name in sorted(names_of_value(intent, stretch)):
        first = stretch.last
        while first > 0 and only_ends(layout, stretch.sibling(first - 1), name, by_name=True):
            first -= 1
        if first < stretch.last:
            return stretch.block.statements[first : stretch.last]
    return ()


def names_of_value(intent: Intent, stretch: Stretch) -> set[str]:
    """The variables that have the value when it is inserted."""
    layout, at = intent.layout, intent.report.story.insertion.place.at
    inserting = statement_around(layout, at)
    if function_of(layout, inserting) is not stretch.function:
        return set()
    match inserting:
        case ir.Assign(targets=targets, value=value) if any(target.at == at for target in targets):
            return {one.id for one in (*targets, value) if isinstance(one, ir.Name)}
        case _:
            return set()


def is_dealt_with(layout: Layout, statements: Sequence[ir.Statement], name: str) -> bool:
    """Whether statements end the value themselves, give it away for good, or bind its name anew."""
    for statement in statements:
        if name in names_bound(statement):
            return True
        for node in below(statement):
            if isinstance(node, ir.Return) and isinstance(node.value, ir.Name) and name in names_read(node.value):
                return True
            if isinstance(node, ir.Evaluate) and ends(layout, node, name) and says_it(node):
                return True
    return False
