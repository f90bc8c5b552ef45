"""Which containers may be one, and what happens to one of them among all that happens to containers.

A generated module has thousands of containers and events; to hold each against each would take as long as their square.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from leaklint.values import Entry, Field, Free, Global, Instance, Value, word

Found = TypeVar("Found")


def cache_name(cache: Value) -> str | None:
    """The word that a container goes by: `_clients` of `self._clients` and of `pool._clients`."""
    match cache:
        case Field(name=name):
            return name
        case Global(name=name):
            return word(name)
        case Entry(cache=outer):
            return cache_name(outer)
        case _:
            return getattr(cache, "name", None)


def may_be_same_cache(left: Value, right: Value) -> bool:
    """Whether two walks mean the same container: equal, or named alike on objects that are not told apart."""
    if left == right:
        return True
    match left, right:
        case Field(base=Instance(), name=_), Field(base=Instance(), name=_):
            return False
        case Field(name=name), Field(name=other):
            return name == other
        case Entry(cache=outer), Entry(cache=other_outer):
            return may_be_same_cache(outer, other_outer)
        case _:
            return False


class ByCache(Generic[Found]):
    """What was found about containers, in the order in which it was found."""

    def __init__(self, found: Iterable[tuple[Value, Found]]) -> None:
        """Sort it by container."""
        self._items: dict[Value, list[tuple[int, Found]]] = {}
        for number, (cache, one) in enumerate(found):
            self._items.setdefault(cache, []).append((number, one))
        self._alike: dict[object, dict[str | None, list[Value]]] = {}
        for cache in self._items:
            self._alike.setdefault(_shape(cache), {}).setdefault(owner_of(cache), []).append(cache)
        self._asked: dict[Value, list[Found]] = {}

    def may_be(self, cache: Value) -> Sequence[Found]:
        """What was found about containers that may be this one."""
        if cache not in self._asked:
            groups = self._alike.get(_shape(cache), {})
            owner = owner_of(cache)
            # An instance of another class is another object, whatever its attributes are called.
            near = groups.values() if owner is None else [groups.get(owner, []), groups.get(None, [])]
            alike = [other for group in near for other in group if may_be_same_cache(other, cache)]
            found = [pair for other in alike for pair in self._items[other]]
            self._asked[cache] = [one for _, one in sorted(found, key=itemgetter(0))]
        return self._asked[cache]

    def exactly(self, *caches: Value) -> list[Found]:
        """What was found about these containers."""
        found = [pair for cache in caches for pair in self._items.get(cache, ())]
        return [one for _, one in sorted(found, key=itemgetter(0))]


def _shape(cache: Value) -> object:
    """What containers that may be the same have in common."""
    depth = 0
    while isinstance(cache, Entry):
        cache, depth = cache.cache, depth + 1
    return depth, cache.name if isinstance(cache, Field) else cache


def owner_of(cache: Value) -> str | None:
    """The class of the instance that has the container; None if it is not known."""
    match _outermost(cache):
        case Field(base=Instance(class_name=owner)):
            return owner
        case _:
            return None


def holder_of(cache: Value) -> str | None:
    """The same, and of a variable that functions share the function around them."""
    outermost = _outermost(cache)
    return outermost.function if isinstance(outermost, Free) else owner_of(outermost)


def _outermost(cache: Value) -> Value:
    while isinstance(cache, Entry):
        cache = cache.cache
    return cache
