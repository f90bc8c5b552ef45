"""Cleanups of a whole operation, after all its items: right ones and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .entries import evict, insert
from .keys import derived, swapped
from .program import Lines
from .works import SWALLOWING, work

if TYPE_CHECKING:
    from .flows import Flow
    from .scene import Scene
    from .unit_cleanups import Unit

RIGHT = (
    "all-finally",
    "all-rebuilt",
    "all-helper",
    "all-exit-stack",
    "all-closing",
    "all-clear",
    "all-reset",
    "all-within-outer-base",
)
WRONG = (
    "base-only",
    "base-only-inserted",
    "base-only-outer",
    "all-on-success",
    "all-on-timeout",
    "all-other-template",
    "all-swapped-holes",
    "all-tracked-late",
)
TRACKING = (
    "all-finally",
    "all-helper",
    "all-exit-stack",
    "all-closing",
    "all-on-success",
    "all-on-timeout",
    "all-within-outer-base",
    "all-tracked-late",
)


class Operation(msgspec.Struct, frozen=True):
    """The body of an operation and the methods it needs besides."""

    body: Lines
    methods: Lines = ()


def expected(scene: Scene) -> frozenset[str]:
    """The rules that may speak of an operation with this cleanup."""
    quiet = scene.choice.work in SWALLOWING and not scene.is_async
    match scene.choice.cleanup:
        case "base-only" | "base-only-inserted" | "base-only-outer":
            return frozenset({"LKL101"})
        case "all-tracked-late":
            return frozenset() if quiet else frozenset({"LKL102"})
        case "all-on-success" | "all-on-timeout":
            silent = scene.choice.insertion in ("set-add", "defaultdict-read") and scene.choice.flow != "generator"
            return frozenset() if quiet and silent else frozenset({"LKL102"})
        case "all-other-template" | "all-swapped-holes":
            return frozenset({"LKL104"})
    return frozenset()


def bare_unit(scene: Scene, it: Unit) -> Lines:
    """The item's lines without a cleanup of their own."""
    inserted, value = insert(scene, it.key, it.row)
    late = [f"{scene.theme.key}s.append({it.key})"] if scene.choice.cleanup == "all-tracked-late" else []
    return [*inserted, *work(scene, it.key, value, it.row), *late, *it.deliver]


def operation(scene: Scene, parts: Flow) -> Operation:
    """The flow under the chosen cleanup."""
    cleanup = scene.choice.cleanup
    evicted = list(scene.locked(_evictions(scene, parts)))
    match cleanup:
        case "all-on-success":
            return Operation([*parts.before, *parts.run, *evicted, *parts.after])
        case "all-on-timeout":
            handler: Lines = ["except TimeoutError:", [*evicted, "raise"]]
            return Operation([*parts.before, "try:", parts.run, *handler, *evicted, *parts.after])
        case "all-exit-stack":
            registered = f"stack.callback({_callback(scene, parts)})"
            body: Lines = [*parts.before, "with ExitStack() as stack:", [registered, *parts.run], *parts.after]
            return Operation(body, _helper(scene))
        case "base-only-outer" | "all-within-outer-base":
            return _outer(scene, parts, evicted)
        case "base-only-inserted":
            inserted, _ = insert(scene, scene.base, f'"{scene.theme.base}"')
            guarded: Lines = [*parts.before, "try:", [*inserted, *parts.run], "finally:", evicted, *parts.after]
            return Operation(guarded)
    methods = _helper(scene) if cleanup == "all-helper" else ()
    return Operation([*parts.before, "try:", parts.run, "finally:", evicted, *parts.after], methods)


def _outer(scene: Scene, parts: Flow, evicted: Lines) -> Operation:
    """Two levels: the operation evicts the base key, the items are gone through in a method of their own."""
    name = f"_{scene.theme.operation}_all"
    inner: Lines = [*parts.before, *parts.run, *parts.after]
    if scene.choice.cleanup == "all-within-outer-base":
        inner = [*parts.before, "try:", parts.run, "finally:", evicted, *parts.after]
    base = list(scene.locked(evict(scene, scene.base)))
    call = scene.call(name, *parts.parameters, awaited=scene.is_async)
    body: Lines = ["try:", [f"return {call}"], "finally:", base]
    return Operation(body, [scene.header(name, *parts.parameters, is_async=scene.is_async), inner, ""])


def _evictions(scene: Scene, parts: Flow) -> Lines:
    key = scene.theme.key
    match scene.choice.cleanup:
        case "base-only" | "base-only-inserted" | "base-only-outer":
            return evict(scene, scene.base)
        case "all-clear":
            return [f"{scene.cache}.clear()"]
        case "all-reset":
            return [f"{scene.cache} = {'set()' if scene.choice.insertion == 'set-add' else '{}'}"]
        case "all-rebuilt":
            return _again(scene, parts, derived(scene.choice.key, scene.base, parts.items))
        case "all-other-template":
            return _again(scene, parts, derived(scene.choice.key, scene.base, parts.items, "row"))
        case "all-swapped-holes":
            return _again(scene, parts, swapped(scene.choice.key, scene.base, parts.items))
        case "all-helper":
            return [scene.call("_evict_all", _all_keys(scene, parts))]
    form = "close" if scene.choice.cleanup == "all-closing" else "pop"
    if parts.jobs is None or parts.jobs.tracks_keys:
        return [f"for {key} in {key}s:", evict(scene, key, form)]
    return [f"for {parts.jobs.target} in {parts.jobs.iterable}:", evict(scene, parts.jobs.key, form)]


def _again(scene: Scene, parts: Flow, key: str) -> Lines:
    inner: Lines = evict(scene, key)
    for loop in reversed(parts.loops):
        inner = [loop, inner]
    return inner


def _all_keys(scene: Scene, parts: Flow) -> str:
    if parts.jobs is None or parts.jobs.tracks_keys:
        return f"{scene.theme.key}s"
    if parts.jobs.iterable == "jobs.items()":
        return "list(jobs)"
    return f"[{parts.jobs.key} for {parts.jobs.target} in {parts.jobs.iterable}]"


def _callback(scene: Scene, parts: Flow) -> str:
    return scene.handed_over("_evict_all", _all_keys(scene, parts))


def _helper(scene: Scene) -> Lines:
    inner: Lines = ["for key in keys:", evict(scene, "key")]
    if scene.choice.cleanup == "all-exit-stack" and scene.choice.lock != "none" and not scene.unit_is_async:
        inner = scene.locked(inner)
    return [scene.header("_evict_all", "keys"), inner, ""]
