"""Which statements a `try/finally` must surround: from the first insertion to the last use of the entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import below, last_part
from leaklint.repairs.cleanup import cleanup_at, is_lock
from leaklint.repairs.closing_first import closing_first
from leaklint.repairs.find import (
    binds,
    expression_of,
    function_of,
    names_bound,
    names_read,
    owners_of,
    shared_block,
    standing_in,
    statement_around,
)
from leaklint.repairs.layout import place_of
from leaklint.repairs.places import Block
from leaklint.repairs.refusal import RefusedError
from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.flow.events import Place
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.site import Site, Use

_STARTS_WORK = frozenset(
    """
    apply_async create_task ensure_future imap imap_unordered map map_async run_coroutine_threadsafe run_in_executor
    start_soon submit to_thread
    """.split()
)
_FILLS = frozenset("add append appendleft extend insert setdefault update".split())


class Region(msgspec.Struct, frozen=True, eq=False):
    """The statements `first` to `last` of a block; `base` is the base key's cleanup in a `finally` around them."""

    block: Block
    first: int
    last: int
    anchor: int
    contains_loop_key: bool
    base: ir.Statement | None = None

    @property
    def statements(self) -> tuple[ir.Statement, ir.Statement]:
        """The first and the last statement to protect."""
        return self.block.statements[self.first], self.block.statements[self.last]

    def start_of_tracking(self, layout: Layout, site: Site) -> ir.Statement:
        """The statement before which the list of keys begins."""
        return self.block.statements[min(self.anchor, self.first)]


def regions_of(intent: Intent, site: Site) -> Iterator[Region]:
    """Yield what to protect, the best first: as far as the base key's cleanup, the last use, the end of the block."""
    _require_not_given_away(intent, site)
    base = _final_of_base(intent, site)
    if base is not None:
        yield base
        if all(_is_within(intent.layout, use, base) for use in site.uses):
            return
    narrow = _up_to_base(intent, site) or _region_from(intent, site, None)
    yield narrow
    end = len(narrow.block.statements) - 1
    if narrow.last < end:
        yield msgspec.structs.replace(narrow, last=end)


def _is_within(layout: Layout, use: Use, region: Region) -> bool:
    index = standing_in(layout, use.statement, region.block)
    return index is not None and region.first <= index <= region.last


def _up_to_base(intent: Intent, site: Site) -> Region | None:
    """What stands before the base key's cleanup in the same function: work up to there may look the entries up."""
    evicting = _evicting_statement(intent)
    if function_of(intent.layout, evicting) is not site.function:
        return None
    region = _region_from(intent, site, evicting)
    index = _index(intent.layout, evicting, region.block)
    last = index - 1 if _does_nothing_else(region.block.statements[index], evicting) else index
    return msgspec.structs.replace(region, last=last) if region.last <= last else None


def _evicting_statement(intent: Intent) -> ir.Statement:
    """The statement that evicts the base key or calls what does, in the function that the insertion is seen from."""
    eviction = intent.report.eviction
    assert eviction is not None
    depth = shared_depth(intent.report.story.insertion.stack, eviction.stack)
    return statement_around(intent.layout, place_at(eviction.stack, eviction.place, depth).at)


def _does_nothing_else(statement: ir.Statement, inner: ir.Statement) -> bool:
    match statement:
        case _ if statement is inner:
            return True
        case ir.With(body=(only,)) | ir.For(body=(only,), otherwise=()) | ir.If(body=(only,), otherwise=()):
            return _does_nothing_else(only, inner)
        case _:
            return False


def _region_from(intent: Intent, site: Site, evicting: ir.Statement | None) -> Region:
    """From the first insertion to the last use of an entry, in a block that `evicting` is in too."""
    layout = intent.layout
    ends = () if evicting is None else (evicting,)
    uses = tuple(use.statement for use in site.uses)
    within = shared_block(layout, [site.statement, *uses, *ends]) if ends else None
    anchor = _outermost_loop(layout, site.statement, within) or site.statement
    block = shared_block(layout, [*(_lifted(layout, one) for one in (anchor, *uses)), *ends])
    indexes = [_index(layout, use, block) for use in uses]
    first, last = min(indexes), max(indexes)
    start = _index(layout, anchor, block)
    if start > first:
        raise RefusedError("keys are inserted before the loop that builds them")
    last = _extended(intent, site, block, last)
    return Region(block, first, last, start, anchor is not site.statement)


def _index(layout: Layout, statement: ir.Statement, block: Block) -> int:
    index = standing_in(layout, statement, block)
    if index is None:
        raise RefusedError("the keys are built and inserted in different branches")
    return index


def _outermost_loop(layout: Layout, statement: ir.Statement, within: Block | None = None) -> ir.Statement | None:
    """The outermost loop around a statement, or the outermost in the statements of a block."""
    loops = [
        owner
        for owner, part in owners_of(layout, statement)
        if isinstance(owner, ir.For | ir.While)
        and part == "body"
        and (within is None or standing_in(layout, owner, within) is not None)
    ]
    return loops[-1] if loops else None


def _lifted(layout: Layout, statement: ir.Statement) -> ir.Statement:
    """The `with` around a statement that hands work to what the `with` waits for at its end, or the statement."""
    outermost = statement
    for owner, _ in owners_of(layout, statement):
        if isinstance(owner, ir.With):
            targets = {name for item in owner.items if item.target is not None for name in names_read(item.target)}
            if targets & names_read(statement):
                outermost = owner
    return outermost


def _final_of_base(intent: Intent, site: Site) -> Region | None:
    """The `finally` of the same function that evicts the base key, around all insertions or behind some of them."""
    statement = _evicting_statement(intent)
    if function_of(intent.layout, statement) is not site.function:
        return None
    for owner, part in owners_of(intent.layout, statement):
        if isinstance(owner, ir.Try) and part == "final":
            return _region_around(intent, site, owner, statement)
    return None


def _region_around(intent: Intent, site: Site, owner: ir.Try, statement: ir.Statement) -> Region | None:
    layout = intent.layout
    for use in site.uses:
        is_inside = any(around is owner and part != "final" for around, part in owners_of(layout, use.statement))
        if not is_inside and not _stands_before(layout, use.statement, owner):
            return None
    loops = [
        around
        for around, part in owners_of(layout, site.statement)
        if isinstance(around, ir.For | ir.While) and part == "body" and not around.at.contains(owner.at)
    ]
    anchor = loops[-1] if loops else site.statement
    block = shared_block(layout, [owner, anchor])
    index = _index(layout, owner, block)
    start = _index(layout, anchor, block)
    if start > index or place_of(layout, owner).block is not block:
        return None
    base = _cleanup_statement(layout, statement) or statement
    around = place_of(layout, base).block.owner
    if isinstance(around, ir.With) and not any(is_lock(item) for item in around.items):
        base = around
    return Region(block, index, index, start, bool(loops), base)


def _stands_before(layout: Layout, statement: ir.Statement, owner: ir.Try) -> bool:
    """Whether a statement of the same block stands before the `try`, so that nothing need fail between the two."""
    place, end = place_of(layout, statement), place_of(layout, owner)
    return place.block is end.block and place.index < end.index


def _cleanup_statement(layout: Layout, statement: ir.Statement) -> ir.Statement | None:
    for node in below(statement):
        if isinstance(node, ir.Call | ir.Subscript):
            try:
                cleanup = cleanup_at(layout, node.at)
            except RefusedError:
                continue
            closing = closing_first(layout, cleanup)
            return cleanup.statements[0] if closing is None else closing.outermost
    return None


def _require_not_given_away(intent: Intent, site: Site) -> None:
    """Raise RefusedError where the function gives an entry's value to its caller: it must stay in then."""
    held = _entry_names(intent, site)
    for node in below(site.function):
        if isinstance(node, ir.Return) and node.value is not None:
            value = node.value
            gives = _is_made_of(value, held)
            direct = any(use.statement is node and _gives_entry(intent, use, value) for use in site.uses)
            if gives or direct or _reads_entry(value, cache_name(intent.report.story.insertion.cache)):
                raise RefusedError("the function returns the entry's value, so the entry must stay in")


def _reads_entry(value: ir.Expression, cache: str | None) -> bool:
    match value:
        case ir.Subscript(value=container):
            return _is_named(container, cache)
        case ir.Call(function=ir.Attribute(value=container, name="get" | "setdefault")):
            return _is_named(container, cache)
        case _:
            return False


def _gives_entry(intent: Intent, use: Use, value: ir.Expression) -> bool:
    given = (one.value if isinstance(one, ir.Await) else one for one in _members(value))
    return any(one.at == use.place.at for one in given) and _returns_the_entry(intent, use)


def _members(value: ir.Expression) -> Iterator[ir.Expression]:
    """A value, or what a collection that is written out is made of."""
    match value:
        case ir.Comprehension(element=element, value=of_key):
            yield from _members(element if of_key is None else of_key)
        case ir.Display(items=items):
            for item in items:
                yield from _members(item)
        case ir.Mapping(pairs=pairs):
            for pair in pairs:
                yield from _members(pair.value)
        case _:
            yield value


def _returns_the_entry(intent: Intent, use: Use) -> bool:
    """Whether the functions between the site and the insertion give the entry's value back."""
    insertion = use.story.insertion
    depth = insertion.stack.index(use.place) if use.place in insertion.stack else len(insertion.stack)
    inner = insertion.stack[depth + 1 :]
    if not all(_returns_what_it_calls(intent, place) for place in inner):
        return False
    if depth == len(insertion.stack):
        return True
    routine = intent.evidence.outline.routines.get(insertion.place.function)
    if routine is None:
        return False
    cache = cache_name(insertion.cache)
    return any(
        isinstance(node, ir.Return) and node.value is not None and _may_be_entry(routine.function, node.value, cache)
        for node in below(routine.function)
    )


def _returns_what_it_calls(intent: Intent, place: Place) -> bool:
    """Whether a function of this file or another one gives back the result of the call at `place`."""
    routine = intent.evidence.outline.routines.get(place.function)
    if routine is None:
        return False
    given = [node.value for node in routine.nodes if isinstance(node, ir.Return) and node.value is not None]
    return any((value.value if isinstance(value, ir.Await) else value).at == place.at for value in given)


def _may_be_entry(function: ir.Function, value: ir.Expression, cache: str | None, asked: str | None = None) -> bool:
    """Whether a returned value may be the entry's: not what a call gives that neither looks it up nor wraps it."""
    match value.value if isinstance(value, ir.Await) else value:
        case ir.Name(id=name) if name != asked:
            given = [node for node in below(function) if isinstance(node, ir.Assign) and name in binds(node)]
            is_parameter = any(parameter.name == name for parameter in function.parameters)
            return (
                _is_put_in(function, name)
                or not (given or is_parameter)
                or any(one.value is None or _may_be_entry(function, one.value, cache, name) for one in given)
            )
        case ir.Call() as call:
            wraps = (last_part(call.function) or "").lstrip("_")[:1].isupper() and bool(call.arguments)
            return wraps or _reads_entry(call, cache)
        case ir.Constant() | ir.Text() | ir.Template() | ir.Compare() | ir.Binary():
            return False
        case _:
            return True


def _is_put_in(function: ir.Function, name: str) -> bool:
    """Whether a function puts a variable into a container as it is, or in a collection that is written out there."""
    for node in below(function):
        match node:
            case ir.Assign(targets=targets, value=value) if any(isinstance(one, ir.Subscript) for one in targets):
                given = [value, *targets]
            case ir.Call(function=ir.Attribute(name=method), arguments=arguments) if method in _FILLS:
                given = [argument.value for argument in arguments]
            case _:
                continue
        if any(one is not None and not isinstance(one, ir.Call) and _is_made_of(one, {name}) for one in given):
            return True
    return False


def _entry_names(intent: Intent, site: Site) -> set[str]:
    """The names that may hold an entry's value, or a collection of them."""
    held: set[str] = set()
    for use in site.uses:
        held |= _names_of_value(intent, use)
    return _spread(site, held)


def _names_of_value(intent: Intent, use: Use) -> set[str]:
    match use.statement:
        case ir.Assign(targets=targets, value=value) if value is not None:
            if _gives_entry(intent, use, value):
                return {target.id for target in targets if isinstance(target, ir.Name)}
            is_insertion = any(isinstance(target, ir.Subscript) for target in targets)
            if is_insertion and isinstance(value, ir.Name):
                return {value.id}
        case ir.Evaluate(
            value=ir.Call(function=ir.Attribute(value=ir.Name(id=name), name=method), arguments=arguments)
        ) if method in _FILLS and any(_gives_entry(intent, use, argument.value) for argument in arguments):
            return {name}
    return set()


def _spread(site: Site, held: set[str]) -> set[str]:
    """Add the names that a held name is assigned or put into."""
    while True:
        found = set(held)
        for node in below(site.function):
            match node:
                case ir.Assign(targets=targets, value=value) if value is not None and _is_made_of(value, held):
                    found |= {target.id for target in targets if isinstance(target, ir.Name)}
                case ir.Call(function=ir.Attribute(value=ir.Name(id=name), name=method), arguments=arguments):
                    if method in _FILLS and any(_is_made_of(argument.value, held) for argument in arguments):
                        found.add(name)
        if found == held:
            return held
        held = found


def _is_made_of(value: ir.Expression, held: set[str]) -> bool:
    match value:
        case ir.Name(id=name):
            return name in held
        case ir.Display(items=items):
            return any(_is_made_of(item, held) for item in items)
        case ir.Mapping(pairs=pairs):
            return any(_is_made_of(part, held) for pair in pairs for part in (pair.key, pair.value) if part)
        case ir.Call(arguments=arguments) if (last_part(value.function) or "").lstrip("_")[:1].isupper():
            return any(_is_made_of(argument.value, held) for argument in arguments)
        case _:
            return False


def _extended(intent: Intent, site: Site, block: Block, last: int) -> int:
    """The last statement that uses entries or their keys, or waits for work that does."""
    held = _entry_names(intent, site) | _spread(site, _names_filled(site.statement))
    for use in site.uses:
        held |= _unfinished(intent, use)
    cache = cache_name(intent.report.story.insertion.cache)
    assert intent.report.eviction is not None
    cleanup = intent.report.eviction.place.at
    for index in range(last + 1, len(block.statements)):
        statement = block.statements[index]
        if statement.at.contains(cleanup):
            continue
        if names_read(statement) & held or any(_is_named(node, cache) for node in below(statement)):
            last = index
    return last


def _is_named(node: object, cache: str | None) -> bool:
    return isinstance(node, ir.Attribute | ir.Name) and last_part(node) == cache


def _names_filled(statement: ir.Statement) -> set[str]:
    """The names that a simple statement binds or adds something to."""
    if not isinstance(statement, ir.Assign | ir.Augment | ir.Evaluate):
        return set()
    names = names_bound(statement)
    for node in below(statement):
        match node:
            case ir.Call(function=ir.Attribute(value=ir.Name(id=name), name=method)) if method in _FILLS:
                names.add(name)
            case ir.Assign(targets=(ir.Subscript(value=ir.Name(id=name)),)):
                names.add(name)
    return names


def _unfinished(intent: Intent, use: Use) -> set[str]:
    """The names that hold work which the statement starts and does not wait for."""
    try:
        call = expression_of(use.statement, use.place.at)
    except RefusedError:
        return set()
    if not isinstance(call, ir.Call) or not _is_left_running(intent, use, call):
        return set()
    return _names_filled(use.statement)


def _is_left_running(intent: Intent, use: Use, call: ir.Call) -> bool:
    if any(isinstance(node, ir.Await) and node.value.at.contains(call.at) for node in below(use.statement)):
        return False
    if last_part(call.function) in _STARTS_WORK:
        return True
    insertion = use.story.insertion
    depth = insertion.stack.index(use.place) if use.place in insertion.stack else None
    if depth is None:
        return False
    inner = [*insertion.stack, insertion.place][depth + 1].function
    routine = intent.evidence.outline.routines.get(inner)
    return routine is not None and (routine.function.is_async or routine.function.is_generator)
