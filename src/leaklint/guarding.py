"""Locks that guard a container: which one its insertions and evictions hold, where, and how it is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from leaklint import ir
from leaklint.evidence import Evidence
from leaklint.flow.events import Eviction, Insertion, Place
from leaklint.ir_walk import last_part
from leaklint.outline import ancestry, heirs
from leaklint.same_caches import cache_name
from leaklint.usage import SHUTDOWN_NAMES
from leaklint.values import Field, Global, Instance, Value

LOCK_TYPES = frozenset({"Condition", "Lock", "RLock"})
LOCK_WORDS = frozenset("cond condition cv guard lock locked locks mutex rlock synchronized".split())
_BEGINNING_NAMES = frozenset("configure init initialize reset setup start".split())


class Site(msgspec.Struct, frozen=True):
    """A place that inserts or evicts, with every way that the walks came there."""

    place: Place
    accesses: tuple[Insertion | Eviction, ...]

    def is_guarded_by(self, lock: Value) -> bool:
        """Whether every way to it holds the lock."""
        return all(lock in access.locks for access in self.accesses)


def sites_of(evidence: Evidence, cache: Value) -> list[Site]:
    """All places that insert into a container or evict from it."""
    found: dict[Place, list[Insertion | Eviction]] = {}
    for access in evidence.accesses.may_be(cache):
        found.setdefault(access.place, []).append(access)
    return [Site(place, tuple(accesses)) for place, accesses in found.items()]


def shared_sites(evidence: Evidence, cache: Value) -> list[Site]:
    """The same without those where nobody else can be."""
    return [site for site in sites_of(evidence, cache) if not _is_alone(site)]


def _is_alone(site: Site) -> bool:
    """Whether nobody else can be there: a constructor, a shutdown, a start, a child process after `fork`."""
    return any(_is_lonely(name, access) for access in site.accesses for name in functions_on_the_way(access))


def functions_on_the_way(access: Insertion | Eviction) -> Iterator[str]:
    """The functions that lead to an access, its own the last."""
    return (place.function for place in (*access.stack, access.place))


def _is_lonely(function: str, access: Insertion | Eviction) -> bool:
    name = _short(function)
    words = set(name.split("_"))
    takes_all = "all" in words or (isinstance(access, Eviction) and access.key is None)
    if _is_protocol(function):
        return True
    is_ending = name in SHUTDOWN_NAMES or (takes_all and not words.isdisjoint(SHUTDOWN_NAMES))
    return is_ending or name.partition("_")[0] in _BEGINNING_NAMES or not words.isdisjoint({"fork", "test", "testing"})


def _is_protocol(function: str) -> bool:
    """Whether Python itself calls the method when an object begins or ends: `__setstate__`, `__enter__`."""
    name = function.partition("@")[0].rpartition(".")[2]
    return name.startswith("__") and name.endswith("__") and not name.endswith("item__") and name != "__call__"


def _short(function: str) -> str:
    return function.rpartition(":")[2].partition("@")[0].rpartition(".")[2].strip("_")


def guarding_lock(sites: list[Site], evidence: Evidence) -> Value | None:
    """The lock that guards the most of the sites and every insertion: one that also guards some is something else's."""
    held = Counter(lock for site in sites for lock in _locks_at(site) if _is_lock(lock, evidence))
    inserting = [site for site in sites if isinstance(site.accesses[0], Insertion)]
    for lock, _ in held.most_common(1):
        if inserting and all(site.is_guarded_by(lock) for site in inserting):
            return lock
    return None


def _locks_at(site: Site) -> set[Value]:
    return {lock for lock in site.accesses[0].locks if site.is_guarded_by(lock)}


def _is_lock(manager: Value, evidence: Evidence) -> bool:
    """Whether the value is one lock for the whole cache: an attribute or a global that is built or called so."""
    match manager:
        case Field(base=Instance(), name=name) | Global(name=name):
            built = built_type(manager, evidence)
            is_called_so = not LOCK_WORDS.isdisjoint(name.lower().split("_"))
            return built.rpartition(".")[2] in LOCK_TYPES if built is not None else is_called_so
        case _:
            return False


def built_type(lock: Value, evidence: Evidence) -> str | None:
    """What the attribute or global is built as, if the module says so: `threading.Lock`."""
    match lock:
        case Field(base=Instance(class_name=owner), name=name):
            classes = [evidence.outline.classes[relative] for relative in relatives(owner, evidence)]
            return next((blueprint.types[name] for blueprint in classes if name in blueprint.types), None)
        case Global(name=name):
            return evidence.outline.types.get(name)
        case _:
            return None


def relatives(owner: str, evidence: Evidence) -> list[str]:
    """The class, its bases and its subclasses."""
    outline = evidence.outline
    above = [blueprint.name for blueprint in ancestry(outline, owner)]
    return list(dict.fromkeys((*above, *heirs(outline, owner))))


def is_asynchronous(lock: Value, evidence: Evidence) -> bool:
    """Whether some `async with` takes the lock, in the class that it belongs to."""
    name = cache_name(lock)
    classes: list[str | None] = [*evidence.outline.classes, None]
    if isinstance(lock, Field) and isinstance(lock.base, Instance):
        classes = [*relatives(lock.base.class_name, evidence)]
    return any(
        isinstance(node, ir.With) and node.is_async and any(last_part(item.context) == name for item in node.items)
        for routine in evidence.outline.routines.values()
        if routine.class_name in classes
        for node in routine.nodes
    )
