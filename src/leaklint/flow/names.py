"""What a name stands for that no function binds: a class, a function or a variable, of this or of a linked module."""

from __future__ import annotations

from leaklint.outline import Outline
from leaklint.values import ClassReference, Closure, Global, Value


def meant(target: str, outline: Outline) -> Value:
    """The value of a resolved name."""
    if target in outline.classes:
        return ClassReference(target)
    if target in outline.routines and outline.routines[target].class_name is None:
        return Closure(target, 0)
    return Global(target)


def member(module: Value, name: str, outline: Outline) -> Value | None:
    """What `module.name` stands for; None if the value is no linked module, or if that is not known."""
    if not isinstance(module, Global) or not module.name.endswith(":"):
        return None
    target = outline.scopes.get(module.name[:-1], {}).get(name)
    return meant(target, outline) if target is not None else None
