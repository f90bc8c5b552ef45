"""Evictions handed over as callbacks, early or late bound, and context managers over a whole operation."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

STACK = '''
"""Handle all $rows with one $value each, all open until the end."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}

    ${async_}def $operation(self, $base, $rows):
        results = []
        with ExitStack() as stack:
            for index, $row in enumerate($rows):
                $key = $KEY
                $value = ${await_}self._backend.$connect($key)
                self._$cache[$key] = $value
                $REGISTER
                results.append(${await_}$value.$ask($row))
        return results
'''
REGISTERED = {
    "pop": ("stack.callback(self._$cache.pop, $key, None)", ()),
    "bound-default": ("stack.callback(lambda $key=$key: self._$cache.pop($key, None))", ()),
    "lambda-argument": ("stack.callback(lambda key: self._$cache.pop(key, None), $key)", ()),
    "partial": ("stack.callback(partial(self._$cache.pop, $key, None))", ()),
    "late-binding": ("stack.callback(lambda: self._$cache.pop($key, None))", ("LKL104",)),
    "base": ("stack.callback(self._$cache.pop, $base, None)", ("LKL101",)),
    "other-template": ("stack.callback(self._$cache.pop, $OTHER, None)", ("LKL104",)),
    "swapped-holes": ("stack.callback(self._$cache.pop, $SWAPPED, None)", ("LKL104",)),
}
NESTED = '''
"""Handle all $rows with one $value each, by functions inside the operation."""

_$cache = {}


${async_}def $operation(backend, $base, $rows):
    keys = []

    ${async_}def handle(index, $row):
        $key = $KEY
        keys.append($key)
        _$cache[$key] = ${await_}backend.$connect($key)
        return ${await_}_$cache[$key].$ask($row)

    def forget():
        $FORGET

    $RUN
'''
FORGETTING = {
    "tracked-finally": ("for key in keys:\n    _$cache.pop(key, None)", True, ()),
    "tracked-on-success": ("for key in keys:\n    _$cache.pop(key, None)", False, ("LKL102",)),
    "base-finally": ("_$cache.pop($base, None)", True, ("LKL101",)),
    "rebuilt-finally": ("for index in range(len($rows)):\n    _$cache.pop($KEY, None)", True, ()),
    "other-template-finally": ("for index in range(len($rows)):\n    _$cache.pop($OTHER, None)", True, ("LKL104",)),
}
RUN_GUARDED = """
    try:
        return [${await_}handle(index, $row) for index, $row in enumerate($rows)]
    finally:
        forget()
"""
RUN_PLAIN = """
    results = [${await_}handle(index, $row) for index, $row in enumerate($rows)]
    forget()
    return results
"""
MANAGER = '''
"""Handle all $rows inside one context that forgets their ${cache}."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}

    @contextmanager
    def _$cache_of(self, $base):
        keys = []
        $MANAGED

    ${async_}def $operation(self, $base, $rows):
        results = []
        with self._$cache_of($base) as keys:
            for index, $row in enumerate($rows):
                $key = $KEY
                keys.append($key)
                self._$cache[$key] = ${await_}self._backend.$connect($key)
                results.append(${await_}self._$cache[$key].$ask($row))
        return results
'''
FORGET_ALL = "for key in keys:\n    self._$cache.pop(key, None)"
FORGET_ALL_DEEPER = "    for key in keys:\n        self._$cache.pop(key, None)"
MANAGED = {
    "finally": (f"try:\n    yield keys\nfinally:\n{FORGET_ALL_DEEPER}", ()),
    "without-finally": (f"yield keys\n{FORGET_ALL}", ("LKL102",)),
    "base": ("try:\n    yield keys\nfinally:\n    self._$cache.pop($base, None)", ("LKL101",)),
    "except-exception": (
        f"try:\n    yield keys\nexcept Exception:\n{FORGET_ALL_DEEPER}\n    raise\n{FORGET_ALL}",
        ("LKL102",),
    ),
}
ROUNDS = 5


def closure_programs() -> Iterator[Program]:
    """All three families."""
    for round_, mode in itertools.product(range(ROUNDS), MODES):
        for variant in REGISTERED:
            yield _stack(variant, mode, f"{variant}{round_}")
        for variant in FORGETTING:
            yield _nested(variant, mode, f"{variant}{round_}")
        for variant in MANAGED:
            yield _manager(variant, mode, f"{variant}{round_}")


def _stack(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("stack", seed, mode), form_for("stack", seed, mode)
    registered, expected = REGISTERED[variant]
    source = with_imports(filled(STACK.replace("$REGISTER", registered), mode, theme, form))
    call = f'service.{theme.operation}("b1", ["one", "two"])'
    setup = (f"service = {theme.owner}(backend)",)
    cache = f"service._{theme.cache}"
    return told(f"stack/{form}/{variant}-of-{seed}/{mode}", source, (call,), (cache,), expected, setup)


def _nested(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("nested", seed, mode), form_for("nested", seed, mode)
    forget, guarded, expected = FORGETTING[variant]
    body = "".join(f"        {line}\n" for line in forget.split("\n"))
    text = NESTED.replace("        $FORGET\n", body)
    text = text.replace("\n    $RUN\n", RUN_GUARDED if guarded else RUN_PLAIN)
    source = with_imports(filled(text, mode, theme, form))
    call = f'{theme.operation}(backend, "b1", ["one", "two"])'
    return told(f"nested/{form}/{variant}-of-{seed}/{mode}", source, (call,), (f"_{theme.cache}",), expected)


def _manager(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("manager", seed, mode), form_for("manager", seed, mode)
    managed, expected = MANAGED[variant]
    if variant == "except-exception" and mode == "sync":
        expected = ()
    body = "".join(f"        {line}\n" for line in managed.split("\n"))
    text = MANAGER.replace("        $MANAGED\n", body).replace("$cache_of", "${cache}_of")
    source = with_imports(filled(text, mode, theme, form))
    call = f'service.{theme.operation}("b1", ["one", "two"])'
    setup = (f"service = {theme.owner}(backend)",)
    cache = f"service._{theme.cache}"
    return told(f"manager/{form}/{variant}-of-{seed}/{mode}", source, (call,), (cache,), expected, setup)
