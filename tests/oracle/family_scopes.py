"""Caches in a closure, and cleanups in a decorator."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

CLOSURE = '''
"""A function that keeps its $cache for as long as it lives."""

def make_$operation(backend):
    $cache = {}

    ${async_}def $operation($base, $rows):
        $BODY

    return $operation
'''
ONE_BY_ONE = """
results = []
for index, $row in enumerate($rows):
    $key = $KEY
    $cache[$key] = ${await_}backend.$connect($key)
"""
ALL_KEYS = """
$keys = [$KEY for index, _ in enumerate($rows)]
results = []
"""
EACH = """
for $key, $row in zip($keys, $rows):
    $cache[$key] = ${await_}backend.$connect($key)
    results.append(${await_}$cache[$key].$ask($row))
"""
ASKED = "results.append(${await_}$cache[$key].$ask($row))"
GUARDED_ITEM = f"    try:\n        {ASKED}\n    finally:\n        del $cache[$key]\nreturn results"
LEAVE = "    if not $row:\n        continue\n"
SWAPPED_ALL = "    for index, _ in enumerate($rows):\n        $cache.pop($SWAPPED, None)"
CLOSURES = {
    "finally": (f"{ONE_BY_ONE}{GUARDED_ITEM}", ()),
    "on-success": (f"{ONE_BY_ONE}    {ASKED}\n    del $cache[$key]\nreturn results", ("LKL102",)),
    "early-exit": (f"{ONE_BY_ONE}{LEAVE}{GUARDED_ITEM}", ("LKL103",)),
    "tracked": (
        f"{ALL_KEYS}try:$EACH\nfinally:\n    for $key in $keys:\n        $cache.pop($key, None)\nreturn results",
        (),
    ),
    "base-only": (f"{ALL_KEYS}try:$EACH\nfinally:\n    $cache.pop($base, None)\nreturn results", ("LKL101",)),
    "swapped-holes": (f"{ALL_KEYS}try:$EACH\nfinally:\n{SWAPPED_ALL}\nreturn results", ("LKL104",)),
}
DECORATOR = '''
"""Methods that handle one $row each, and a decorator around them."""

$DECORATOR

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}

    @around
    ${async_}def _handle(self, key, $row):
        $HANDLE

    ${async_}def $operation(self, $base, $rows):
        results = []
        for index, $row in enumerate($rows):
            results.append(${await_}self._handle($KEY, $row))
        return results
'''
AROUND = """
def around(function):
    @wraps(function)
    ${async_}def wrapper(self, key, $row):
        $INNER

    return wrapper

"""
TRACED = 'logger.debug("handling %s", key)\nreturn ${await_}function(self, key, $row)'
EVICTING = "try:\n    return ${await_}function(self, key, $row)\nfinally:\n    self._$cache.pop(key, None)"
EVICTING_LATE = "reply = ${await_}function(self, key, $row)\nself._$cache.pop(key, None)\nreturn reply"
BARE = "self._$cache[key] = ${await_}self._backend.$connect(key)\nreturn ${await_}self._$cache[key].$ask($row)"
GUARDED = (
    "self._$cache[key] = ${await_}self._backend.$connect(key)\n"
    "try:\n    return ${await_}self._$cache[key].$ask($row)\nfinally:\n    self._$cache.pop(key, None)"
)
ON_SUCCESS = (
    "self._$cache[key] = ${await_}self._backend.$connect(key)\n"
    "reply = ${await_}self._$cache[key].$ask($row)\nself._$cache.pop(key, None)\nreturn reply"
)
DECORATED = {
    "traced-finally": (TRACED, GUARDED, ()),
    "traced-on-success": (TRACED, ON_SUCCESS, ("LKL102",)),
    "evicting-finally": (EVICTING, BARE, ()),
    "evicting-on-success": (EVICTING_LATE, BARE, ("LKL102",)),
}
ROUNDS = 4


def scope_programs() -> Iterator[Program]:
    """Both families."""
    for round_, mode in itertools.product(range(ROUNDS), MODES):
        for variant in CLOSURES:
            yield _closure(variant, mode, f"{variant}{round_}")
        for variant in DECORATED:
            yield _decorated(variant, mode, f"{variant}{round_}")


def _closure(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("closure", seed, mode), form_for("closure", seed, mode)
    body, expected = CLOSURES[variant]
    body = body.strip("\n").replace("$EACH", _deeper(EACH.rstrip("\n"), 4))
    text = CLOSURE.replace("        $BODY\n", f"{_deeper(body, 8)}\n").replace("$keys", f"{theme.key}s")
    source = with_imports(filled(text, mode, theme, form))
    rows = '["one", "", "two"]' if variant == "early-exit" else '["one", "two"]'
    return told(
        f"closure/{form}/{variant}-of-{seed}/{mode}",
        source,
        (f'operate("b1", {rows})',),
        (f'__import__("inspect").getclosurevars(operate).nonlocals["{theme.cache}"]',),
        expected,
        (f"operate = make_{theme.operation}(backend)",),
    )


def _decorated(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("decorated", seed, mode), form_for("decorated", seed, mode)
    inner, handle, expected = DECORATED[variant]
    text = DECORATOR.replace("$DECORATOR\n", AROUND.lstrip("\n").replace("        $INNER\n", f"{_deeper(inner, 8)}\n"))
    source = with_imports(filled(text.replace("        $HANDLE\n", f"{_deeper(handle, 8)}\n"), mode, theme, form))
    cache = f"service._{theme.cache}"
    call = f'service.{theme.operation}("b1", ["one", "two"])'
    setup = (f"service = {theme.owner}(backend)",)
    return told(f"decorator/{form}/{variant}-of-{seed}/{mode}", source, (call,), (cache,), expected, setup)


def _deeper(lines: str, depth: int) -> str:
    return "\n".join(f"{' ' * depth}{line}" if line else line for line in lines.split("\n"))
