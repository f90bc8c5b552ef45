"""Exceptions that say that an object is shut down: a flag is asked for first that is set once and never taken back.

No operation begins on such an object any more, and what its containers hold is let go together with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.flow.events import Place
from leaklint.may_raise import operation_may_raise
from leaklint.model import Span
from leaklint.outline import method
from leaklint.routine import Routine
from leaklint.usage import MAKES_THE_OBJECT, ends_a_life
from leaklint.values import Field, Instance, Value


def comes_of_shutdown(evidence: Evidence, place: Place, cache: Value) -> bool:
    """Whether a method of the container's owner raises there only where a flag says that the object is done."""
    routine = evidence.outline.routines.get(place.function)
    if routine is None or not isinstance(cache, Field) or not isinstance(cache.base, Instance):
        return False
    called = _own_method(evidence, routine, place, cache.base.class_name)
    if called is None:
        return _is_at_the_end(evidence, routine, place.at)
    raising = [node.at for node in called.nodes if isinstance(node, ir.Node) and operation_may_raise(node)]
    return bool(raising) and all(_is_at_the_end(evidence, called, at) for at in raising)


def _own_method(evidence: Evidence, routine: Routine, place: Place, owner: str) -> Routine | None:
    """The method of the same object that is called at the place."""
    call = next((node for node in routine.nodes if isinstance(node, ir.Call) and node.at == place.at), None)
    match call:
        case ir.Call(function=ir.Attribute(value=ir.Name(id=name), name=called)) if name == _receiver(routine):
            return method(evidence.outline, owner, called)
        case _:
            return None


def _receiver(routine: Routine) -> str | None:
    parameters = routine.function.parameters
    return parameters[0].name if routine.takes_receiver and parameters else None


def _is_at_the_end(evidence: Evidence, routine: Routine, at: Span) -> bool:
    receiver = _receiver(routine)
    if receiver is None:
        return False
    return any(_says_the_end(evidence, flag) for flag in _flags_before(routine.function.body, at, receiver))


def _says_the_end(evidence: Evidence, flag: str) -> bool:
    """Whether the attribute is false when the object is made, and only ever set to true by what ends it."""
    places = evidence.assignments.get(flag, ())
    first = [node for routine, node in places if routine.function.name in MAKES_THE_OBJECT]
    later = [(routine, node) for routine, node in places if routine.function.name not in MAKES_THE_OBJECT]
    return (
        bool(first)
        and all(_gives(node, "False") for node in first)
        and all(_gives(node, "True") for _, node in later)
        # What is set once and for all may as well be a beginning.
        and any(ends_a_life(routine.function.name) for routine, _ in later)
    )


def _gives(node: msgspec.Struct, constant: str) -> bool:
    return isinstance(node, ir.Assign) and isinstance(node.value, ir.Constant) and node.value.value == constant


def _flags_before(block: Sequence[ir.Statement], at: Span, receiver: str) -> Iterator[str]:
    """The object's attributes that are known to be true wherever the place in the block is reached."""
    for statement in block:
        if not _holds((statement,), at):
            if isinstance(statement, ir.If) and isinstance(statement.body[-1], ir.Return | ir.Raise):
                yield from _true_flag(statement.test, receiver, holds=False)
            continue
        match statement:
            case ir.If(test=test, body=body, otherwise=otherwise):
                branch = body if _holds(body, at) else otherwise
                if _holds(branch, at):
                    yield from _true_flag(test, receiver, holds=branch is body)
            case ir.With(body=branch) | ir.Try(body=branch):
                pass
            case _:
                return
        yield from _flags_before(branch, at, receiver)
        return


def _true_flag(test: ir.Expression, receiver: str, *, holds: bool) -> Iterator[str]:
    """The attribute that is true where the test holds, or where it does not."""
    match test:
        case ir.Not(value=inner):
            yield from _true_flag(inner, receiver, holds=not holds)
        case ir.Attribute(value=ir.Name(id=name), name=flag) if holds and name == receiver:
            yield flag


def _holds(block: Sequence[ir.Statement], at: Span) -> bool:
    return any(one.at.line <= at.line <= one.at.end_line for one in block)
