"""LKL202: keep a list of the keys that the function itself builds, and evict each of them in place of the scan.

Only where the code shows that the scan picks each of these keys: it asks for a beginning that they are built with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.repairs.birth import ways_to_name
from leaklint.repairs.changes import InsertBefore, RemoveStatement
from leaklint.repairs.cleanup import cleanup_at, said, under
from leaklint.repairs.find import (
    binds,
    expression_of,
    function_of,
    names_read,
    shared_block,
    standing_in,
    statement_around,
)
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import statements_within, text_of
from leaklint.repairs.naming import free_name, loop_name, tracking_name
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.site import site_of
from leaklint.same_caches import may_be_same_cache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.repairs.layout import Layout
    from leaklint.repairs.site import Site
    from leaklint.stories import Story

OTHERS_STAY = "entries of the same pattern that another operation has put in stay, which the scan takes out as well"


class _Scan(msgspec.Struct, frozen=True, eq=False):
    """A loop over all keys that evicts those with a beginning, and does nothing else."""

    loop: ir.For
    test: ir.Expression
    beginning: ir.Expression
    key: str


def plans_for_a_scan(intent: Intent) -> Iterator[Plan]:
    """Yield the one way: tracked keys, where one function builds the keys and scans for them."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    loop = statement_around(layout, intent.report.place.at)
    function = function_of(layout, loop)
    story = _own_story(intent, function)
    scan = _scan(loop)
    site = site_of(msgspec.structs.replace(intent, report=msgspec.structs.replace(intent.report, story=story)))
    if site.function is not function:
        raise RefusedError("the keys are built in another function than the one that scans for them")
    _require_picked(layout, scan, site)
    source = ways_to_name(layout, site, with_collected=False)
    if source.is_made_whole:
        raise RefusedError("the keys are built in a comprehension that nothing can be put beside")
    base = scan.beginning.id if isinstance(scan.beginning, ir.Name) else None
    tracked = free_name(tracking_name(source.name, base), function, layout.names)
    name = loop_name(scan.key, function, layout.names)
    cleanup = cleanup_at(layout, eviction.place.at)
    if cleanup.statements != scan.loop.body[0].body:  # type: ignore[union-attr]  # an `if`, as `_scan` has seen
        raise RefusedError("the scan does more than evict what it has picked")
    lines = under([f"for {name} in {tracked}:"], said(layout, cleanup, name))
    changes = (
        InsertBefore(_start(layout, scan, site), (f"{tracked} = []",)),
        *source.bind((source.collect_in(tracked),)),
        InsertBefore(scan.loop, lines, above_comments=False),
        RemoveStatement(scan.loop),
    )
    dropped = (text_of(layout, scan.test.at), text_of(layout, scan.loop.iterable.at))
    yield Plan(changes, OTHERS_STAY, needs_match=True, dropped=dropped)


def _scan(loop: ir.Statement) -> _Scan:
    match loop:
        case ir.For(
            target=ir.Name(id=key),
            body=(
                ir.If(
                    test=ir.Call(
                        function=ir.Attribute(value=ir.Name(id=asked), name="startswith"),
                        arguments=(ir.Argument(value=beginning),),
                    ) as test,
                    otherwise=(),
                ),
            ),
            otherwise=(),
            is_async=False,
        ) if asked == key:
            return _Scan(loop, test, beginning, key)
        case _:
            raise RefusedError("which of the tracked keys this scan would pick cannot be told from its test")


def _own_story(intent: Intent, function: ir.Function) -> Story:
    """The one insertion of the operation that the function is, under a key that it builds itself."""
    eviction = intent.report.eviction
    assert eviction is not None
    own = {
        story.birth.place: story
        for story in intent.evidence.stories
        if may_be_same_cache(story.insertion.cache, eviction.cache)
        and intent.report.place.function in (story.walk.function, *(place.function for place in story.insertion.stack))
    }
    if not own:
        raise RefusedError("the keys are built in another function than the one that scans for them")
    if len(own) > 1:
        raise RefusedError(f"`{function.name}` puts entries in under keys that are built in several places")
    return next(iter(own.values()))


def _require_picked(layout: Layout, scan: _Scan, site: Site) -> None:
    """Raise RefusedError unless the keys are built with the beginning that the scan asks for."""
    key = text_of(layout, expression_of(site.statement, site.key).at)
    asked = text_of(layout, scan.beginning.at)
    if isinstance(scan.beginning, ir.Name):
        beginnings = [f"{quote}{{{asked}}}" for quote in ('f"', "f'")]
    else:
        beginnings = [asked[:-1]] if asked.startswith(("f'", 'f"')) and not asked.startswith(("f'''", 'f"""')) else []
    if not any(key.startswith(beginning) for beginning in beginnings):
        raise RefusedError("whether the scan picks the keys that are built here cannot be told from the code")
    names = names_read(scan.beginning)
    between = [one for one in statements_within(layout, site.function.at) if names & binds(one)]
    if any((one.at.line, one.at.column) >= (site.statement.at.line, site.statement.at.column) for one in between):
        raise RefusedError("what the scan asks for may have changed since the keys were built")


def _start(layout: Layout, scan: _Scan, site: Site) -> ir.Statement:
    """The statement that the list must be made before: what builds the keys, alone or with the scan behind it."""
    block = shared_block(layout, [site.statement, scan.loop])
    first, last = (standing_in(layout, one, block) for one in (site.statement, scan.loop))
    if first is None or last is None or first > last:
        raise RefusedError("the scan comes before the keys are built")
    if first == last and not isinstance(block.statements[first], ir.Try):
        raise RefusedError("the scan and what builds the keys are in one statement that may do only one of both")
    return block.statements[first]
