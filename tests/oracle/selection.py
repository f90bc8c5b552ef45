"""Which combinations of dimensions make sense, and an even choice among them."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeVar

from . import batch_cleanups, carriers, flows, unit_cleanups
from .entries import INSERTIONS
from .keys import KEY_FORMS
from .scene import Choice, Mode
from .works import SWALLOWING, WORKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Value = TypeVar("Value")

WIDTH = 2
"""Programs for each combination of cleanup, flow and mode."""
ATTEMPTS = 20
PLACES = ("instance", "instance", "class", "global", "other")
HASHED = ("sha", "md5-of-join")
MUTABLE = ("dataclass", "plain-keywords", "plain-positional", "dataclass-comprehension")


def choices(width: int) -> Iterator[Choice]:
    """The chosen combinations, in a stable order without repetition."""
    cleanups = unit_cleanups.RIGHT + unit_cleanups.WRONG + batch_cleanups.RIGHT + batch_cleanups.WRONG
    modes: tuple[Mode, ...] = ("sync", "async")
    for cleanup in cleanups:
        for mode in modes:
            for flow in _flows(mode):
                yield from _some(cleanup, mode, flow, width)


def _flows(mode: Mode) -> tuple[str, ...]:
    if mode == "sync":
        return flows.STREAMING + flows.PREPARED
    return flows.STREAMING + flows.STREAMING_ASYNC + flows.PREPARED_ASYNC


def _some(cleanup: str, mode: Mode, flow: str, width: int) -> Iterator[Choice]:
    seen: set[str] = set()
    for attempt in range(ATTEMPTS * width):
        choice = _drawn(cleanup, mode, flow, attempt)
        if choice.id not in seen and fits(choice):
            seen.add(choice.id)
            yield choice
        if len(seen) == width:
            return


def _drawn(cleanup: str, mode: Mode, flow: str, attempt: int) -> Choice:
    def pick(dimension: str, values: Sequence[Value]) -> Value:
        return values[zlib.crc32(f"{cleanup} {mode} {flow} {attempt} {dimension}".encode()) % len(values)]

    streaming = flow in flows.STREAMING + flows.STREAMING_ASYNC
    return Choice(
        key=pick("key", ("base", *KEY_FORMS) if flow == "straight" else KEY_FORMS),
        carrier=pick("carrier", carriers.INLINE if streaming else carriers.PREPARED),
        insertion=pick("insertion", INSERTIONS),
        place=pick("place", PLACES),
        lock=pick("lock", ("none", "none", "locked")),
        flow=flow,
        work=pick("work", ("plain", "plain", *WORKS)),
        cleanup=cleanup,
        mode=mode,
        base=pick("base", ("name", "name", "attribute")),
    )


def fits(choice: Choice) -> bool:
    """Whether a person could have written this."""
    return (
        _storage_fits(choice)
        and _key_fits(choice)
        and (
            _batch_fits(choice) if choice.cleanup in batch_cleanups.RIGHT + batch_cleanups.WRONG else _unit_fits(choice)
        )
    )


def _storage_fits(choice: Choice) -> bool:
    if choice.insertion == "merge" and choice.place == "global":
        return False
    if choice.insertion in ("merge", "set-add") and choice.place == "class" and choice.cleanup == "all-reset":
        return False
    if choice.insertion == "nested-setdefault" and choice.flow in flows.WITH_METHOD:
        return False
    return choice.insertion != "base-method" or choice.place == "instance"


def _key_fits(choice: Choice) -> bool:
    if choice.key == "base":
        return (
            choice.cleanup not in ("swapped-holes",)
            and choice.cleanup not in batch_cleanups.WRONG + batch_cleanups.RIGHT
        )
    return True


def _unit_fits(choice: Choice) -> bool:
    inside_method = choice.flow in flows.WITH_METHOD
    reads_plain_name = choice.carrier == "local" or (
        choice.carrier in ("direct", "key-list", "key-comprehension", "dict-key", "dict-comprehension")
        and (inside_method or choice.flow not in flows.STREAMING + flows.STREAMING_ASYNC)
    )
    match choice.cleanup:
        case "context-manager" | "manager-class" | "manager-without-finally":
            plain_lock = choice.lock == "none" or choice.cleanup != "manager-class"
            return choice.insertion == "assign" and plain_lock
        case "exit-stack":
            return choice.lock == "none" and choice.insertion != "nested-setdefault"
        case "finally-helper" | "finally-function":
            return choice.insertion != "nested-setdefault" and (
                choice.lock == "none" or choice.cleanup != "finally-helper"
            )
        case "finally-closing":
            return choice.insertion not in ("set-add", "defaultdict-read", "nested-setdefault")
        case "except-base":  # whether the lock after the statement can be cancelled is nobody's to say
            return (choice.lock == "none" or choice.mode == "sync") and not _hashes_between(choice)
        case "except-exception" | "success-only" | "timeout-only" | "late-callback":
            plain = choice.lock == "none" and choice.insertion != "nested-setdefault"
            return not _hashes_between(choice) and (plain or choice.cleanup != "late-callback")
        case "finally-guarded" | "finally-del":
            return choice.insertion != "nested-setdefault"
        case "rebound-key":
            return reads_plain_name and choice.insertion not in ("assign-inline", "update")
        case "renamed-field":
            return choice.carrier in MUTABLE and choice.insertion not in ("assign-inline", "update")
        case "other-template" | "swapped-holes":
            return not inside_method and choice.flow in flows.STREAMING + flows.STREAMING_ASYNC
        case "early-exit" | "exit-on-none":
            return choice.flow != "nested-function" or choice.cleanup == "early-exit"
    return True


def _batch_fits(choice: Choice) -> bool:
    streaming = choice.flow in flows.STREAMING + flows.STREAMING_ASYNC
    rebuildable = choice.flow not in ("straight", "async-for")
    if choice.flow == "straight" and choice.cleanup not in ("base-only", "base-only-outer", "base-only-inserted"):
        return False
    match choice.cleanup:
        case "all-on-success" | "all-on-timeout":
            unsaid = choice.flow in (*flows.WITH_METHOD, "generator") or choice.key in HASHED
            return not (_stays_silent(choice) and unsaid)
        case "base-only" | "base-only-inserted":
            return choice.insertion != "nested-setdefault"
        case "base-only-outer" | "all-within-outer-base":
            return choice.insertion != "nested-setdefault" and choice.flow != "generator"
        case "all-rebuilt" | "all-other-template" | "all-swapped-holes":
            return rebuildable
        case "all-exit-stack":
            return choice.insertion != "nested-setdefault" and (choice.lock == "none" or choice.mode == "sync")
        case "all-helper":
            return choice.insertion != "nested-setdefault"
        case "all-closing":
            return choice.insertion not in ("set-add", "defaultdict-read", "nested-setdefault")
        case "all-tracked-late":
            return streaming and choice.flow != "method" and choice.carrier != "direct"
        case "all-reset":
            return choice.place in ("instance", "other") and choice.insertion != "defaultdict-read"
    return True


def _stays_silent(choice: Choice) -> bool:
    """Whether no step of an item lets an exception out; what an executor may raise is nobody's to say then."""
    return choice.insertion in ("set-add", "defaultdict-read") and choice.work in SWALLOWING


def _hashes_between(choice: Choice) -> bool:
    """Whether a hash is computed between insertion and eviction; whether that may raise is nobody's to say."""
    return choice.carrier == "direct" and choice.key in HASHED and choice.flow not in flows.WITH_METHOD
