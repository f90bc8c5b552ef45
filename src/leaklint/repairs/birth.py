"""How to get hold of each key where it is built: by its variable, or by giving it one first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.changes import Change, ComprehensionToLoop, Hoist, InsertAfter, InsertBefore
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.find import binds, expression_of, names_read
from leaklint.repairs.layout import place_of
from leaklint.repairs.loops import key_order
from leaklint.repairs.naming import free_name
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.stretch import locals_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from leaklint.repairs.layout import Layout
    from leaklint.repairs.site import Site

_EAGER = frozenset("dict frozenset list max min set sorted sum tuple".split())
"""What takes all that a generator gives before anybody sees any of it; `any` and `all` may stop in the middle."""
_PURE = frozenset(
    """
    blake2b blake2s digest encode format hash hexdigest int join lower md5 repr sha1 sha224 sha256 sha384 sha512 str
    tuple upper uuid3 uuid5
    """.split()
)
_TAKES_OUT = frozenset("clear pop popitem popleft remove sort reverse insert extend append".split())


READ_EARLIER = "the key would be built before what stands left of it, which shows if a call changes what is read"


class Source(msgspec.Struct, frozen=True, eq=False):
    """The name that holds a key, whether the repair makes it up, and what binds it.

    `collected` is a list of the function that already holds all the keys and nothing else; with `is_made_whole` one
    comprehension makes it, and nothing holds a single key.
    """

    site: Site
    name: str
    is_new: bool = False
    collected: str | None = None
    is_made_whole: bool = False
    comprehension: ir.Comprehension | None = None
    expression: ir.Expression | None = None
    target: str = ""
    eager: bool = False
    value: ir.Expression | None = None
    """What the entry is to hold, if it must be evaluated, under `value_name`, before the key."""
    value_name: str = ""
    risk: str | None = None

    @property
    def by_loop(self) -> bool:
        """Whether a comprehension must be written out."""
        return self.comprehension is not None

    def collect_in(self, tracked: str) -> str:
        """Return the line that puts what is known of the keys where they are built into the list `tracked`."""
        return f"{tracked}.extend({self.collected})" if self.is_made_whole else f"{tracked}.append({self.name})"

    def bind(self, lines: tuple[str, ...]) -> tuple[Change, ...]:
        """Return the changes that bind the name, if need be, and put `lines` behind that."""
        statement = self.site.statement
        if self.comprehension is not None:
            return (
                ComprehensionToLoop(
                    statement, self.comprehension, self.target, self.expression, self.name, lines, self.eager
                ),
            )
        if self.expression is not None:
            after = (InsertBefore(statement, lines, above_comments=False),) if lines else ()
            first = () if self.value is None else (Hoist(statement, self.value, self.value_name),)
            return (*first, Hoist(statement, self.expression, self.name), *after)
        return (InsertAfter(statement, lines),) if lines else ()


def ways_to_name(layout: Layout, site: Site, *, with_collected: bool = True) -> Source:
    """Return how to name the key of `site`; with `with_collected`, a list that `append` fills with the keys will do.

    Raises RefusedError where that would change what the code does.
    """
    statement = site.statement
    match statement:
        case ir.Assign(targets=(ir.Name(id=name),), value=value) if value is not None and value.at == site.key:
            return Source(site, name, collected=_gathered(layout, site, name))
        case ir.Augment(target=ir.Name(id=name)) if statement.at == site.key:
            return Source(site, name)
    expression = expression_of(statement, site.key)
    collected = _collected(site, expression)
    is_made_whole = isinstance(statement, ir.Assign)
    if collected is not None and (with_collected or is_made_whole):
        return Source(site, collected.removesuffix("s"), collected=collected, is_made_whole=is_made_whole)
    name = _new_name(_telling(statement, expression) or "key", site.function, layout.names)
    around = [one for one in below(statement) if isinstance(one, ir.Comprehension) and one.at.contains(site.key)]
    inside = [one for one in around if one.at != site.key and not _is_in_first_iterable(one, site)]
    if not inside:
        return _above_its_statement(layout, site, expression, name)
    if len(inside) > 1:
        raise RefusedError(f"the key on line {site.key.line} is built in a comprehension inside another")
    return _from_comprehension(layout, site, inside[0], expression, name)


def _above_its_statement(layout: Layout, site: Site, expression: ir.Expression, name: str) -> Source:
    """The key on a line of its own; behind the value that it is to hold, where that shows."""
    statement = site.statement
    order = evaluation_order(layout, statement, expression)
    source = Source(site, name, is_new=True, expression=expression)
    if order == "kept" or (order == "reads" and _keeps_its_value(site.function, expression)):
        return source
    if order == "reads" and _only_computes(expression):
        return source
    match statement:
        case ir.Assign(targets=(ir.Subscript(index=index),), value=value, annotation=None) if index is expression:
            assert value is not None
            taken = layout.names | {name}
            value_name = free_name("value", site.function, taken)
            risk = _risk(evaluation_order(layout, statement, expression, (value,)), expression)
            return msgspec.structs.replace(source, value=value, value_name=value_name, risk=risk)
    return msgspec.structs.replace(source, risk=_risk(order, expression))


def _keeps_its_value(function: ir.Function, expression: ir.Expression) -> bool:
    """Whether an expression only reads the function's own variables, which no call can bind anew."""
    if not all(isinstance(node, ir.Name | ir.Constant | ir.Text | ir.Display) for node in below(expression)):
        return False
    inner = (node for node in below(function) if isinstance(node, ir.Function) and node is not function)
    shared = {name for node in inner for name in node.nonlocal_names}
    return names_read(expression) <= locals_of(function) - shared


def _new_name(wanted: str, function: ir.Function, module_wide: AbstractSet[str]) -> str:
    """`wanted` if that is free, `derived_` and the word if that is, else one with a number."""
    name = free_name(wanted, function, module_wide)
    return name if name == wanted else free_name(f"derived_{wanted}", function, module_wide)


def _from_comprehension(
    layout: Layout, site: Site, comprehension: ir.Comprehension, expression: ir.Expression, name: str
) -> Source:
    statement = site.statement
    risk = _risk(key_order(layout, comprehension, expression), expression)
    match statement:
        case ir.Assign(targets=(ir.Name(id=target),), value=value) if value is comprehension:
            pass
        case _:
            target = free_name("items", site.function, layout.names)
            risk = _risk(evaluation_order(layout, statement, comprehension)) or risk
    eager = comprehension.kind == "generator" and _is_taken_at_once(statement, comprehension)
    return Source(
        site,
        name,
        is_new=True,
        comprehension=comprehension,
        expression=expression,
        target=target,
        eager=eager,
        risk=risk,
    )


def _risk(order: object, expression: ir.Expression | None = None) -> str | None:
    if isinstance(order, Refusal):
        raise RefusedError(order.reason)
    if order == "changed":
        raise RefusedError("the key cannot be given a name without changing the order of evaluation")
    return READ_EARLIER if order == "reads" and not _only_computes(expression) else None


def _only_computes(expression: ir.Expression | None) -> bool:
    """Whether a key is the result of calls or operators that do nothing else, so that reading attributes may wait."""
    if expression is None:
        return False
    nodes = [node for node in below(expression) if isinstance(node, ir.Call | ir.Binary | ir.Template)]
    calls = [node for node in nodes if isinstance(node, ir.Call)]
    return bool(nodes) and all(last_part(call.function) in _PURE for call in calls)


def _is_in_first_iterable(comprehension: ir.Comprehension, site: Site) -> bool:
    return comprehension.clauses[0].iterable.at.contains(site.key)


def _is_taken_at_once(statement: ir.Statement, generator: ir.Comprehension) -> bool:
    return any(
        isinstance(node, ir.Call)
        and _takes_all(node.function)
        and any(argument.value is generator for argument in node.arguments)
        for node in below(statement)
    )


def _takes_all(function: ir.Expression) -> bool:
    match function:
        case ir.Name(id=name):
            return name in _EAGER or name == "gather"
        case ir.Attribute(value=owner, name=name):
            return (name == "join" and isinstance(owner, ir.Text)) or (name == "gather" and isinstance(owner, ir.Name))
        case _:
            return False


def _telling(statement: ir.Statement, expression: ir.Expression) -> str | None:
    """The name that the key is handed on under: a keyword, a dict's key, what is made of the list's name."""
    for node in below(statement):
        match node:
            case ir.Argument(value=value, name=str(name)) if value is expression and name.isidentifier():
                return name
            case ir.Pair(key=ir.Text(value=name), value=value) if value is expression and name.isidentifier():
                return name
    return None


def _collected(site: Site, expression: ir.Expression) -> str | None:
    """The list that `names = [key for …]` or `names.append(key)` fills with the keys alone."""
    match site.statement:
        case ir.Assign(targets=(ir.Name(id=name),), value=ir.Comprehension(kind="list" | "set", element=element)) if (
            element is expression
        ):
            grows = 0
        case ir.Evaluate(
            value=ir.Call(
                function=ir.Attribute(value=ir.Name(id=name), name="append" | "add"),
                arguments=(ir.Argument(value=value),),
            )
        ) if value is expression:
            grows = 1
        case _:
            return None
    return name if _is_only_read(site.function, name, grows) else None


def _gathered(layout: Layout, site: Site, name: str) -> str | None:
    """The list that already gets every key, by `names.append(name)` behind the key's statement and before its use."""
    place = place_of(layout, site.statement)
    for follower in place.block.statements[place.index + 1 :]:
        if any(follower.at.contains(use.statement.at) for use in site.uses):
            return None
        match follower:
            case ir.Evaluate(
                value=ir.Call(
                    function=ir.Attribute(value=ir.Name(id=found), name="append" | "add"),
                    arguments=(ir.Argument(value=ir.Name(id=given)),),
                )
            ) if given == name:
                return found if _is_only_read(site.function, found, 1) else None
    return None


def _is_only_read(function: ir.Function, name: str, grows: int) -> bool:
    """Whether a list is bound once, filled in one place and never shortened."""
    bound = touched = 0
    for node in below(function):
        match node:
            case ir.Assign() | ir.Augment() | ir.For():
                bound += name in binds(node)
                touched += isinstance(node, ir.Assign) and any(_is_item_of(target, name) for target in node.targets)
            case ir.Call(function=ir.Attribute(value=ir.Name(id=other), name=method)) if other == name:
                touched += method in _TAKES_OUT
            case ir.Delete(targets=targets):
                touched += sum(
                    isinstance(one, ir.Name) and one.id == name for target in targets for one in below(target)
                )
    return bound == 1 and touched == grows


def _is_item_of(target: ir.Expression, name: str) -> bool:
    return isinstance(target, ir.Subscript) and isinstance(target.value, ir.Name) and target.value.id == name
