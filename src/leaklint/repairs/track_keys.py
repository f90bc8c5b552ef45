"""LKL101: keep a list of the derived keys and evict each of them the way the code evicts their base key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.birth import ways_to_name
from leaklint.repairs.changes import AddFinally, Change, ExtendFinally, InsertBefore, WrapInTry
from leaklint.repairs.cleanup import under
from leaklint.repairs.find import binds, function_of, standing_in, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import offsets, place_of, statements_within
from leaklint.repairs.mirror import Mirror, lines_in, locks_to_take, mirror_of
from leaklint.repairs.naming import free_name, loop_name, tracking_name
from leaklint.repairs.protect import Region, regions_of
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.register_early import REGISTERS
from leaklint.repairs.site import Site, site_of
from leaklint.values import last_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.repairs.layout import Layout


def plans_for_derived_keys(intent: Intent) -> Iterator[Plan]:
    """Yield the ways to track and evict the keys of a report, the best first."""
    eviction = intent.report.eviction
    if eviction is None:
        raise RefusedError("no cleanup shows how an entry is evicted")
    if not any(eviction == own for own, _ in intent.report.story.attempts):
        raise RefusedError("the operation that builds the keys does not end where they are evicted")
    site = site_of(intent)
    registered = _registered(intent, site)
    if registered is not None:
        yield registered
        return
    mirror = mirror_of(intent.layout, eviction, intent.report.story)
    base = last_name(eviction.key) if eviction.key is not None else None
    for region in regions_of(intent, site):
        yield _plan(intent, site, mirror, region, base)


def _registered(intent: Intent, site: Site) -> Plan | None:
    """Where the code has an exit stack evict the base key: have it evict each derived key too."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    statement = statement_around(layout, eviction.place.at)
    match statement:
        case ir.Evaluate(
            value=ir.Call(function=ir.Attribute(name=name), arguments=(_, ir.Argument(value=key), *others))
        ) if name in REGISTERS and others and function_of(layout, statement) is site.function:
            source = ways_to_name(layout, site)
            start, end = offsets(layout, statement.at)
            before, after = offsets(layout, key.at)
            text = layout.source.text
            line = text[start:before] + source.name + text[after:end]
            return Plan(source.bind((line,)), source.risk) if "\n" not in line else None
        case _:
            return None


def _plan(intent: Intent, site: Site, mirror: Mirror, region: Region, base: str | None) -> Plan:
    layout, function = intent.layout, site.function
    source = ways_to_name(layout, site)
    if source.collected is not None and _is_before(layout, site, region, source.collected):
        name = _loop_variable(layout, site, region, source.name)
        return Plan(_evicting(intent, site, mirror, region, name, source.collected), source.risk)
    if source.collected is not None and not source.is_made_whole:
        source = ways_to_name(layout, site, with_collected=False)
    if not source.by_loop and not source.is_made_whole and _is_single(intent, site, region):
        binding = source.bind(())
        return Plan((*binding, *_evicting(intent, site, mirror, region, source.name, None)), source.risk)
    wanted = f"tracked_{source.collected}" if source.is_made_whole else tracking_name(source.name, base)
    tracked = free_name(wanted, function, layout.names)
    # A name that the repair makes up is free already; the loop over the list may have it too.
    name = source.name if source.is_new else _loop_variable(layout, site, region, source.name)
    start = region.start_of_tracking(layout, site)
    evicting = _evicting(intent, site, mirror, region, name, tracked)
    opening = InsertBefore(start, (f"{tracked} = []",))
    binding = source.bind((source.collect_in(tracked),))
    return Plan((opening, *evicting, *binding), source.risk)


def _is_before(layout: Layout, site: Site, region: Region, collected: str) -> bool:
    """Whether a list that holds the keys is there before the protected statements begin."""
    first = region.statements[0].at
    makers = [one for one in statements_within(layout, site.function.at) if collected in binds(one)]
    is_comprehension = any(maker is site.statement for maker in makers)
    index = standing_in(layout, site.statement, region.block)
    return all((maker.at.line, maker.at.column) < (first.line, first.column) for maker in makers) and (
        not is_comprehension or (index is not None and index < region.first)
    )


def _loop_variable(layout: Layout, site: Site, region: Region, name: str) -> str:
    """The variable of the loop over the tracked keys: the key's own unless that is needed afterwards."""
    last = region.statements[1].at
    is_needed = any(
        isinstance(node, ir.Name) and node.id == name and node.at.line > last.end_line for node in below(site.function)
    )
    own = loop_name(None if is_needed else name, site.function, layout.names)
    return own if own == name else free_name("tracked_key", site.function, layout.names)


def _is_single(intent: Intent, site: Site, region: Region) -> bool:
    """Whether one key is built, in the block of the protected statements and before them."""
    place = place_of(intent.layout, site.statement)
    return place.block is region.block and place.index <= region.first and not region.contains_loop_key


def _evicting(
    intent: Intent, site: Site, mirror: Mirror, region: Region, name: str, tracked: str | None
) -> tuple[Change, ...]:
    layout = intent.layout
    lines = lines_in(layout, mirror, site.function, name, site.calls)
    if tracked is not None:
        lines = under([f"for {name} in {tracked}:"], lines)
    if region.base is not None:
        return (InsertBefore(region.base, lines),)
    first, last = region.statements
    lines = under(locks_to_take(layout, mirror, site.function, first, site.calls), lines)
    if first is last and isinstance(first, ir.Try):
        return (ExtendFinally(first, lines, first=True) if first.final else AddFinally(first, lines),)
    return (WrapInTry(first, last, lines),)
