"""What the code does to evict the base key, said for another key in another function."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

import msgspec

from leaklint import ir
from leaklint.evidence import place_at, shared_depth
from leaklint.ir_walk import below
from leaklint.repairs.cleanup import (
    Cleanup,
    cleanup_at,
    headers_of,
    locks_around,
    names_bound_by,
    names_in_cleanup,
    said,
)
from leaklint.repairs.closing_first import (
    closing_first,
    evicted_then_closed,
    require_all_endings_known,
    with_endings,
)
from leaklint.repairs.ending import argument_for
from leaklint.repairs.find import expression_of, function_of, statement_around
from leaklint.repairs.layout import text_of
from leaklint.repairs.naming import free_name, names_within
from leaklint.repairs.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.flow.events import Eviction, Stack
    from leaklint.model import Span
    from leaklint.repairs.layout import Layout
    from leaklint.stories import Story

_LOCK_NAME = re.compile(r"lock|mutex|guard|sem(aphore)?$|cond(ition)?$", re.IGNORECASE)


class Mirror(msgspec.Struct, frozen=True):
    """A cleanup to say again, the function that it stands in, and the headers of the locks that it is under."""

    cleanup: Cleanup
    function: ir.Function
    locks: tuple[str, ...]


def mirror_of(layout: Layout, eviction: Eviction, story: Story) -> Mirror:
    """Return the outermost form of the base key's cleanup that takes the key by itself.

    That is the call of a helper if the helper gets the key as an argument and does not mind a missing one.
    """
    depth = shared_depth(story.insertion.stack, eviction.stack)
    frames = [statement_around(layout, place.at) for place in (*eviction.stack[depth:], eviction.place)]
    inner = cleanup_at(layout, eviction.place.at)
    locks = [locks_around(layout, frame) for frame in (*frames[:-1], inner.statements[0])]
    if len(frames) == 2:
        outer = _helper_call(layout, inner, place_at(eviction.stack, eviction.place, depth).at, frames)
        if outer is not None:
            return Mirror(outer, function_of(layout, frames[0]), locks[0])
    flat = tuple(dict.fromkeys(header for headers in locks for header in headers))
    if not flat and not isinstance(inner.statements[0], ir.With):
        flat = named_as_locks(locks_around(layout, statement_around(layout, story.insertion.place.at)))
    return Mirror(inner, function_of(layout, frames[-1]), flat)


def _helper_call(layout: Layout, inner: Cleanup, span: Span, frames: Sequence[ir.Statement]) -> Cleanup | None:
    helper = function_of(layout, frames[1])
    if inner.strict or not isinstance(inner.key, ir.Name):
        return None
    try:
        call = expression_of(frames[0], span)
        argument = argument_for(call, helper, inner.key.id)
        if argument is None:
            return None
        return cleanup_at(layout, call.at, key=argument)
    except RefusedError:
        return None


def named_as_locks(headers: Sequence[str]) -> tuple[str, ...]:
    """Return the `with` headers whose names say that they are locks."""
    return tuple(header for header in headers if is_named_as_lock(header.rpartition(".")[2].rstrip(":")))


def is_named_as_lock(word: str) -> bool:
    """Whether a word says that what goes by it is a lock."""
    return _LOCK_NAME.search(word) is not None


def lines_in(layout: Layout, mirror: Mirror, function: ir.Function, key: str, calls: Stack) -> tuple[str, ...]:
    """Return the cleanup's lines for `key` in `function`, without locks; `calls` lead to the function.

    Raises RefusedError if they would mean something else there.
    """
    cleanup = mirror.cleanup
    closing = closing_first(layout, cleanup)
    whole = cleanup if closing is None else with_endings(cleanup, closing)
    require_all_endings_known(layout, whole, mirror.function)
    is_elsewhere = mirror.function is not function
    if is_elsewhere:
        for name in sorted(names_in_cleanup(layout, whole)):
            require_same_meaning(layout, name, mirror.function, function, calls)
    awaits = any(isinstance(node, ir.Await) for statement in whole.statements for node in below(statement))
    if awaits and not function.is_async:
        raise RefusedError("the cleanup awaits, which the function that builds the keys cannot")
    taken = names_within(function) if is_elsewhere else set()
    renamed = {name: free_name(name, function, layout.names) for name in names_bound_by(cleanup) & taken}
    if closing is not None:
        wanted = closing.name or "entry"
        is_free = closing.name is not None and wanted not in taken
        name = wanted if is_free else free_name(wanted, function, layout.names)
        return evicted_then_closed(layout, cleanup, closing, key, name)
    return said(layout, cleanup, key, renamed=renamed)


def locks_to_take(
    layout: Layout, mirror: Mirror, function: ir.Function, around: ir.Statement, calls: Stack
) -> tuple[str, ...]:
    """Return the headers of the locks that are not held already where `around` stands. `calls` lead to the function."""
    held = set(locks_around(layout, around))
    for place in calls:
        held |= set(locks_around(layout, statement_around(layout, place.at)))
    taken = tuple(header for header in mirror.locks if header not in held)
    own = headers_of(layout, mirror.cleanup.statements[0])
    if held & set(own):
        raise RefusedError("the cleanup takes a lock that is held already where the keys are built")
    for header in (*taken, *own):
        if header.startswith("async ") and not function.is_async:
            raise RefusedError("the lock is taken with `async with`, which the function that builds the keys cannot do")
        if mirror.function is not function:
            root = re.split(r"[.:\s]", header.partition("with ")[2])[0]
            require_same_meaning(layout, root, mirror.function, function, calls)
    return taken


def require_same_meaning(layout: Layout, name: str, there: ir.Function, here: ir.Function, calls: Stack) -> None:
    """Raise RefusedError unless a name means the same in two functions."""
    is_module_wide = name in layout.names or hasattr(builtins, name)
    if is_module_wide and name not in _locals(here):
        return
    if name in ("self", "cls") and _class_of(there) is not None and _class_of(there) == _class_of(here):
        return
    if here.qualified_name.startswith(there.qualified_name + ".<locals>.") and name not in _locals(here):
        return
    if calls and _is_handed_on(layout, name, here, calls):
        return
    raise RefusedError(f"the cleanup uses `{name}`, which means something else where the keys are built")


def _is_handed_on(layout: Layout, name: str, here: ir.Function, calls: Stack) -> bool:
    """Whether the last call on the way gives the function's parameter of that name a variable of that name."""
    call = expression_of(statement_around(layout, calls[-1].at), calls[-1].at)
    argument = argument_for(call, here, name)
    return isinstance(argument, ir.Name) and text_of(layout, argument.at) == name


def _class_of(function: ir.Function) -> str | None:
    """The class whose `self` a method, or a function nested in one, sees."""
    owner, _, rest = function.qualified_name.partition(".<locals>")[0].rpartition(".")
    return owner if owner and rest else None


def _locals(function: ir.Function) -> set[str]:
    bound = {parameter.name for parameter in function.parameters}
    for node in below(function):
        match node:
            case ir.Assign(targets=targets):
                bound |= {target.id for target in targets if isinstance(target, ir.Name)}
            case ir.For(target=ir.Name(id=name)):
                bound.add(name)
    return bound - set(function.global_names)
