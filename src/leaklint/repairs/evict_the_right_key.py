"""LKL104: evict the key that was inserted."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import below
from leaklint.repairs.changes import Change, InsertBefore, ReplaceExpression
from leaklint.repairs.ending import argument_for
from leaklint.repairs.find import (
    binds,
    expression_of,
    function_of,
    names_read,
    owners_of,
    shared_block,
    standing_in,
    statement_around,
)
from leaklint.repairs.intent import Intent, Plan
from leaklint.repairs.layout import place_of, statements_within, text_of
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import RefusedError
from leaklint.repairs.register_early import REGISTERS
from leaklint.repairs.stretch import locals_of
from leaklint.values import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.model import Span
    from leaklint.repairs.layout import Layout


def plans_for_a_wrong_key(intent: Intent) -> Iterator[Plan]:
    """Yield the ways to evict the right key, the best first."""
    layout, eviction = intent.layout, intent.report.eviction
    if eviction is None:
        raise RefusedError("no eviction is known")
    statement = statement_around(layout, intent.report.place.at)
    around = _lambda_around(statement, intent.report.place.at)
    if around is not None:
        yield _bound_now(layout, statement, around)
        return
    if eviction.key is not None and settled(eviction.key) != eviction.key:
        raise RefusedError("the function that evicts reads the key's variable later; give it the key as an argument")
    wrong = _wrong_key(intent)
    evicting = statement_around(layout, wrong.at)
    yield from _kept_in_a_name(intent, evicting, wrong)
    found = False
    for text, is_same_code in _right_keys(intent, evicting, wrong):
        found = True
        changes = _replaced(layout, evicting, wrong, text)
        yield Plan(changes, needs_match=not is_same_code, dropped=(text_of(layout, wrong.at),) * len(changes))
    if not found:
        raise RefusedError("the inserted key cannot be written where the wrong one is evicted")


def _wrong_key(intent: Intent) -> ir.Expression:
    """The expression of the evicted key, as near to the insertion as it is spelled out."""
    layout, eviction = intent.layout, intent.report.eviction
    assert eviction is not None
    frames = [*eviction.stack, eviction.place]
    depth = shared_depth(intent.report.story.insertion.stack, eviction.stack)
    key = _key_in(statement_around(layout, frames[-1].at), frames[-1].at)
    for number in range(len(frames) - 2, depth - 1, -1):
        function = function_of(layout, statement_around(layout, frames[number + 1].at))
        if not isinstance(key, ir.Name) or not any(one.name == key.id for one in function.parameters):
            break
        call = expression_of(statement_around(layout, frames[number].at), frames[number].at)
        given = argument_for(call, function, key.id)
        if given is None:
            raise RefusedError("the helper that evicts gets its key in another way")
        key = given
    return key


def _key_in(statement: ir.Statement, span: Span) -> ir.Expression:
    if isinstance(statement, ir.Delete) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ir.Subscript):
            return target.index
    match expression_of(statement, span):
        case ir.Call(function=ir.Attribute(name=name), arguments=(_, ir.Argument(value=key), *_)) if name in REGISTERS:
            return key
        case ir.Call(function=ir.Attribute(name="pop" | "discard" | "remove"), arguments=(ir.Argument(value=key), *_)):
            return key
        case ir.Subscript(index=key):
            return key
    raise RefusedError(f"the evicted key on line {span.line} is not written out")


def _lambda_around(statement: ir.Statement, span: Span) -> ir.Lambda | None:
    """The lambda that evicts, if the report stands in one or on its registration."""
    for node in below(statement):
        if isinstance(node, ir.Lambda) and (node.at.contains(span) or span.contains(node.at)):
            return node
    return None


def _bound_now(layout: Layout, statement: ir.Statement, node: ir.Lambda) -> Plan:
    """A lambda that takes the variables of its key when it is made: `lambda key=key: …`."""
    function = node.function
    if any(parameter.kind != "positional" for parameter in function.parameters):
        raise RefusedError("the lambda takes arguments in a way that leaves no room for the key")
    own = {parameter.name for parameter in function.parameters}
    calls = [inner for inner in below(function.body[-1]) if isinstance(inner, ir.Call) and inner.arguments]
    if not calls:
        raise RefusedError("the lambda does more than evict")
    names = sorted((names_read(calls[0].arguments[0].value) - own) & _rebound(layout, statement))
    if not names:
        raise RefusedError("the key of the lambda is no variable of the function")
    body = function.body[-1]
    assert isinstance(body, ir.Return)
    assert body.value is not None
    given = text_of(layout, node.at).removeprefix("lambda").partition(":")[0].strip()
    parameters = ", ".join([*([given] if given else []), *(f"{name}={name}" for name in names)])
    if len(own) != (len(given.split(",")) if given else 0):
        raise RefusedError("the lambda takes arguments in a way that leaves no room for the key")
    text = text_of(layout, node.at)
    rest = text[text.index(":") + 1 :]
    return Plan((ReplaceExpression(node.at, f"lambda {parameters}:{rest}"),))


def _rebound(layout: Layout, statement: ir.Statement) -> set[str]:
    return locals_of(function_of(layout, statement)) - {"self", "cls"}


def _kept_in_a_name(intent: Intent, evicting: ir.Statement, wrong: ir.Expression) -> Iterator[Plan]:
    """The key as it is when it is inserted, kept under a name, where the same words mean another key later."""
    layout, insertion, eviction = intent.layout, intent.report.story.insertion, intent.report.eviction
    assert eviction is not None
    depth = shared_depth(insertion.stack, eviction.stack)
    inserting = statement_around(layout, place_at(insertion.stack, insertion.place, depth).at)
    function = function_of(layout, inserting)
    if function_of(layout, evicting) is not function:
        return
    text = text_of(layout, wrong.at)
    if not any(isinstance(node, ir.Node) and text_of(layout, node.at) == text for node in below(inserting)):
        return
    block = shared_block(layout, [inserting, evicting])
    index = standing_in(layout, inserting, block)
    word = wrong.id if isinstance(wrong, ir.Name) else wrong.name if isinstance(wrong, ir.Attribute) else "key"
    name = free_name(f"inserted_{word.lstrip('_')}", function, layout.names)
    if index is None or (block.statements[index] is not inserting and not isinstance(block.statements[index], ir.With)):
        return
    keep = InsertBefore(block.statements[index], (f"{name} = {text}",))
    changes = _replaced(layout, evicting, wrong, name)
    yield Plan((keep, *changes), dropped=(text,) * len(changes))


def _right_keys(intent: Intent, evicting: ir.Statement, wrong: ir.Expression) -> Iterator[tuple[str, bool]]:
    """How the inserted key may be written where the wrong one is evicted; whether it is the code that builds it."""
    layout, story = intent.layout, intent.report.story
    built = statement_around(layout, story.birth.place.at)
    try:
        birth = expression_of(built, story.birth.place.at)
    except RefusedError:
        return
    is_same = function_of(layout, built) is function_of(layout, evicting)
    if is_same:
        function = function_of(layout, evicting)
        for key in (*_names_at_hand(story.birth.place.at, built), *_spelled_at_insertion(intent, evicting)):
            if all(_has_one_value(layout, function, evicting, name) for name in names_read(key)):
                yield as_argument(text_of(layout, key.at)), False
    known = names_read(wrong) | {
        node.id for owner in _loops(layout, evicting) for node in below(owner.target) if isinstance(node, ir.Name)
    }
    if story.birth.place == story.insertion.place:
        # The key is built nowhere: what stands there is the insertion.
        return
    needed = names_read(birth) & (locals_of(function_of(layout, built)) - {"self", "cls"})
    if needed <= known | {one.name for one in function_of(layout, evicting).parameters}:
        text = text_of(layout, birth.at)
        if "\n" not in text:
            yield as_argument(text), True


def as_argument(text: str) -> str:
    """Put a tuple that has no parentheses of its own, as in `cache[a, b]`, into some."""
    call = ast.parse(f"f({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return text if len(call.args) == 1 else f"({text})"


def _loops(layout: Layout, statement: ir.Statement) -> list[ir.For]:
    return [owner for owner, _ in owners_of(layout, statement) if isinstance(owner, ir.For)]


def _has_one_value(layout: Layout, function: ir.Function, evicting: ir.Statement, name: str) -> bool:
    """Whether a name means at the eviction what it meant at the insertion: no loop that is over has bound it."""
    if name not in locals_of(function) | layout.names:
        return hasattr(builtins, name)
    for statement in statements_within(layout, function.at):
        if name not in binds(statement):
            continue
        loops = [owner for owner, _ in owners_of(layout, statement) if isinstance(owner, ir.For | ir.While)]
        loops += [statement] if isinstance(statement, ir.For) else []
        if any(not loop.at.contains(evicting.at) for loop in loops):
            return False
    return True


def _names_at_hand(birth: Span, built: ir.Statement) -> Iterator[ir.Expression]:
    match built:
        case ir.Assign(targets=(ir.Name() as name,), value=value) if value is not None and value.at == birth:
            yield name


def _spelled_at_insertion(intent: Intent, evicting: ir.Statement) -> Iterator[ir.Expression]:
    """The key as the inserting statement of the same function has it."""
    layout, insertion = intent.layout, intent.report.story.insertion
    eviction = intent.report.eviction
    assert eviction is not None
    depth = shared_depth(insertion.stack, eviction.stack)
    place = place_at(insertion.stack, insertion.place, depth)
    inserting = statement_around(layout, place.at)
    if function_of(layout, inserting) is not function_of(layout, evicting):
        return
    for node in below(inserting):
        match node:
            case ir.Assign(targets=(ir.Subscript(index=key, at=at),)) if at == place.at:
                yield key
            case ir.Call(arguments=arguments, at=at) if at == place.at:
                for argument in arguments:
                    if isinstance(argument.value, ir.Attribute | ir.Subscript | ir.Name):
                        yield argument.value


def _replaced(layout: Layout, evicting: ir.Statement, wrong: ir.Expression, text: str) -> tuple[Change, ...]:
    """Put `text` in place of the wrong key, in an `if` around the eviction that asks about it too."""
    old = text_of(layout, wrong.at)
    owner = place_of(layout, evicting).block.owner
    nodes: list[ir.Expression] = [wrong]
    if isinstance(owner, ir.If) and len(owner.body) == 1:
        nodes += [
            node.left
            for node in below(owner.test)
            if isinstance(node, ir.Compare) and text_of(layout, node.left.at) == old
        ]
    return tuple(ReplaceExpression(node.at, text) for node in nodes)
