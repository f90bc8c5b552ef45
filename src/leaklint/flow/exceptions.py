"""Which handler catches what: an `error` is some Exception, a `cancel` only BaseException or its own name catches."""

from __future__ import annotations

import builtins
import enum

from leaklint import ir
from leaklint.flow.state import Raised
from leaklint.ir_walk import dotted, last_part
from leaklint.outline import Outline, ancestry, resolve_dotted

CANCELLATIONS = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})


class Catch(enum.Enum):
    """How sure it is that a handler catches an exception."""

    ALWAYS = "always"
    MAYBE = "maybe"
    NEVER = "never"


def catches(caught: ir.Expression | None, raised: Raised, outline: Outline, routine: str) -> Catch:
    """Whether `except caught` in the code of a routine catches the exception."""
    if caught is None:
        return Catch.ALWAYS
    options = caught.items if isinstance(caught, ir.Display) else (caught,)
    verdicts = {_catches_one(exception_name(option, outline, routine) or "", raised, outline) for option in options}
    for verdict in (Catch.ALWAYS, Catch.MAYBE):
        if verdict in verdicts:
            return verdict
    return Catch.NEVER


def exception_name(expression: ir.Expression | None, outline: Outline, routine: str) -> str | None:
    """A class of exceptions by the name that the outline knows it under, else by its last word."""
    written = dotted(expression)
    target = resolve_dotted(outline, written, routine) if written is not None else None
    return target if target in outline.classes else last_part(expression)


def _catches_one(name: str, raised: Raised, outline: Outline) -> Catch:
    if name == "BaseException":
        return Catch.ALWAYS
    if raised.kind == "cancel":
        return Catch.ALWAYS if name in CANCELLATIONS else Catch.NEVER
    if name in CANCELLATIONS and raised.type_name not in CANCELLATIONS:
        return Catch.NEVER
    if name == "Exception":
        return Catch.NEVER if raised.type_name in CANCELLATIONS else Catch.ALWAYS
    if raised.type_name is None:
        return Catch.MAYBE
    if raised.type_name == name:
        return Catch.ALWAYS
    return _by_hierarchy(name, raised.type_name, outline)


def _by_hierarchy(name: str, raised_name: str, outline: Outline) -> Catch:
    known = {base for found in ancestry(outline, raised_name) for base in (found.name, *found.bases)} | {raised_name}
    if name in known:
        return Catch.ALWAYS
    handler_type = getattr(builtins, name, None)
    raised_types = [getattr(builtins, base, None) for base in known]
    is_known = isinstance(handler_type, type) and any(isinstance(found, type) for found in raised_types)
    if not is_known or not isinstance(handler_type, type):
        return Catch.MAYBE
    is_caught = any(isinstance(found, type) and issubclass(found, handler_type) for found in raised_types)
    return Catch.ALWAYS if is_caught else Catch.NEVER
