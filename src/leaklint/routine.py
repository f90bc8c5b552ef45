"""One function of a module, with what stands in its scope."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

import msgspec

from leaklint import ir
from leaklint.ir_walk import last_part

Kind = TypeVar("Kind", bound=msgspec.Struct)
Answer = TypeVar("Answer")


class Routine(msgspec.Struct, frozen=True, dict=True):
    """A function of the module, with its place in it."""

    name: str
    """Unique in the module: the qualified name, with a position where a name is defined twice."""
    function: ir.Function
    class_name: str | None = None
    parent: str | None = None
    """The routine that it is nested in."""
    nodes: tuple[msgspec.Struct, ...] = ()
    """All that is in its function's scope; nested functions, lambdas and classes are given and not entered."""

    @cached_property
    def _sorted(self) -> dict[type[msgspec.Struct], list[msgspec.Struct]]:
        found: dict[type[msgspec.Struct], list[msgspec.Struct]] = {}
        for node in self.nodes:
            found.setdefault(type(node), []).append(node)
        return found

    def nodes_of(self, kind: type[Kind]) -> list[Kind]:
        """The nodes of one kind, in order: sorted once, most questions are about a few of them."""
        return cast("list[Kind]", self._sorted.get(kind, []))

    @cached_property
    def _answers(self) -> dict[Callable[[Routine], Any], Any]:
        return {}

    def once(self, question: Callable[[Routine], Answer]) -> Answer:
        """Ask what depends on the routine alone; the answer is kept, as other files that use it will ask again."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return cast("Answer", self._answers[question])

    @cached_property
    def words(self) -> frozenset[str]:
        """The last words of all names and attributes in its scope."""
        attributes = {node.name for node in self.nodes_of(ir.Attribute)}
        return frozenset(attributes.union(node.id for node in self.nodes_of(ir.Name)))

    def values_of(self, name: str) -> list[ir.Expression | None]:
        """What its assignments give to a variable."""
        return self.once(_values).get(name, [])

    @property
    def decorations(self) -> tuple[str, ...]:
        """The last words of its decorators."""
        return tuple(name for decorator in self.function.decorators if (name := decorator_name(decorator)))

    @property
    def takes_receiver(self) -> bool:
        """Whether the first parameter is the instance or the class."""
        return self.class_name is not None and "staticmethod" not in self.decorations

    @property
    def is_private(self) -> bool:
        """Whether only code that is in sight calls it: it is nested, or its name begins with an underscore."""
        name = self.function.name
        return self.parent is not None or (name.startswith("_") and not name.endswith("__"))

    @property
    def is_context_manager(self) -> bool:
        """Whether it is a generator made into a context manager."""
        return bool({"contextmanager", "asynccontextmanager"} & set(self.decorations))

    @property
    def is_always_resumed(self) -> bool:
        """Whether it is a generator that goes on behind its `yield` whatever happened meanwhile: a pytest fixture."""
        return "fixture" in self.decorations


def _values(routine: Routine) -> dict[str, list[ir.Expression | None]]:
    found: dict[str, list[ir.Expression | None]] = {}
    for statement in routine.nodes_of(ir.Assign):
        for target in statement.targets:
            if isinstance(target, ir.Name):
                found.setdefault(target.id, []).append(statement.value)
    return found


def decorator_name(decorator: ir.Expression) -> str | None:
    """The last word of a decorator, whether it is called or not."""
    return last_part(decorator.function if isinstance(decorator, ir.Call) else decorator)
