"""Evictions amid other things, in helpers that do more, behind handlers, under locks and conditions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

OWNER = '''
"""One $value for each $row, evicted amid other things."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._$cache = {}
        self._counts = defaultdict(int)
        self._names = set()
        self._lock = $Lock()

    ${async_}def $operation(self, $base, index, $row):
        $key = $KEY
        $BODY
'''
FINISH = """
    def _finish(self, key, row):
        self._backend.note(row)
        self._$cache.pop(key, None)
"""
INSERT = "$value = ${await_}self._backend.$connect($key)\nself._$cache[$key] = $value\n"
PREPARE = "${await_}self._backend.$review($row)\n"
ASK = "reply = ${await_}$value.$ask($row)\n"
UNDER_LOCK = "${async_}with self._lock:\n"
COUNTED = """
    ${async_}def _enter(self, key):
        self._counts[key] += 1
        return ${await_}self._backend.$review()

    def _leave(self, key):
        self._backend.close()
        self._counts[key] -= 1
        if self._counts[key] < 1:
            del self._counts[key]
"""
METHODS = {"_finish": FINISH, "_enter": COUNTED}
BODIES = {
    "in-a-lock": f"""{INSERT}{PREPARE}{ASK}{UNDER_LOCK}    self._$cache.pop($key, None)
    self._backend.note($row)
""",
    "deleted-in-a-lock": f"""{INSERT}{ASK}{UNDER_LOCK}    del self._$cache[$key]
    self._backend.note($row)
""",
    "closed-in-a-lock": f"""{INSERT}{PREPARE}{ASK}{UNDER_LOCK}    taken = self._$cache.pop($key)
    taken.close()
    self._backend.note($row)
""",
    "in-a-helper": f"{INSERT}{PREPARE}{ASK}self._finish($key, $row)\n",
    "in-a-tried-body": f"""{INSERT}{PREPARE}try:
    {ASK}    self._$cache.pop($key, None)
    self._backend.note($row)
except TimeoutError:
    raise
""",
    "in-a-finally-behind-handlers": f"""{INSERT}{PREPARE}self._backend.note($row)
try:
    {ASK}except TimeoutError:
    reply = None
finally:
    self._$cache.pop($key, None)
    self._backend.note($row)
""",
    "inserted-under-a-flag": f"""is_kept = False
$value = ${{await_}}self._backend.$connect($key)
if $row is not None:
    is_kept = True
    self._names.add($key)
    {PREPARE}{ASK}if is_kept:
    self._names.discard($key)
    self._backend.note($row)
""",
    "removed-under-a-flag": f"""is_kept = False
$value = ${{await_}}self._backend.$connect($key)
if $row is not None:
    is_kept = True
    self._names.add($key)
{PREPARE}{ASK}if is_kept:
    self._names.remove($key)
    self._backend.note($row)
""",
    "counted-under-a-lock": f"""{UNDER_LOCK}    if $key in self._$cache:
        self._counts[$key] += 1
    else:
        $value = ${{await_}}self._backend.$connect($key)
        self._$cache[$key] = $value
        self._counts[$key] = 1
        {PREPARE}try:
    reply = ${{await_}}self._backend.$review($row)
except TimeoutError:
    reply = None
finally:
    {UNDER_LOCK}        self._counts[$key] -= 1
        if self._counts[$key] <= 0:
            self._counts.pop($key)
            self._$cache.pop($key)
            self._backend.note($row)
""",
    "counted-by-two-methods": """${await_}self._enter($key)
try:
    reply = ${await_}self._backend.$review($row)
finally:
    self._leave($key)
""",
    "counted-in-place": f"""reply = None
self._counts[$key] += 1
{PREPARE}self._counts[$key] -= 1
if self._counts[$key] == 0:
    del self._counts[$key]
""",
    "told-to-the-consumer": f"""{INSERT}yield "ready"
{PREPARE}{ASK}yield reply
{UNDER_LOCK}    self._$cache.pop($key, None)
    self._backend.note($row)
""",
    "left-early": f"""{INSERT}{PREPARE}if $row == "two":
    self._$cache.pop($key, None)
    return None
{ASK}{UNDER_LOCK}    self._$cache.pop($key, None)
    self._backend.note($row)
""",
    "of-two-members": f"""reply = None
members = self._$cache.setdefault($key, set())
members.add(index)
{PREPARE}members.discard(index)
if not members:
    del self._$cache[$key]
""",
}
AWAITED = ("in-a-finally-behind-handlers",)
"""What is passed over where nothing is awaited: a short gap before the `try` that evicts."""

ONCE = ("counted-under-a-lock",)
"""What would go on with the entry that is left, were it called again."""

ROUNDS = 4
"""How often each variant is told, with other words and keys."""


def amid_programs() -> Iterator[Program]:
    """Each body in both modes."""
    for round_, (variant, mode) in itertools.product(range(ROUNDS), itertools.product(BODIES, MODES)):
        if mode == "async" or variant not in AWAITED:
            yield _program(variant, mode, f"{variant}{round_}")


def _program(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("amid", seed, mode), form_for("amid", seed, mode)
    ending = "" if "yield" in BODIES[variant] else "return reply\n"
    body = filled(BODIES[variant] + ending, mode, theme, form)
    text = OWNER + "".join(method for name, method in METHODS.items() if name in body)
    source = with_imports(filled(text, mode, theme, form, BODY=body))
    call = f'service.{theme.operation}("b1", 3, "one")'
    caches = (f"service._{theme.cache}", "service._counts", "service._names")
    setup = (f"service = {theme.owner}(backend)",)
    calls = (call,) if variant in ONCE else (call, call)
    return told(f"amid/{form}/{variant}-of-{seed}/{mode}", source, calls, caches, ("LKL102",), setup)
