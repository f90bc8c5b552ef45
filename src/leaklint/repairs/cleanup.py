"""What the code's own cleanup does for a key: the statements that take its entry out, and how to say the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, dotted
from leaklint.repairs.carry import Swap, carry
from leaklint.repairs.ending import only_ends, says_it
from leaklint.repairs.expressions import as_argument
from leaklint.repairs.find import expression_of, names_bound, names_read, owners_of, statement_around
from leaklint.repairs.layout import comments_within, extent, offsets, place_of, text_of, unit_of
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leaklint.model import Span
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.places import Block

_TOLERANT = frozenset({"discard", "clear", "popitem"})
_STRICT = {"pop": "pop", "remove": "discard", "__delitem__": "pop"}


class Cleanup(msgspec.Struct, frozen=True):
    """The statements that evict one key: side by side in one block, the eviction itself first.

    `key` is the expression of the key, `strict` says that a missing key raises, `gets` is the name that the value goes
    to. `removal` is the call or the subscript that evicts; it is a call of something else where a helper does it.
    """

    statements: tuple[ir.Statement, ...]
    removal: ir.Expression
    key: ir.Expression
    strict: bool
    gets: str | None


def cleanup_at(
    layout: Layout,
    span: Span,
    *,
    key: ir.Expression | None = None,
    value_is_used: bool = False,
    by_name: bool = False,
) -> Cleanup:
    """Return the cleanup whose eviction stands at `span`; `key` where a helper is called with it there.

    Raises RefusedError where the eviction is no statement of its own, nor the value of a plain assignment, unless
    `value_is_used`: then it is the bare call. With `by_name` what is done with the value behind the eviction belongs to
    it only if it says that it ends the value.
    """
    statement = statement_around(layout, span)
    removal, found, strict = _eviction_in(statement, span, key)
    if value_is_used:
        return Cleanup((ir.Evaluate(removal.at, removal),), removal, found, strict, None)
    gets = _name_of_value(layout, statement, removal, by_name=by_name)
    if gets is not None and isinstance(statement, ir.If):
        return Cleanup((statement,), removal, found, strict, gets=None)
    whole = _with_its_guard(layout, statement, removal)
    pruned = _pruned_by(layout, statement, removal)
    if pruned is not None:
        return Cleanup(pruned, removal, found, strict=False, gets=None)
    followers = _followers(layout, whole, gets, removal, by_name=by_name) if whole is statement else ()
    if gets is not None and not followers:
        locked = _with_its_lock(layout, statement, gets, removal, by_name=by_name)
        if locked is not None:
            return Cleanup(locked, removal, found, strict, gets)
    return Cleanup((whole, *followers), removal, found, strict and whole is statement, gets)


def _with_its_lock(
    layout: Layout, statement: ir.Statement, gets: str, removal: ir.Expression, *, by_name: bool
) -> tuple[ir.Statement, ...] | None:
    """The `with lock:` around an eviction whose value is dealt with behind it, and what deals with it."""
    owner = place_of(layout, statement).block.owner
    if not isinstance(owner, ir.With) or len(owner.body) > 1 or not all(is_lock(item) for item in owner.items):
        return None
    followers = _followers(layout, owner, gets, removal, by_name=by_name)
    return (owner, *followers) if followers else None


def _eviction_in(
    statement: ir.Statement, span: Span, key: ir.Expression | None
) -> tuple[ir.Expression, ir.Expression, bool]:
    if isinstance(statement, ir.Delete) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ir.Subscript):
            return target, target.index, True
    removal = expression_of(statement, span)
    if key is not None:
        return removal, key, False
    match removal:
        case ir.Call(function=ir.Attribute(name=name), arguments=(ir.Argument(value=found, name=None), *others)):
            if name in _STRICT or name in _TOLERANT:
                return removal, found, name in _STRICT and not others
    raise RefusedError(f"the eviction on line {span.line} is in no form that can be repeated")


def _name_of_value(layout: Layout, statement: ir.Statement, removal: ir.Expression, *, by_name: bool) -> str | None:
    match statement:
        case ir.If(test=test, body=body, otherwise=()) if (name := _bound_in_passing(test, removal)) is not None:
            if all(only_ends(layout, one, name, by_name=by_name) for one in body):
                return name
        case ir.Delete():
            return None
        case ir.Evaluate(value=value) if _is(value, removal):
            return None
        case ir.Assign(targets=(ir.Name(id=name),), value=value) if value is not None and _is(value, removal):
            return name
        case ir.Evaluate(value=value) if _is_ended_at_once(value, removal) and (not by_name or says_it(statement)):
            return None
    raise RefusedError(f"what the eviction on line {statement.at.line} returns is used at once")


def _bound_in_passing(test: ir.Expression, removal: ir.Expression) -> str | None:
    """`name` of `if name := cache.pop(key, None):` and `if (name := cache.pop(key, None)) is not None:`."""
    match test:
        case ir.Walrus(target=ir.Name(id=name), value=value) if _is(value, removal):
            return name
        case ir.Compare(left=inner, operator="is not", right=ir.Constant()):
            return _bound_in_passing(inner, removal)
        case _:
            return None


def _is_ended_at_once(value: ir.Expression, removal: ir.Expression) -> bool:
    """`cache.pop(key).close()`, awaited or not."""
    match value.value if isinstance(value, ir.Await) else value:
        case ir.Call(function=ir.Attribute(value=ended), arguments=()):
            return ended.at == removal.at
        case _:
            return False


def _is(value: ir.Expression, removal: ir.Expression) -> bool:
    return value.at == removal.at or (isinstance(value, ir.Await) and value.value.at == removal.at)


def _with_its_guard(layout: Layout, statement: ir.Statement, removal: ir.Expression) -> ir.Statement:
    """The `if` around an eviction that asks only about the entry."""
    cache = cache_of(removal)
    owner = place_of(layout, statement).block.owner
    if not isinstance(owner, ir.If) or owner.otherwise or len(owner.body) > 1 or cache is None:
        return statement
    text = text_of(layout, cache.at)
    asks = any(
        isinstance(node, ir.Compare) and node.operator == "in" and text_of(layout, node.right.at) == text
        for node in (owner.test,)
    )
    return owner if asks else statement


def _pruned_by(
    layout: Layout, statement: ir.Statement, removal: ir.Expression
) -> tuple[ir.Statement, ir.Statement] | None:
    """The eviction from an inner mapping, and the `if` that takes the mapping out too where that empties it."""
    place = place_of(layout, statement)
    guard, outer = place.block.owner, cache_of(removal)
    if not isinstance(guard, ir.If) or outer is None or not _prunes(layout, guard, outer):
        return None
    above = place_of(layout, guard)
    if above.index == 0:
        return None
    before = above.block.statements[above.index - 1]
    match before:
        case ir.Evaluate(value=inner) if (cache := _outer_cache(inner)) is not None:
            return (before, guard) if text_of(layout, cache.at) == text_of(layout, outer.at) else None
        case _:
            return None


def cache_of(removal: ir.Expression) -> ir.Expression | None:
    """The mapping or set that an eviction takes something out of; None where a helper does it."""
    match removal:
        case ir.Subscript(value=cache) | ir.Call(function=ir.Attribute(value=cache)):
            return cache
        case _:
            return None


def _followers(
    layout: Layout, statement: ir.Statement, gets: str | None, removal: ir.Expression, *, by_name: bool
) -> tuple[ir.Statement, ...]:
    """The statements directly behind that only deal with the value, or with the mapping around an emptied one."""
    place = place_of(layout, statement)
    outer = _outer_cache(removal)
    found: list[ir.Statement] = []
    for follower in place.block.statements[place.index + 1 :]:
        names = names_read(follower)
        deals = gets is not None and gets in names and only_ends(layout, follower, gets, by_name=by_name)
        prunes = outer is not None and isinstance(follower, ir.If) and _prunes(layout, follower, outer)
        if not deals and not prunes:
            break
        found.append(follower)
    return tuple(found)


def _outer_cache(removal: ir.Expression) -> ir.Expression | None:
    """`self._c` of `self._c.get(base, {}).pop(key, None)` and of `self._c[base].pop(key, None)`."""
    match cache_of(removal):
        case ir.Call(function=ir.Attribute(value=outer, name="get" | "setdefault")) | ir.Subscript(value=outer):
            return outer
        case _:
            return None


def _prunes(layout: Layout, statement: ir.If, outer: ir.Expression) -> bool:
    """Whether an `if not outer…: outer.pop(…)` takes an emptied inner mapping out."""
    text = text_of(layout, outer.at)
    asks = any(isinstance(node, ir.Node) and text_of(layout, node.at) == text for node in below(statement.test))
    match statement:
        case ir.If(body=(ir.Evaluate(value=ir.Call(function=ir.Attribute(value=cache, name="pop"))),), otherwise=()):
            return asks and text_of(layout, cache.at) == text
        case ir.If(body=(ir.Delete(targets=(ir.Subscript(value=cache),)),), otherwise=()):
            return asks and text_of(layout, cache.at) == text
        case _:
            return False


def locks_around(layout: Layout, statement: ir.Statement) -> tuple[str, ...]:
    """The headers of the `with` statements around `statement` that hold a lock, outermost first: `with self._lock:`."""
    owners = [owner for owner, _ in owners_of(layout, statement)]
    return tuple(header for owner in reversed(owners) for header in headers_of(layout, owner))


def headers_of(layout: Layout, statement: ir.Statement) -> tuple[str, ...]:
    """The headers of the locks that `statement` takes if it is a `with`, one for each."""
    if not isinstance(statement, ir.With):
        return ()
    word = "async with" if statement.is_async else "with"
    return tuple(f"{word} {text_of(layout, item.context.at)}:" for item in statement.items if is_lock(item))


def locks_between(layout: Layout, statement: ir.Statement, block: Block) -> tuple[str, ...]:
    """The headers of the locks around `statement` that are taken within `block`, outermost first."""
    outside = len(locks_around(layout, block.statements[0]))
    return locks_around(layout, statement)[outside:]


def is_lock(item: ir.WithItem) -> bool:
    """Whether a `with` item takes something that is there before and after: a plain name or attribute, not a call."""
    return item.target is None and dotted(item.context) is not None


def said(
    layout: Layout,
    cleanup: Cleanup,
    key: str | None = None,
    *,
    tolerant: bool = True,
    renamed: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return the cleanup as lines, for another `key`; `tolerant` makes a missing key no error.

    Names in `renamed` are written as what they map to. Comments are left out: they are about the original.
    """
    swaps = [] if key is None else key_swaps(layout, cleanup, key)
    if tolerant and cleanup.strict:
        swaps = _tolerant_swaps(layout, cleanup, swaps, key)
    for statement in cleanup.statements:
        for node in below(statement):
            if isinstance(node, ir.Name) and renamed and node.id in renamed:
                swaps.append(Swap(*offsets(layout, node.at), renamed[node.id]))
    lines = [line for statement in cleanup.statements for line in lines_of(layout, statement, swaps)]
    if tolerant and cleanup.strict and cleanup.gets is not None:
        lines = _guarded(cleanup, lines, (renamed or {}).get(cleanup.gets, cleanup.gets))
    return tuple(lines)


def key_swaps(layout: Layout, cleanup: Cleanup, key: str) -> list[Swap]:
    """Return what writes another `key` wherever the cleanup's statements say theirs."""
    text = text_of(layout, cleanup.key.at)
    return [
        Swap(*offsets(layout, node.at), key)
        for statement in cleanup.statements
        for node in below(statement)
        if isinstance(node, ir.Node)
        and isinstance(node, type(cleanup.key))
        and text_of(layout, node.at) == text
        and (node.at == cleanup.key.at or not isinstance(node, ir.Text | ir.Constant))
    ]


def is_ended_at_once(cleanup: Cleanup) -> bool:
    """Whether the cleanup is `cache.pop(key).close()`."""
    statement = cleanup.statements[0]
    return isinstance(statement, ir.Evaluate) and _is_ended_at_once(statement.value, cleanup.removal)


def _tolerant_swaps(layout: Layout, cleanup: Cleanup, swaps: list[Swap], key: str | None) -> list[Swap]:
    """Write the eviction so that a missing key is no error: `pop(key, None)`, `discard(key)`."""
    if key is None:
        key = as_argument(layout, cleanup.key)
    cache = cache_of(cleanup.removal)
    assert cache is not None
    if is_ended_at_once(cleanup):
        raise RefusedError("what is done with the evicted value needs one")
    name = cleanup.removal.function.name if _is_method_call(cleanup.removal) else "pop"  # type: ignore[union-attr]  # a method call
    new = (
        f"{text_of(layout, cache.at)}.discard({key})"
        if name == "remove"
        else f"{text_of(layout, cache.at)}.pop({key}, None)"
    )
    deletion = next((one for one in cleanup.statements if isinstance(one, ir.Delete)), None)
    span = cleanup.removal.at if deletion is None else deletion.at
    start, end = offsets(layout, span)
    return [*(swap for swap in swaps if swap.end <= start or end <= swap.start), Swap(start, end, new)]


def _is_method_call(removal: ir.Expression) -> bool:
    return isinstance(removal, ir.Call) and isinstance(removal.function, ir.Attribute)


def _apart(swaps: Sequence[Swap]) -> list[Swap]:
    """Leave out swaps inside others."""
    kept: list[Swap] = []
    for swap in sorted(set(swaps), key=lambda one: (one.start, -one.end)):
        if not kept or swap.start >= kept[-1].end:
            kept.append(swap)
    return kept


def _guarded(cleanup: Cleanup, lines: list[str], name: str) -> list[str]:
    """What is done with the value is done only if there was one."""
    followers = cleanup.statements[1:]
    if not followers or isinstance(followers[0], ir.If):
        return lines
    if isinstance(cleanup.statements[0], ir.With):
        raise RefusedError("what is done with the evicted value needs one")
    return [lines[0], f"if {name} is not None:", *("    " + line for line in lines[1:])]


def lines_of(layout: Layout, statement: ir.Statement, swaps: Sequence[Swap]) -> list[str]:
    """Return a statement as lines with `swaps` made, those inside others left out; comments are left out too."""
    swaps = _apart(swaps)
    at = extent(layout, statement)
    comments = [Swap(token.start, token.end, "") for token in comments_within(layout, at.start, at.end)]
    code = carry(layout, at.start, at.end, sorted([*swaps, *comments]))
    if code.literal:
        raise RefusedError(f"the eviction on line {statement.at.line} contains a string of several lines")
    unit = unit_of(layout, statement)
    return [_in_steps(line.rstrip(), unit) for line in code.lines if line.strip()]


def _in_steps(line: str, unit: str) -> str:
    """Indent by four spaces where the file indents by its own unit."""
    steps = 0
    while line.startswith(unit):
        steps, line = steps + 1, line[len(unit) :]
    return "    " * steps + line


def under(headers: Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    """Indent lines under `with` headers, outermost first."""
    for header in reversed(headers):
        lines = [header, *("    " + line for line in lines)]
    return tuple(lines)


def names_in_cleanup(layout: Layout, cleanup: Cleanup) -> set[str]:
    """The names that the cleanup needs, its key's own and those that it binds left out."""
    keys = [(swap.start, swap.end) for swap in key_swaps(layout, cleanup, "")]
    found = set()
    for statement in cleanup.statements:
        for node in below(statement):
            if isinstance(node, ir.Name):
                start, end = offsets(layout, node.at)
                if not any(first <= start and end <= last for first, last in keys):
                    found.add(node.id)
    return found - names_bound_by(cleanup)


def names_bound_by(cleanup: Cleanup) -> set[str]:
    """The names that the cleanup binds."""
    return {name for statement in cleanup.statements for name in names_bound(statement)}
