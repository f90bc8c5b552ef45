"""Values that an end hook closes: with their entry taken out, with the entry kept, and with None left in its place."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

HOOKS = '''
"""One $value for each $row, from its start to its end."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}

    ${async_}def start(self, $base, index, $row):
        $key = $KEY
        $value = ${await_}self._backend.$connect($key)
        self._$cache[$key] = $value
        return ${await_}$value.$ask($row)

    def finish(self, $base, index):
        $key = $KEY
        $FINISH
'''
FOUND = "$value = self._$cache.get($key)\nif $value is not None:\n    $value.close()\n"
IF_IN = "if $key in self._$cache:\n    self._$cache[$key].close()\n"
TRIED = "try:\n    if $key in self._$cache:\n        self._$cache[$key].close()\n"
ENDS = {
    "kept": (FOUND, ("LKL106",)),
    "kept-if-in": (IF_IN, ("LKL106",)),
    "none-left": (f"{FOUND}self._$cache[$key] = None", ("LKL106",)),
    "popped": (FOUND.replace(".get($key)", ".pop($key, None)"), ()),
    "deleted": (f"{IF_IN}    del self._$cache[$key]", ()),
    "in-finally": (f"{TRIED}finally:\n    self._$cache.pop($key, None)", ()),
    "by-whoever-asks": ("return self._$cache.pop($key, None)", ()),
}
ROUNDS = 4
"""How often each variant is told, with other words and keys."""


def released_programs() -> Iterator[Program]:
    """Each end in both modes."""
    for round_, (variant, mode) in itertools.product(range(ROUNDS), itertools.product(ENDS, MODES)):
        yield _hooks(variant, mode, f"{variant}{round_}")


def _hooks(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("released", seed, mode), form_for("released", seed, mode)
    end, expected = ENDS[variant]
    source = with_imports(filled(HOOKS, mode, theme, form, FINISH=filled(end, mode, theme, form)))
    calls = ('service.start("b1", 3, "one")', 'service.finish("b1", 3)')
    setup = (f"service = {theme.owner}(backend)",)
    caches = (f"service._{theme.cache}",)
    return told(f"released/{form}/{variant}-of-{seed}/{mode}", source, calls, caches, expected, setup)
