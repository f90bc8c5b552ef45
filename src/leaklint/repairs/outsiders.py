"""What else would notice that an entry goes where an exception leaves the code between insertion and eviction.

Handlers that look for the entry, code behind a handler that goes on, functions that evict it themselves; and, where an
eviction waits for a condition, the others whose entry it may be as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import below, last_part
from leaklint.repairs.cleanup import locks_around
from leaklint.repairs.find import owners_of, standing_in, statement_around
from leaklint.repairs.gaps import can_raise
from leaklint.repairs.layout import innermost, place_of, text_of
from leaklint.repairs.places import function_around, path_to
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name
from leaklint.usage import MAKES_THE_OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import msgspec

    from leaklint.model import Span
    from leaklint.repairs.gaps import Gap
    from leaklint.repairs.intent import Intent
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch


def why_noticed(intent: Intent, stretch: Stretch, gaps: Sequence[Gap], evicting: ir.Statement) -> str | None:
    """Why somebody may notice that the entry is gone after an exception in one of `gaps`; None if nobody does."""
    layout, word = intent.layout, cache_name(intent.report.story.insertion.cache)
    if word is None:
        return "the container has no name by which others could be seen to use it"
    asking = _functions_that_ask(layout, stretch, word)
    for gap in gaps:
        swallows = False
        for owner, part in owners_of(layout, gap.first):
            handling = _handling(owner, part)
            if any(_asks(node, word, asking) for node in handling):
                return f"what handles the exception, below line {owner.at.line}, may look for the entry"
            swallows = swallows or _swallows(owner, part)
            if swallows and any(_asks(node, word, asking) for node in _goes_on(layout, stretch, owner)):
                return (
                    f"the code goes on after an exception, below line {owner.at.end_line}, and may look for the entry"
                )
    return _noticed_by_a_caller(layout, stretch, word, asking) or _needed_inside(layout, stretch, evicting, word)


def why_another_s(intent: Intent, gaps: Sequence[Gap]) -> str | None:
    """Why an entry under the key may be another operation's by then: a gap evicts, and goes on to what can raise."""
    layout, story = intent.layout, intent.report.story
    for removal in story.removals:
        depth = shared_depth(story.insertion.stack, removal.eviction.stack)
        at = place_at(removal.eviction.stack, removal.eviction.place, depth).at
        for gap in gaps:
            is_inside = (gap.first.at.line, gap.first.at.column) <= (at.line, at.column) and at < gap.last.at
            if (is_inside or gap.last.at.contains(at)) and not _ends_there(layout, statement_around(layout, at)):
                return f"line {at.line} evicts, and another operation may have put in its own entry by then"
    return None


def _ends_there(layout: Layout, statement: ir.Statement) -> bool:
    """Whether what follows a statement in its block leaves without a chance to raise."""
    place = place_of(layout, statement)
    behind = place.block.statements[place.index + 1 :]
    leaves = isinstance(place.block.statements[-1], ir.Return | ir.Break | ir.Continue | ir.Raise)
    if place.block.statements[-1] is not statement and isinstance(behind[-1], ir.Raise):
        behind = behind[:-1]
    return leaves and not any(can_raise(one) for one in behind)


def _handling(owner: ir.Statement, part: str) -> tuple[ir.Statement, ...]:
    """The statements that an exception in a part of a `try` leads to."""
    if not isinstance(owner, ir.Try) or part == "final":
        return ()
    handlers = owner.handlers if part == "body" else ()
    return (*(inner for handler in handlers for inner in handler.body), *owner.final)


def _swallows(owner: ir.Statement, part: str) -> bool:
    """Whether an exception may end here, so that the code behind goes on."""
    match owner:
        case ir.Try(handlers=handlers) if part == "body":
            return any(not isinstance(handler.body[-1], ir.Raise | ir.Return) for handler in handlers)
        case ir.With(items=items):
            calls = (item.context for item in items if isinstance(item.context, ir.Call))
            return any(last_part(call.function) == "suppress" for call in calls)
        case _:
            return False


def _goes_on(layout: Layout, stretch: Stretch, owner: ir.Statement) -> Iterator[ir.Statement]:
    """What is executed behind a statement: its siblings, and all of a loop around it but insertion and eviction."""
    place = place_of(layout, owner)
    if isinstance(owner, ir.For | ir.While):
        for sibling in owner.body:
            index = standing_in(layout, stretch.insertion, place_of(layout, sibling).block)
            if index is None or place_of(layout, sibling).index != index:
                yield sibling
        return
    yield from place.block.statements[place.index + 1 :]


def _functions_that_ask(layout: Layout, stretch: Stretch, word: str) -> frozenset[str]:
    """The functions of the module that use a container of that name, and those that call one of them plainly."""
    own, names = stretch.function.name, layout.by_name
    asking = {name for at in names.places.get(word, ()) for name in _functions_around(layout, at)} - {own}
    waiting = list(asking)
    while waiting:
        for call in names.calls.get(waiting.pop(), ()):
            more = set(_functions_around(layout, call.at)) - {*asking, own} if _is_plain(call) else set()
            asking |= more
            waiting += more
    return frozenset(asking)


def _functions_around(layout: Layout, at: Span) -> Iterator[str]:
    """The names of the functions that something stands in."""
    statement = innermost(layout, at)
    for step in path_to(place_of(layout, statement)) if statement is not None else ():
        if isinstance(step.block.owner, ir.Define):
            yield step.block.owner.function.name


def _asks(node: msgspec.Struct, word: str, asking: frozenset[str]) -> bool:
    return _mentions(node, word) or any(_calls(inner, asking) for inner in below(node))


def _mentions(node: msgspec.Struct, word: str) -> bool:
    return any(isinstance(inner, ir.Name | ir.Attribute) and last_part(inner) == word for inner in below(node))


def _calls(node: msgspec.Struct, names: frozenset[str]) -> bool:
    return isinstance(node, ir.Call) and last_part(node.function) in names and _is_plain(node)


def _is_plain(call: ir.Call) -> bool:
    """Whether a call is of a function by its own name, or of a method of the same object."""
    match call.function:
        case ir.Name() | ir.Attribute(value=ir.Name(id="self" | "cls")):
            return True
        case _:
            return False


def _noticed_by_a_caller(layout: Layout, stretch: Stretch, word: str, asking: frozenset[str]) -> str | None:
    """Why a function of the module that calls this one may look for the entry when it gets the exception."""
    for node in layout.by_name.calls.get(stretch.function.name, ()):
        statement = innermost(layout, node.at)
        for owner, part in owners_of(layout, statement) if statement is not None else ():
            if any(_asks(handling, word, asking) for handling in _handling(owner, part)):
                return f"the caller on line {node.at.line} may look for the entry when it handles the exception"
    return None


def _needed_inside(layout: Layout, stretch: Stretch, evicting: ir.Statement, word: str) -> str | None:
    """Why a function inside this one, which may be called later, would miss the entry."""
    for inner in below(stretch.function):
        if not isinstance(inner, ir.Function) or inner is stretch.function or inner.at.contains(evicting.at):
            continue
        if any(_needs_the_entry(node, word) for node in below(inner)):
            return f"the function on line {inner.at.line} needs the entry, and may be called later"
    return None


def _needs_the_entry(node: msgspec.Struct, word: str) -> bool:
    match node:
        case ir.Subscript(value=container):
            return last_part(container) == word
        case ir.Call(function=ir.Attribute(value=container, name="remove"), arguments=arguments):
            return last_part(container) == word
        case ir.Call(function=ir.Attribute(value=container, name="pop"), arguments=arguments):
            return last_part(container) == word and len(arguments) < 2
        case _:
            return False


def is_held_alone(intent: Intent, stretch: Stretch, gaps: Sequence[Gap], others: Iterable[str] = ()) -> bool:
    """Whether nobody else can have come by the entry when something in a gap raises.

    That is so if there was none before, as a test shows, if a lock is held from that test to the end of each gap and
    never given back by a wait for a condition, and if the module uses the container, and `others` by their words,
    under that lock only.
    """
    layout, word = intent.layout, cache_name(intent.report.story.insertion.cache)
    block = place_of(layout, stretch.insertion).block
    if word is None or any(place_of(layout, gap.first).block is not block for gap in gaps):
        return False
    words = (word, *others)
    asking = _asked_before(layout, stretch, words)
    for header in locks_around(layout, asking) if asking is not None else ():
        lock = header.partition("with ")[2].rstrip(":")
        is_released = any(_waits_for(layout, statement, lock) for statement in block.statements)
        root = lock.partition(".")[0]
        if not is_released and all(_is_used_under(layout, stretch, one, header, root) for one in words):
            return True
    return False


def _asked_before(layout: Layout, stretch: Stretch, words: Sequence[str]) -> ir.If | None:
    """The condition that lets the entry in only where there was none: `if key in cache: … else: …`."""
    block = place_of(layout, stretch.insertion).block
    match stretch.insertion:
        case ir.Assign(targets=targets):
            keys = [text_of(layout, target.index.at) for target in targets if isinstance(target, ir.Subscript)]
        case _:
            return None
    match block.owner:
        case ir.If(test=ir.Compare(left=left, operator=operator, right=container)) as asking:
            is_absent = (operator, block.part) in (("in", "otherwise"), ("not in", "body"))
            is_entry = last_part(container) in words and keys == [text_of(layout, left.at)]
            return asking if is_absent and is_entry else None
        case _:
            return None


def _waits_for(layout: Layout, statement: ir.Statement, lock: str) -> bool:
    return any(
        isinstance(node, ir.Attribute) and text_of(layout, node.value.at) == lock and node.name.startswith("wait")
        for node in below(statement)
    )


def _is_used_under(layout: Layout, stretch: Stretch, word: str, header: str, root: str) -> bool:
    is_local = root in locals_of(stretch.function) and root not in ("self", "cls")
    for at in layout.by_name.places.get(word, ()):
        statement = innermost(layout, at)
        assert statement is not None
        function = function_around(place_of(layout, statement))
        if function is None or (function.name in MAKES_THE_OBJECT and not is_local):
            continue
        if header not in locks_around(layout, statement) or (is_local and function is not stretch.function):
            return False
    return True


def first_condition_elsewhere(intent: Intent, depth: int) -> int | None:
    """The line of a condition in a function between the call of this one and the eviction; None if there is none.

    What asks for the entry itself is no condition.
    """
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    word = cache_name(intent.report.story.insertion.cache) or ""
    for place in [*eviction.stack[depth + 1 :], eviction.place] if depth < len(eviction.stack) else []:
        for owner, _ in owners_of(layout, statement_around(layout, place.at)):
            if isinstance(owner, ir.For | ir.While | ir.Match):
                return owner.at.line
            if isinstance(owner, ir.If) and not _mentions(owner.test, word):
                return owner.at.line
    return None
