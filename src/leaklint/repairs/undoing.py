"""What the code does to evict an entry, said again for where an exception leaves the code before it does so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import shared_depth
from leaklint.ir_walk import below
from leaklint.repairs.cleanup import Cleanup, cache_of, cleanup_at, headers_of, locks_around, said
from leaklint.repairs.closing_first import closing_first, require_all_endings_known
from leaklint.repairs.expressions import as_argument
from leaklint.repairs.find import function_of, names_read, statement_around
from leaklint.repairs.gaps import Condition, conditions_on
from leaklint.repairs.guards import helpers_only_evict
from leaklint.repairs.layout import text_of
from leaklint.repairs.named_key import MOVED_ON, moves_on
from leaklint.repairs.naming import free_name
from leaklint.repairs.outsiders import first_condition_elsewhere
from leaklint.repairs.own_words import eviction_of, eviction_of_the_same, inserted_by
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import Stretch, cleanup_of
from leaklint.repairs.value_ended import endings_behind

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent

_LEAVES = frozenset({"__exit__", "__aexit__"})
ENTERS = frozenset({"__enter__", "__aenter__"})


class Undoing(msgspec.Struct, frozen=True, eq=False):
    """The lines that evict, the statements whose names they read, the locks around them, and what evicts now.

    `ended` are the names of a value that the lines end. `is_unentered` says that they leave out how a context manager
    is left, which is right only while it has not been entered.
    """

    lines: tuple[str, ...]
    needed: tuple[ir.Statement, ...]
    locks: tuple[str, ...]
    evicting: ir.Statement
    ended: tuple[str, ...] = ()
    is_unentered: bool = False


def undoing_of(intent: Intent, stretch: Stretch) -> Undoing:
    """Return how to evict what was inserted. Raises RefusedError where that cannot be said again."""
    layout = intent.layout
    if not stretch.is_helper:
        return cleanup_again(intent, stretch, cleanup_of(layout, stretch))
    if helpers_only_evict(intent) and not stretch.strict:
        statement = cleanup_of(layout, stretch).statements[0]
        if _locks_in_helpers(intent) and locks_around(layout, stretch.insertion):
            raise RefusedError("the helper that evicts takes a lock, which may be held already")
        return Undoing(
            said(layout, cleanup_of(layout, stretch)), (statement,), locks_around(layout, statement), statement
        )
    return _in_own_words(intent, stretch, is_the_same=False)


def undoing_of_the_same(intent: Intent, stretch: Stretch) -> Undoing:
    """Return how to evict the entry if it is still the one that was inserted."""
    return _in_own_words(intent, stretch, is_the_same=True)


def conditions_of(intent: Intent, stretch: Stretch, undoing: Undoing) -> tuple[Condition, ...]:
    """Return the conditions in the function that the eviction stands under."""
    return conditions_on(intent.layout, stretch, undoing.evicting)


def _in_own_words(intent: Intent, stretch: Stretch, *, is_the_same: bool) -> Undoing:
    inserted = inserted_by(intent, stretch)
    if moves_on(intent, stretch, inserted.key):
        raise RefusedError(MOVED_ON)
    _require_only_evicted(intent)
    _require_unconditional_elsewhere(intent, stretch)
    lines = eviction_of_the_same(intent, stretch, inserted) if is_the_same else eviction_of(intent, inserted)
    evicting = stretch.evicting if stretch.is_helper else cleanup_of(intent.layout, stretch).statements[0]
    return Undoing(lines, inserted.said, _locks_elsewhere(intent, stretch), evicting)


def cleanup_again(intent: Intent, stretch: Stretch, cleanup: Cleanup) -> Undoing:
    """Return what one cleanup of the function does, said again."""
    layout, statement = intent.layout, cleanup.statements[0]
    if set(headers_of(layout, statement)) & set(locks_around(layout, stretch.insertion)):
        raise RefusedError("the eviction takes a lock that is held already where the entry is inserted")
    if closing_first(layout, cleanup) is not None:
        raise RefusedError("the value is ended before its entry is evicted")
    require_all_endings_known(layout, cleanup, stretch.function, by_name=True)
    is_unentered = any(
        isinstance(node, ir.Attribute) and node.name in _LEAVES for one in cleanup.statements for node in below(one)
    )
    if cleanup.gets is None:
        lines = said(layout, cleanup)
    elif is_unentered or len(cleanup.statements) == 1:
        lines = _bare(intent, cleanup)
    else:
        lines = said(layout, cleanup, renamed={cleanup.gets: _name_for_value(intent, stretch, cleanup)})
    behind = endings_behind(intent, stretch, cleanup)
    needed = (ir.Evaluate(cleanup.removal.at, cleanup.removal),) if is_unentered else cleanup.statements
    return Undoing(
        (*lines, *behind.lines),
        (*needed, *behind.statements),
        locks_around(layout, statement),
        statement,
        behind.names,
        is_unentered,
    )


def _bare(intent: Intent, cleanup: Cleanup) -> tuple[str, ...]:
    """The eviction without what becomes of the value."""
    layout, cache = intent.layout, cache_of(cleanup.removal)
    if cache is None or isinstance(cleanup.statements[0], ir.If | ir.With):
        raise RefusedError("what is done with the evicted value needs one")
    return (f"{text_of(layout, cache.at)}.pop({as_argument(layout, cleanup.key)}, None)",)


def _name_for_value(intent: Intent, stretch: Stretch, cleanup: Cleanup) -> str:
    """The name that the cleanup gives the value, or another one if the function reads that elsewhere."""
    assert cleanup.gets is not None
    spans = [statement.at for statement in cleanup.statements]
    elsewhere = any(
        isinstance(node, ir.Name) and node.id == cleanup.gets and not any(span.contains(node.at) for span in spans)
        for node in below(stretch.function)
    )
    return free_name(cleanup.gets, stretch.function, intent.layout.names) if elsewhere else cleanup.gets


def _require_only_evicted(intent: Intent) -> None:
    """Raise RefusedError where the code does more with the value than to take it out."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    cleanup = cleanup_at(layout, eviction.place.at, by_name=True)
    if cleanup.gets is not None or len(cleanup.statements) > 1 or closing_first(layout, cleanup) is not None:
        raise RefusedError("the code that evicts does more with the value, which cannot be repeated elsewhere")
    require_all_endings_known(layout, cleanup, function_of(layout, cleanup.statements[0]), by_name=True)


def _require_unconditional_elsewhere(intent: Intent, stretch: Stretch) -> None:
    assert intent.report.eviction is not None
    depth = shared_depth(intent.report.story.insertion.stack, intent.report.eviction.stack)
    line = first_condition_elsewhere(intent, depth)
    if line is not None:
        raise RefusedError(f"the eviction depends on the condition on line {line}")


def _locks_in_helpers(intent: Intent) -> bool:
    """Whether a function between the call and the eviction takes a lock."""
    layout, insertion, eviction = intent.layout, intent.report.story.insertion, intent.report.eviction
    assert eviction is not None
    depth = shared_depth(insertion.stack, eviction.stack)
    inner = [*eviction.stack[depth + 1 :], eviction.place]
    return any(locks_around(layout, statement_around(layout, place.at)) for place in inner)


def _locks_elsewhere(intent: Intent, stretch: Stretch) -> tuple[str, ...]:
    """The locks around the eviction, wherever it is; raises RefusedError where one means something else here."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    inner = statement_around(layout, eviction.place.at)
    there, here = function_of(layout, inner), stretch.function
    headers = tuple(dict.fromkeys((*locks_around(layout, stretch.evicting), *locks_around(layout, inner))))
    for header in headers if there is not here else ():
        root = header.partition("with ")[2].rstrip(":").partition(".")[0]
        is_own = root in ("self", "cls") and _owner(there) == _owner(here)
        if not is_own and (root not in layout.names or root in names_read(here)):
            raise RefusedError(f"the eviction is under `{header}`, which means something else here")
        if header.startswith("async ") and not here.is_async:
            raise RefusedError("the lock is taken with `async with`, which the function that inserts cannot do")
    return headers


def _owner(function: ir.Function) -> str:
    return function.qualified_name.partition(".<locals>")[0].rpartition(".")[0]
