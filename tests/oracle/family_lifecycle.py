"""Entries that another method takes out again: removal methods, reply handlers, done-callbacks of tasks."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

REMOVAL = '''
"""Keep one $value for each $row until the caller is done with them."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}
        self._keys = {}
        self._counts = {}

    ${async_}def start(self, $base, $rows):
        self._counts[$base] = len($rows)
        for index, $row in enumerate($rows):
            $key = $KEY
            $TRACK
            self._$cache[$key] = ${await_}self._backend.$connect($row)

    def finish(self, $base):
        $FINISH
'''
REMOVALS = {
    "base-only": ("", "self._counts.pop($base, None)\nself._$cache.pop($base, None)", ("LKL101",)),
    "tracked": (
        "self._keys.setdefault($base, []).append($key)",
        "self._counts.pop($base, None)\nfor $key in self._keys.pop($base, ()):\n    self._$cache.pop($key, None)",
        (),
    ),
    "rebuilt": ("", "for index in range(self._counts.pop($base, 0)):\n    self._$cache.pop($KEY, None)", ()),
    "closing-base-only": (
        "",
        "self._counts.pop($base, None)\n$value = self._$cache.pop($base, None)\nif $value:\n    $value.close()",
        ("LKL101",),
    ),
    "other-template": (
        "",
        "for index in range(self._counts.pop($base, 0)):\n    self._$cache.pop($OTHER, None)",
        ("LKL101", "LKL104"),
    ),
}
REPLY = '''
"""Requests that wait for the reply which a reader hands in."""

import asyncio


class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._pending = {}
        backend.on_reply(self.on_reply)

    async def request(self, $base, index, $row):
        $key = $KEY
        future = asyncio.get_running_loop().create_future()
        self._pending[$key] = future
        $WAIT

    def on_reply(self, $key, value):
        future = self._pending.pop($key, None)
        if future is not None:
            future.set_result(value)
'''
SENT = "await self._backend.publish($key, $row)\n"
WAITED = "await asyncio.wait_for(future, timeout=5)"
REPLIES = {
    "handler-only": (f"{SENT}return {WAITED}", ("LKL102",)),
    "finally": (
        f"try:\n    {SENT}    return {WAITED}\nfinally:\n    self._pending.pop($key, None)",
        (),
    ),
    "on-timeout": (
        f"{SENT}try:\n    return {WAITED}\nexcept asyncio.TimeoutError:\n    self._pending.pop($key, None)\n    raise",
        ("LKL102",),
    ),
    "on-success": (f"{SENT}reply = {WAITED}\nself._pending.pop($key, None)\nreturn reply", ("LKL102",)),
    "wait-only": (
        f"{SENT}try:\n    return {WAITED}\nfinally:\n    self._pending.pop($key, None)",
        ("LKL102",),
    ),
    "except-base": (
        f"try:\n    {SENT}    return {WAITED}\nexcept BaseException:\n    self._pending.pop($key, None)\n    raise",
        (),
    ),
}
TASKS = '''
"""Background tasks, one for each $row, known by their key until they are done."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._tasks = {}

    async def _work(self, $row):
        return await self._backend.check($row)

    def _forget(self, key):
        self._tasks.pop(key, None)

    async def $operation(self, $base, $rows):
        tasks = []
        $RUN
'''
START = """
for index, $row in enumerate($rows):
    $key = $KEY
    task = asyncio.create_task(self._work($row))
    self._tasks[$key] = task
    $CALLBACK
    tasks.append(task)
"""
GATHER = "return await asyncio.gather(*tasks)"
CALLBACKS = {
    "bound-default": ("task.add_done_callback(lambda _, $key=$key: self._tasks.pop($key, None))", ()),
    "bound-helper": ("task.add_done_callback(lambda _, $key=$key: self._forget($key))", ()),
    "late-binding": ("task.add_done_callback(lambda _: self._tasks.pop($key, None))", ("LKL104",)),
    "late-binding-helper": ("task.add_done_callback(lambda _: self._forget($key))", ("LKL104",)),
}
GATHERED = {
    "rebuilt-finally": ("for index, $row in enumerate($rows):\n    self._tasks.pop($KEY, None)", True, ()),
    "on-success": ("for index, $row in enumerate($rows):\n    self._tasks.pop($KEY, None)", False, ("LKL102",)),
    "base-only": ("self._tasks.pop($base, None)", True, ("LKL101",)),
    "other-template": ("for index, $row in enumerate($rows):\n    self._tasks.pop($OTHER, None)", True, ("LKL104",)),
}
ROUNDS = 6
"""How often each variant is told, with other words and keys."""


def lifecycle_programs() -> Iterator[Program]:
    """All three families."""
    for round_ in range(ROUNDS):
        for variant, mode in itertools.product(REMOVALS, MODES):
            yield _removal(variant, mode, f"{variant}{round_}")
        for variant in REPLIES:
            yield _reply(variant, f"{variant}{round_}")
        for variant in (*CALLBACKS, *GATHERED):
            yield _task(variant, f"{variant}{round_}")


def _removal(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("removal", seed, mode), form_for("removal", seed, mode)
    track, finish, expected = REMOVALS[variant]
    text = REMOVAL.replace("            $TRACK\n", f"            {track}\n" if track else "")
    text = text.replace("        $FINISH\n", _suite(finish))
    caches = tuple(f"service.{name}" for name in (f"_{theme.cache}", "_keys", "_counts"))
    source = with_imports(filled(_without_unused(text), mode, theme, form))
    caches = tuple(cache for cache in caches if cache.replace("service", "self") in source)
    calls = ('service.start("b1", ["one", "two"])', 'service.finish("b1")')
    setup = (f"service = {theme.owner}(backend)",)
    return told(f"removal/{form}/{variant}-of-{seed}/{mode}", source, calls, caches, expected, setup)


def _without_unused(text: str) -> str:
    if "self._keys." not in text:
        text = text.replace("        self._keys = {}\n", "")
    return text


def _reply(variant: str, seed: str) -> Program:
    theme, form = theme_for("reply", seed), form_for("reply", seed)
    wait, expected = REPLIES[variant]
    source = with_imports(filled(REPLY.replace("        $WAIT\n", _suite(wait)), "async", theme, form))
    setup = (f"service = {theme.owner}(backend)",)
    call = 'service.request("b1", 3, "one")'
    return told(f"reply/{form}/{variant}-of-{seed}/async", source, (call,), ("service._pending",), expected, setup)


def _task(variant: str, seed: str) -> Program:
    theme, form = theme_for("task", seed), form_for("task", seed)
    if variant in CALLBACKS:
        callback, expected = CALLBACKS[variant]
        run = START.strip().replace("$CALLBACK", callback) + f"\n{GATHER}"
    else:
        eviction, guarded, expected = GATHERED[variant]
        start = START.strip().replace("    $CALLBACK\n", "")
        run = _guarded(f"{start}\n{GATHER}", eviction) if guarded else f"{start}\n{_then(eviction)}"
    source = with_imports(filled(TASKS.replace("        $RUN\n", _suite(run)), "async", theme, form))
    setup = (f"service = {theme.owner}(backend)",)
    calls = (f'service.{theme.operation}("b1", ["one", "two"])',)
    return told(f"task/{form}/{variant}-of-{seed}/async", source, calls, ("service._tasks",), expected, setup)


def _guarded(lines: str, eviction: str) -> str:
    return f"try:\n{_deeper(lines)}\nfinally:\n{_deeper(eviction)}"


def _then(eviction: str) -> str:
    return f"results = await asyncio.gather(*tasks)\n{eviction}\nreturn results"


def _deeper(lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines.split("\n"))


def _suite(lines: str) -> str:
    return "".join(f"        {line}\n" for line in lines.strip("\n").split("\n"))
