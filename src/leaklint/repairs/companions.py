"""Entries that come in and go out together under one key: who takes one of them out alone leaves the others astray."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import last_part
from leaklint.repairs.cleanup import Cleanup, cache_of, cleanup_at
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.undoing import Undoing, cleanup_again, undoing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch


class Together(msgspec.Struct, frozen=True, eq=False):
    """What evicts all of them, and the words that their containers go by."""

    undoing: Undoing
    words: frozenset[str]


def evicted_together(intent: Intent, stretch: Stretch) -> Together:
    """Return what evicts the entry with those that are inserted in its block and evicted in that of its eviction."""
    own = undoing_of(intent, stretch)
    if stretch.is_helper:
        return Together(own, frozenset())
    inserted = dict(_inserted_beside(intent.layout, stretch))
    parts, words = [], set()
    for cleanup in _evicted_beside(intent.layout, own.evicting):
        if cleanup.statements[0] is own.evicting:
            parts.append(own)
            continue
        entry = _entry(intent.layout, cleanup)
        if entry in inserted:
            parts.append(cleanup_again(intent, stretch, cleanup))
            words.add(inserted[entry])
    return Together(_joined(own, parts), frozenset(words))


def _joined(own: Undoing, parts: list[Undoing]) -> Undoing:
    if len(parts) < 2:
        return own
    return msgspec.structs.replace(
        own,
        lines=tuple(line for part in parts for line in part.lines),
        needed=tuple(statement for part in parts for statement in part.needed),
        ended=tuple(name for part in parts for name in part.ended),
        is_unentered=any(part.is_unentered for part in parts),
    )


def _inserted_beside(layout: Layout, stretch: Stretch) -> Iterator[tuple[tuple[str, str], str]]:
    """The entries that the block of the insertion gives values, each with the word of its container."""
    for statement in place_of(layout, stretch.insertion).block.statements:
        for target in statement.targets if isinstance(statement, ir.Assign) else ():
            if isinstance(target, ir.Subscript) and (word := last_part(target.value)) is not None:
                yield (text_of(layout, target.value.at), text_of(layout, target.index.at)), word


def _evicted_beside(layout: Layout, evicting: ir.Statement) -> Iterator[Cleanup]:
    """The evictions in the block of an eviction, in their order, itself among them."""
    for statement in place_of(layout, evicting).block.statements:
        match statement:
            case ir.Delete(targets=(ir.Subscript(at=span),)):
                pass
            case ir.Evaluate(value=ir.Call(at=span)) | ir.Assign(value=ir.Call(at=span)):
                pass
            case _:
                continue
        try:
            cleanup = cleanup_at(layout, span, by_name=True)
        except RefusedError:
            continue
        if cleanup.statements[0] is statement:
            yield cleanup


def _entry(layout: Layout, cleanup: Cleanup) -> tuple[str, str] | None:
    cache = cache_of(cleanup.removal)
    return None if cache is None else (text_of(layout, cache.at), text_of(layout, cleanup.key.at))
