"""LKL105: the forgotten entry goes directly behind its sibling's, so that both go under the same lock and condition.

Directly behind and not before, so that an eviction that raises for a missing key leaves everything as it was. Every
eviction of the sibling that tells its key's end gets one: a single eviction anywhere silences the rule for all of the
container, so that to leave one out would hide what still leaks there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.containers import Kind
from leaklint.evidence import place_at, shared_depth
from leaklint.flow.caches import kind_of
from leaklint.ir_walk import below, dotted, last_part
from leaklint.outline import family
from leaklint.pure import PURE_FUNCTIONS
from leaklint.repairs.changes import Change, Hoist, InsertAfter, InsertBefore, ReplaceExpression
from leaklint.repairs.end_of_value import asks_behind
from leaklint.repairs.expressions import as_argument, evaluation_order
from leaklint.repairs.find import expression_of, function_of, names_bound, standing_in, statement_around
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, text_of
from leaklint.repairs.lookup import binders
from leaklint.repairs.mirror import is_named_as_lock
from leaklint.repairs.naming import free_name, singular
from leaklint.repairs.nodes import expression_at
from leaklint.repairs.order import effect_free
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.stretch import locals_of
from leaklint.same_caches import cache_name, may_be_same_cache
from leaklint.values import Field, Free, Global, Instance, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.evidence import Evidence
    from leaklint.flow.events import Eviction
    from leaklint.repairs.layout import Layout
    from leaklint.stories import Story

MISSED = "whoever still looks the entry up when its sibling is gone would find nothing"
AT_ONCE = "the entry comes in as its sibling's goes, and would go at once; when it may go is for you to say"
ELSEWHERE = "the forgotten container has no name where the sibling is evicted"
UNLOCKED = "the container is filled under a lock that is not held where the sibling is evicted"
ASKED_BEHIND = "the function asks for the forgotten entry when it has evicted the sibling, where nothing can follow"
USED_UP = "the key is used up where the sibling is evicted"

_EVICTING = frozenset({"pop", "discard", "remove", "__delitem__"})
_LEAVES = ir.Return | ir.Raise | ir.Break | ir.Continue | ir.Await | ir.Yield
_USES_UP = frozenset("get_nowait next pop popitem popleft read readline recv send".split())


class Removal(msgspec.Struct, frozen=True, eq=False):
    """The sibling's eviction: `cache.pop(key)` or, of a `del`, `cache[key]`, and the statement that it stands in."""

    statement: ir.Statement
    function: ir.Function
    expression: ir.Expression
    cache: ir.Expression
    key: ir.Expression


def plans_for_a_forgotten_sibling(intent: Intent) -> Iterator[Plan]:
    """Yield the one way to evict the forgotten entries: behind each eviction of the sibling."""
    changes: dict[Change, None] = {}
    for eviction in _to_join(intent):
        removal = _removal_at(intent.layout, eviction)
        _require_locked(intent, eviction)
        changes.update(dict.fromkeys(_behind(intent, eviction, removal)))
    yield Plan(tuple(changes), MISSED)


def _to_join(intent: Intent) -> list[Eviction]:
    """The evictions of the sibling behind which the forgotten one belongs, each place once."""
    story = intent.report.story
    evictions = {eviction.place: eviction for eviction in intent.report.evictions}
    if any(mentions(story.insertion.value, eviction.cache) for eviction in evictions.values()):
        raise RefusedError(AT_ONCE)
    chosen = [eviction for eviction in evictions.values() if not _makes_room(story, eviction)]
    if not chosen:
        raise RefusedError(AT_ONCE)
    return chosen


def _makes_room(story: Story, eviction: Eviction) -> bool:
    """Whether the operation takes out an old entry before it puts both in anew, so that nothing is to be evicted there.

    Raises RefusedError where what it puts in would go at once, or would come in when its sibling has gone.
    """
    own = [one for one in story.walk.evictions if one.place == eviction.place]
    if not own:
        return False
    is_before = all(_is_before(story, one) for one in own)
    takes_own = any(removal.eviction.place == eviction.place for removal in story.walk.removals)
    if takes_own and not is_before:
        return False
    if is_before and not takes_own and any(one.cache == own[0].cache for one in story.walk.insertions):
        return True
    raise RefusedError(AT_ONCE)


def _is_before(story: Story, eviction: Eviction) -> bool:
    """Whether the eviction stands above the insertion, in the function that both are reached from."""
    insertion = story.insertion
    depth = shared_depth(insertion.stack, eviction.stack)
    first = place_at(eviction.stack, eviction.place, depth)
    second = place_at(insertion.stack, insertion.place, depth)
    return first.function == second.function and first.at < second.at


def _removal_at(layout: Layout, eviction: Eviction) -> Removal:
    span = eviction.place.at
    statement = statement_around(layout, span)
    function = function_of(layout, statement)
    for node in below(statement):
        if isinstance(node, ir.Lambda | ir.Comprehension) and node.at.contains(span):
            raise RefusedError("the sibling is evicted in a lambda or comprehension, where nothing else can be done")
    if isinstance(statement, ir.Delete):
        for target in statement.targets:
            if target.at == span and isinstance(target, ir.Subscript):
                return Removal(statement, function, target, target.value, target.index)
    expression = expression_of(statement, span)
    match expression:
        case ir.Call(function=ir.Attribute(value=cache, name=name), arguments=(ir.Argument(value=key, name=None), *_)):
            if name in _EVICTING:
                return Removal(statement, function, expression, cache, key)
    raise RefusedError(f"the sibling's eviction on line {span.line} is in no form that can be repeated")


def _require_locked(intent: Intent, eviction: Eviction) -> None:
    """Refuse where the code holds a lock to fill the container, and none of that name where the sibling goes."""
    needed = {cache_name(lock) for lock in intent.report.story.insertion.locks}
    at_hand = [one for _, one in intent.evidence.evictions_at.get(eviction.place, ())]
    held = {cache_name(lock) for one in (eviction, *at_hand) for lock in one.locks}
    if any(name is None or is_named_as_lock(name) for name in needed - held):
        raise RefusedError(UNLOCKED)


def _behind(intent: Intent, eviction: Eviction, removal: Removal) -> tuple[Change, ...]:
    """The eviction of the forgotten entry; key and what the sibling's eviction gives get a name where they need one."""
    layout, statement = intent.layout, removal.statement
    container, word = _container(intent, eviction, removal), cache_name(intent.report.story.insertion.cache) or ""
    anchor = _last_that_asks(layout, removal, word)
    key, is_plain = as_argument(layout, removal.key), _is_plain(layout, removal, word, anchor)
    name = "" if is_plain else free_name("key", removal.function, layout.names)
    line = f"{container}.{_method(intent)}".format(key=name or key)
    if _is_whole(removal):
        hoists = () if is_plain else (Hoist(statement, removal.key, name),)
        return (*hoists, InsertAfter(anchor, (line,)))
    if isinstance(statement, ir.While):
        raise RefusedError("the sibling is evicted in the condition of a loop")
    if anchor is not statement or word in _words(statement):
        raise RefusedError(ASKED_BEHIND)
    given = _name_of_value(layout, removal)
    if is_plain:
        return Hoist(statement, removal.expression, given), InsertBefore(statement, (line,), False)
    return _both_named(layout, removal, (name, given), line)


def _both_named(layout: Layout, removal: Removal, names: tuple[str, str], line: str) -> tuple[Change, ...]:
    """`key = …`, `entry = cache.pop(key)` and the new eviction above a statement that uses what `pop` gives."""
    text, old = text_of(layout, removal.expression.at), text_of(layout, removal.key.at)
    order = evaluation_order(layout, removal.statement, removal.expression)
    call = removal.expression
    if "\n" in text or order not in ("kept", "reads") or not isinstance(call, ir.Call):
        raise RefusedError("what the sibling's eviction gives is used in the middle of a statement")
    rest = [text_of(layout, argument.value.at) for argument in call.arguments[1:]]
    if any(argument.name is not None for argument in call.arguments):
        raise RefusedError("the sibling's eviction takes its arguments by name")
    popped = f"{text_of(layout, call.function.at)}({', '.join([names[0], *rest])})"
    lines = (f"{names[0]} = {old}", f"{names[1]} = {popped}", line)
    return InsertBefore(removal.statement, lines, False), ReplaceExpression(removal.expression.at, names[1])


def _last_that_asks(layout: Layout, removal: Removal, word: str) -> ir.Statement:
    """The last statement of the eviction's block that still asks for the forgotten entry; the eviction's own if none.

    Raises RefusedError where one outside of the block asks, or others may run in between.
    """
    place = place_of(layout, removal.statement)
    last = place.index
    for node in asks_behind(layout, removal.function, removal.statement, word):
        index = standing_in(layout, statement_around(layout, node.at), place.block)
        if index is None:
            raise RefusedError(ASKED_BEHIND)
        last = max(last, index)
    between = place.block.statements[place.index + 1 : last + 1]
    if any(isinstance(node, _LEAVES) for statement in between for node in below(statement)):
        raise RefusedError(ASKED_BEHIND)
    return place.block.statements[last]


def _is_plain(layout: Layout, removal: Removal, word: str, anchor: ir.Statement) -> bool:
    """Whether the key can be read a second time behind `anchor`, and is the same then."""
    key, block = removal.key, place_of(layout, removal.statement).block
    calls = [node for node in below(key) if isinstance(node, ir.Call)]
    if any(isinstance(node, ir.Await | ir.Yield | ir.Walrus) for node in below(key)):
        raise RefusedError(USED_UP)
    if any(last_part(call.function) in _USES_UP for call in calls):
        raise RefusedError(USED_UP)
    if _given_anew(removal.statement) & _words(key):
        raise RefusedError("the statement that evicts the sibling gives what its key is read from another value")
    first, last = (standing_in(layout, one, block) or 0 for one in (removal.statement, anchor))
    changed = {name for one in block.statements[first + 1 : last + 1] for name in _given_anew(one)}
    changed |= {word, last_part(removal.cache) or ""}
    is_same = "\n" not in text_of(layout, key.at) and not changed & _words(key)
    return is_same and (effect_free(expression_at(layout.nodes, key.at)) or _only_names(calls, key))


def _only_names(calls: list[ir.Call], key: ir.Expression) -> bool:
    """Whether it is `id(item)` or the like: a pure builtin of a variable."""
    return (
        len(calls) == 1
        and all(isinstance(node, ir.Name) or node is calls[0] or isinstance(node, ir.Argument) for node in below(key))
        and isinstance(calls[0].function, ir.Name)
        and calls[0].function.id in PURE_FUNCTIONS
    )


def _given_anew(statement: ir.Statement) -> set[str]:
    """The words of the variables and attributes that a statement gives another value."""
    assigned = [node for node in below(statement) if isinstance(node, ir.Assign)]
    targets = [target for node in assigned for target in node.targets]
    attributes = {node.name for target in targets for node in below(target) if isinstance(node, ir.Attribute)}
    return names_bound(statement) | attributes


def _words(node: msgspec.Struct) -> set[str]:
    """The last words of all names and attributes in an expression."""
    names = {inner.id for inner in below(node) if isinstance(inner, ir.Name)}
    return names | {inner.name for inner in below(node) if isinstance(inner, ir.Attribute)}


def _is_whole(removal: Removal) -> bool:
    """Whether the statement does nothing behind the eviction but keep what it gives."""
    match removal.statement:
        case ir.Delete():
            return True
        case ir.Evaluate(value=value):
            return value.at == removal.expression.at
        case ir.Assign(value=value) if value is not None:
            return value.at == removal.expression.at
        case _:
            return False


def _name_of_value(layout: Layout, removal: Removal) -> str:
    """A name for what the sibling's eviction gives, where that is used at once."""
    match removal.statement:
        case ir.Return(value=value) if value is not None and value.at == removal.expression.at:
            return free_name("result", removal.function, layout.names)
    wanted = singular((last_part(removal.cache) or "").strip("_")) or "entry"
    return free_name(wanted, removal.function, layout.names)


def _method(intent: Intent) -> str:
    """How the container lets go of a key without minding a missing one."""
    insertion = intent.report.story.insertion
    kind = kind_of(insertion.cache, intent.evidence.outline)
    statement = statement_around(intent.layout, insertion.place.at)
    is_set = kind is Kind.SET or (
        kind is Kind.UNKNOWN
        and any(
            isinstance(node, ir.Call) and node.at == insertion.place.at and last_part(node.function) == "add"
            for node in below(statement)
        )
    )
    if kind in (Kind.SEQUENCE, Kind.FOREIGN):
        raise RefusedError("what the forgotten container is cannot be told, nor how it lets go of a key")
    return "discard({key})" if is_set else "pop({key}, None)"


def _container(intent: Intent, eviction: Eviction, removal: Removal) -> str:
    """The forgotten container in the words of the function that evicts the sibling."""
    cache, own = intent.report.story.insertion.cache, locals_of(removal.function)
    match cache:
        case Global() if (word := cache_name(cache)) is not None and word not in own:
            return word
        case Free(function=around, name=name) if isinstance(eviction.cache, Free) and name not in own:
            if eviction.cache.function == around:
                return name
        case Field(name=name) if _is_on_the_same_object(intent.evidence, intent.report.story, eviction):
            owner = _owner(removal)
            if owner is not None:
                return f"{owner}.{_as_written(name, _class_of(intent.evidence, eviction))}"
    raise RefusedError(ELSEWHERE)


def _is_on_the_same_object(evidence: Evidence, story: Story, eviction: Eviction) -> bool:
    """Whether the object whose sibling is evicted has the forgotten container, too."""
    cache = story.insertion.cache
    match cache, eviction.cache:
        case Field(base=Instance(class_name=owner), name=name), Field(base=Instance(class_name=other)):
            own = _class_of(evidence, eviction)
            return owner == other or (own is not None and family(evidence.outline, own, name) == owner)
        case Field(base=base), Field():
            siblings = [
                *(insertion.cache for insertion in story.walk.insertions),
                *(other.cache for other in story.walk.evictions),
            ]
            return any(
                isinstance(one, Field) and one.base == base and may_be_same_cache(one, eviction.cache)
                for one in siblings
            )
        case _:
            return False


def _class_of(evidence: Evidence, eviction: Eviction) -> str | None:
    """The class whose method evicts, itself or in a function inside."""
    routine = evidence.outline.routines.get(eviction.place.function)
    while routine is not None and routine.class_name is None and routine.parent is not None:
        routine = evidence.outline.routines.get(routine.parent)
    return None if routine is None else routine.class_name


def _as_written(name: str, class_name: str | None) -> str:
    """`__open` for `_Pool__open`, in the class that the name is private to."""
    own = (class_name or "").rpartition(".")[2].lstrip("_")
    return name.removeprefix(f"_{own}") if own and name.startswith(f"_{own}__") else name


def _owner(removal: Removal) -> str | None:
    """`self` of `self._sessions`, also where a variable stands for that."""
    cache = removal.cache
    if isinstance(cache, ir.Name):
        made = binders(removal.function, cache.id)
        match made:
            case [ir.Assign(targets=(ir.Name(),), value=value)] if value is not None:
                cache = value
    if not isinstance(cache, ir.Attribute):
        return None
    return dotted(cache.value)
