"""An insertion as the code says it, and an eviction of what was inserted in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, dotted
from leaklint.repairs.expressions import as_argument
from leaklint.repairs.find import bound_by, statement_around
from leaklint.repairs.layout import text_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.stretch import Stretch

_PURE = ir.Name | ir.Attribute | ir.Constant | ir.Text | ir.Template | ir.Display


class Inserted(msgspec.Struct, frozen=True):
    """Container and key of an insertion, and the name that its value has; None if it has none of its own."""

    cache: ir.Expression
    key: ir.Expression
    value: ir.Name | None
    is_set: bool

    @property
    def said(self) -> tuple[ir.Statement, ...]:
        """All that an eviction says, for asking what it reads."""
        parts = (self.cache, self.key, *(() if self.value is None else (self.value,)))
        return tuple(ir.Evaluate(part.at, part) for part in parts)


def inserted_by(intent: Intent, stretch: Stretch) -> Inserted:
    """Return what the statement that inserts says.

    Raises RefusedError where it does not say container and key so that they can be said again.
    """
    layout, at = intent.layout, intent.report.story.insertion.place.at
    statement = statement_around(layout, at)
    found = _read(statement) if statement is stretch.insertion else None
    if found is None or dotted(found.cache) is None or not _is_pure(found.key):
        raise RefusedError("the insertion does not say container and key in a form that can be repeated")
    return found


def _read(statement: ir.Statement) -> Inserted | None:
    match statement:
        case ir.Assign(targets=targets, value=value):
            entries = [target for target in targets if isinstance(target, ir.Subscript)]
            names = [one for one in (*targets, value) if isinstance(one, ir.Name)]
            if len(entries) == 1:
                return Inserted(entries[0].value, entries[0].index, names[0] if names else None, is_set=False)
        case ir.Evaluate(
            value=ir.Call(function=ir.Attribute(value=cache, name="add"), arguments=(ir.Argument(key, None),))
        ):
            return Inserted(cache, key, None, is_set=True)
    return None


def _is_pure(key: ir.Expression) -> bool:
    """Whether a key can be read again: names, attributes, constants, and strings and tuples of them."""
    return all(isinstance(node, _PURE) for node in below(key))


def eviction_of(intent: Intent, inserted: Inserted) -> tuple[str, ...]:
    """Return the line that evicts what was inserted, and minds no missing entry."""
    cache, key = text_of(intent.layout, inserted.cache.at), as_argument(intent.layout, inserted.key)
    return (f"{cache}.discard({key})" if inserted.is_set else f"{cache}.pop({key}, None)",)


def eviction_of_the_same(intent: Intent, stretch: Stretch, inserted: Inserted) -> tuple[str, ...]:
    """Return the lines that evict the entry if it is still the one that was inserted.

    Raises RefusedError where the value is none of its own, made here and named, by which to tell it.
    """
    if inserted.value is None or inserted.is_set or not _is_made_here(stretch, inserted.value.id):
        raise RefusedError("another operation may have put in its own entry under this key by then")
    cache, key = text_of(intent.layout, inserted.cache.at), as_argument(intent.layout, inserted.key)
    return (f"if {cache}.get({key}) is {inserted.value.id}:", f"    {cache}.pop({key}, None)")


def _is_made_here(stretch: Stretch, name: str) -> bool:
    """Whether a variable only ever holds what the function has called for."""
    values = [node.value for node in below(stretch.function) if isinstance(node, ir.Assign) and name in bound_by(node)]
    binders = sum(1 for node in below(stretch.function) if isinstance(node, ir.Node) and name in bound_by(node))
    called = [value.value if isinstance(value, ir.Await) else value for value in values]
    return 0 < len(values) == binders and all(isinstance(value, ir.Call) for value in called)
