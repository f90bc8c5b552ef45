"""Cleanups of one item, beside the insertion of its key: right ones and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .entries import connect, connect_through, evict, insert
from .keys import derived, swapped
from .works import SWALLOWING, work

if TYPE_CHECKING:
    from .program import Lines
    from .scene import Scene

RIGHT = (
    "finally",
    "finally-around",
    "finally-guarded",
    "finally-del",
    "finally-closing",
    "finally-helper",
    "finally-function",
    "except-base",
    "exit-stack",
    "context-manager",
    "manager-class",
)
WRONG = (
    "success-only",
    "timeout-only",
    "except-exception",
    "early-exit",
    "exit-on-none",
    "other-template",
    "swapped-holes",
    "rebound-key",
    "renamed-field",
    "guard-on-reply",
    "manager-without-finally",
    "late-callback",
)
BY_MANAGER = ("context-manager", "manager-class", "manager-without-finally")


class Unit(msgspec.Struct, frozen=True):
    """The work on one item: where its key and row are, and what becomes of the reply."""

    key: str
    row: str
    items: tuple[str, ...]
    deliver: tuple[str, ...]
    leave: str
    """The statement of an early exit."""


def expected(scene: Scene) -> frozenset[str]:
    """The rules that may speak of a unit with this cleanup."""
    cleanup, quiet = scene.choice.cleanup, scene.choice.work in SWALLOWING and not scene.unit_is_async
    match cleanup:
        case "success-only" | "timeout-only" | "manager-without-finally" | "late-callback":
            return frozenset() if quiet else frozenset({"LKL102"})
        case "except-exception":
            return frozenset({"LKL102"} if scene.unit_is_async else ())
        case "early-exit":
            return frozenset({"LKL103"})
        case "exit-on-none":
            return frozenset({"LKL103"} if quiet else {"LKL102", "LKL103"})
        case "other-template" | "swapped-holes" | "rebound-key" | "renamed-field":
            return frozenset({"LKL104"})
        case "guard-on-reply":
            return frozenset({"LKL102", "LKL103"})
    return frozenset()


def unit(scene: Scene, it: Unit) -> Lines:
    """The item's lines under the chosen cleanup."""
    if scene.choice.cleanup in BY_MANAGER:
        return _managed(scene, it)
    inserted, value = insert(scene, it.key, it.row)
    worked = list(work(scene, it.key, value, it.row))
    evicted = list(scene.locked(_eviction(scene, it)))
    match scene.choice.cleanup:
        case (
            "finally"
            | "finally-del"
            | "finally-closing"
            | "finally-helper"
            | "finally-function"
            | "other-template"
            | "swapped-holes"
        ):
            return [*inserted, "try:", [*worked, *it.deliver], "finally:", evicted]
        case "finally-around" | "finally-guarded":
            return ["try:", [*inserted, *worked, *it.deliver], "finally:", evicted]
        case "except-base" | "except-exception" | "timeout-only":
            return [*inserted, "try:", worked, *_handler(scene, evicted), *evicted, *it.deliver]
        case "success-only":
            return [*inserted, *worked, *evicted, *it.deliver]
        case "exit-stack":
            registered = f"stack.callback({scene.cache}.{_remover(scene)})".replace("KEY", it.key)
            return ["with ExitStack() as stack:", [*inserted, registered, *worked, *it.deliver]]
        case "late-callback":
            registered = f"stack.callback({scene.cache}.{_remover(scene)})".replace("KEY", it.key)
            return ["with ExitStack() as stack:", [*inserted, *worked, registered, *it.deliver]]
        case _:
            return _wrong(scene, it, [inserted, worked, evicted])


def _wrong(scene: Scene, it: Unit, parts: list[Lines]) -> Lines:
    inserted, worked, evicted = parts
    match scene.choice.cleanup:
        case "early-exit":
            return [
                *inserted,
                f"if not {it.row}:",
                [it.leave],
                "try:",
                [*worked, *it.deliver],
                "finally:",
                evicted,
            ]
        case "exit-on-none":
            return [*inserted, *worked, "if reply is None:", [it.leave], *evicted, *it.deliver]
        case "guard-on-reply":
            return [
                "reply = None",
                *inserted,
                "try:",
                worked,
                "finally:",
                ["if reply is not None:", evicted],
                *it.deliver,
            ]
        case "rebound-key":
            renamed = f"{it.key} = {scene.backend}.rename({it.key})"
            return [*inserted, "try:", [renamed, *worked, *it.deliver], "finally:", evicted]
        case "renamed-field":
            owner = it.key.rpartition(".")[0]
            renamed = f"{owner}.{scene.theme.key} = {scene.backend}.rename({it.row})"
            return [*inserted, "try:", [renamed, *worked, *it.deliver], "finally:", evicted]
    raise ValueError(scene.choice.cleanup)


def _eviction(scene: Scene, it: Unit) -> Lines:
    match scene.choice.cleanup:
        case "finally-guarded":
            return evict(scene, it.key, "guarded-del")
        case "finally-del":
            return evict(scene, it.key, "del")
        case "finally-closing":
            return evict(scene, it.key, "close")
        case "finally-helper":
            return [scene.call("_forget", it.key)]
        case "finally-function":
            return [f"forget({scene.cache}, {it.key})"]
        case "other-template":
            return evict(scene, derived(scene.choice.key, scene.base, it.items, "row"))
        case "swapped-holes":
            return evict(scene, swapped(scene.choice.key, scene.base, it.items))
    return evict(scene, it.key)


def _handler(scene: Scene, evicted: Lines) -> Lines:
    caught = {"except-base": "BaseException", "except-exception": "Exception", "timeout-only": "TimeoutError"}
    return [f"except {caught[scene.choice.cleanup]}:", [*evicted, "raise"]]


def _remover(scene: Scene) -> str:
    return "discard, KEY" if scene.choice.insertion == "set-add" else "pop, KEY, None"


def _managed(scene: Scene, it: Unit) -> Lines:
    value = scene.theme.value
    if scene.choice.cleanup == "manager-class":
        opened = f"{scene.theme.owner}Lease({scene.backend}, {scene.cache}, {it.key})"
    else:
        opened = scene.call("_lease", it.key)
    worked = work(scene, it.key, value, it.row)
    return [f"{'async with' if scene.unit_is_async else 'with'} {opened} as {value}:", [*worked, *it.deliver]]


def support(scene: Scene) -> Lines:
    """The further methods that the cleanup needs."""
    match scene.choice.cleanup:
        case "finally-helper":
            return [scene.header("_forget", "key"), evict(scene, "key"), ""]
        case "context-manager" | "manager-without-finally":
            return _lease(scene)
    return []


def _lease(scene: Scene) -> Lines:
    value = scene.theme.value
    evicted = list(scene.locked(evict(scene, "key")))
    inserted: list[str | Lines] = [
        f"{value} = {connect(scene, 'key')}",
        *scene.locked([f"{scene.cache}[key] = {value}"]),
    ]
    if scene.choice.cleanup == "context-manager":
        body: Lines = [*inserted, "try:", [f"yield {value}"], "finally:", evicted]
    else:
        body = [*inserted, f"yield {value}", *evicted]
    decorator = "@asynccontextmanager" if scene.unit_is_async else "@contextmanager"
    return [decorator, scene.header("_lease", "key", is_async=scene.unit_is_async), body, ""]


def manager_class(scene: Scene) -> Lines:
    """The context manager written as a class."""
    if scene.choice.cleanup != "manager-class":
        return []
    prefix, a = ("async ", "a") if scene.unit_is_async else ("", "")
    made = connect_through(scene, "self._backend", "self._key")
    return [
        f"class {scene.theme.owner}Lease:",
        [
            "def __init__(self, backend, cache, key):",
            ["self._backend = backend", "self._cache = cache", "self._key = key"],
            "",
            f"{prefix}def __{a}enter__(self):",
            [
                f"{scene.theme.value} = {made}",
                f"self._cache[self._key] = {scene.theme.value}",
                f"return {scene.theme.value}",
            ],
            "",
            f"{prefix}def __{a}exit__(self, *details):",
            ["self._cache.pop(self._key, None)"],
        ],
        "",
        "",
    ]


def forget_function(scene: Scene) -> Lines:
    """The function that takes the cache as a parameter and evicts."""
    if scene.choice.cleanup != "finally-function":
        return []
    removal = "cache.discard(key)" if scene.choice.insertion == "set-add" else "cache.pop(key, None)"
    return ["def forget(cache, key):", [removal], "", ""]
