"""What may stand between insertion and eviction without a `finally`, and what an eviction may be guarded by."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, form_for, pick, theme_for, told
from .module import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

QUIET = '''
"""Note which $rows are under way."""

class $Owner:
    def __init__(self, backend):
        self._backend = backend
        self._active = {}
        self._seen = []
        self._times = {}
        self._total = 0

    ${async_}def $operation(self, $base, index, $row):
        $key = $KEY
        self._active[$key] = $row
        $BETWEEN
        $EVICT
        return len(self._seen)
'''
SAFE = (
    "self._seen.append($row)",
    "self._total += len($row)",
    "logger.debug('%s is under way', $row)",
    "started = time.monotonic()\nself._times = {'last': started}",
    "label = f'{$base}: {$row}'\nself._seen.append(label)",
    "if isinstance($row, str):\n    self._seen.append($row)",
    "for position, mark in enumerate($row):\n    self._seen.append((position, mark))",
    "pairs = list(zip(range(2), ('a', 'b')))\nself._seen.append(pairs)",
    "self._times.pop('last', None)",
    "known = set()\nknown.add($row)\ncopy = dict(self._times)\nself._seen.append(sorted([1, 2]))",
)
UNSAFE = (
    "${await_}self._backend.$review($row)",
    "if len($row) > 1:\n    self._seen.append(${await_}self._backend.$review($row))",
    "for part in ('a', 'b'):\n    ${await_}self._backend.$review(part)",
    "self._seen.append(${await_}self._backend.$review($row))",
    "logger.debug('answer %s', ${await_}self._backend.$review($row))",
    "label = f'{$base}: {${await_}self._backend.$review($row)}'\nself._seen.append(label)",
    "self._seen = [${await_}self._backend.$review(part) for part in ('a', 'b')]",
    "if ${await_}self._backend.$review($row) == 'never':\n    self._seen.append($row)",
)
LEAVING = (
    "if not $row:\n    return None",
    "if len($row) > 3:\n    self._seen.append($row)\nelif not $row:\n    return 0",
    "for mark in ('a', 'b'):\n    if not $row:\n        return mark\n    self._seen.append(mark)",
)
EVICTIONS = (
    "self._active.pop($key, None)",
    "del self._active[$key]",
    "self._active.pop($key)",
    "if $key in self._active:\n    del self._active[$key]",
    "removed = self._active.pop($key, None)",
)
GUARDED = '''
"""Share what belongs to a key between all who work on it."""

class $Owner:
    def __init__(self, backend, verbose=False):
        self._backend = backend
        self._verbose = verbose
        self._$cache = {}

    ${async_}def $operation(self, $base, index, $row):
        $key = $KEY
        $INSERT
        try:
            return ${await_}self._backend.$review($row)
        finally:
            $EVICT
'''
GUARDS = {
    "count": (
        "self._$cache[$key] = self._$cache.get($key, 0) + 1",
        "self._$cache[$key] -= 1\nif self._$cache[$key] == 0:\n    del self._$cache[$key]",
        (),
    ),
    "waiting-list": (
        "self._$cache.setdefault($key, []).append($row)",
        "self._$cache[$key].pop()\nif not self._$cache[$key]:\n    del self._$cache[$key]",
        (),
    ),
    "length": (
        "waiting = self._$cache.setdefault($key, set())\nwaiting.add($row)",
        "waiting.discard($row)\nif len(waiting) == 0:\n    self._$cache.pop($key, None)",
        (),
    ),
    "identity": (
        "$value = [$row]\nself._$cache[$key] = $value",
        "if self._$cache.get($key) is $value:\n    del self._$cache[$key]",
        (),
    ),
    "contained": ("self._$cache[$key] = $row", "if $key in self._$cache:\n    self._$cache.pop($key)", ()),
    "present": (
        "self._$cache[$key] = [$row]",
        "if self._$cache.get($key) is not None:\n    self._$cache.pop($key, None)",
        (),
    ),
    "verbose": (
        "self._$cache[$key] = $row",
        "if self._verbose:\n    self._$cache.pop($key, None)",
        ("LKL102", "LKL103"),
    ),
    "first": ("self._$cache[$key] = $row", "if index == 0:\n    self._$cache.pop($key, None)", ("LKL102", "LKL103")),
    "long-row": (
        "self._$cache[$key] = $row",
        "if len($row) > 9:\n    del self._$cache[$key]",
        ("LKL102", "LKL103"),
    ),
}
ROUNDS = 5


def quiet_programs() -> Iterator[Program]:
    """Both families."""
    kinds = {"safe": (SAFE, ()), "unsafe": (UNSAFE, ("LKL102",)), "leaving": (LEAVING, ("LKL103",))}
    for kind, mode in itertools.product(kinds, MODES):
        texts, expected = kinds[kind]
        for position, between in enumerate(texts):
            for round_ in range(2):
                yield _quiet(f"{kind}{position}-{round_}", between, mode, expected)
    for round_, variant, mode in itertools.product(range(ROUNDS), GUARDS, MODES):
        yield _guarded(variant, mode, f"{variant}{round_}")


def _quiet(name: str, between: str, mode: str, expected: tuple[str, ...]) -> Program:
    theme, form = theme_for("quiet", name, mode), form_for("quiet", name, mode)
    text = QUIET.replace("        $BETWEEN\n", _suite(between, 8))
    text = text.replace("        $EVICT\n", _suite(pick(EVICTIONS, name, mode), 8)).replace("'", '"')
    for unused in ("_times = {}", "_total = 0"):
        if f"self.{unused.split()[0]}" not in between:
            text = text.replace(f"        self.{unused}\n", "")
    source = with_imports(filled(text, mode, theme, form))
    setup = (f"service = {theme.owner}(backend)",)
    row = '""' if expected == ("LKL103",) else '"one"'
    call = f'service.{theme.operation}("b1", 3, {row})'
    variant = name.rstrip("0123456789-")
    identity = f"quiet/{form}/{variant}-of-{name}/{mode}"
    return told(identity, source, (call,), ("service._active",), expected, setup)


def _guarded(variant: str, mode: str, seed: str) -> Program:
    theme, form = theme_for("guard", seed, mode), form_for("guard", seed, mode)
    insertion, eviction, expected = GUARDS[variant]
    text = GUARDED.replace("        $INSERT\n", _suite(insertion, 8)).replace(
        "            $EVICT\n", _suite(eviction, 12)
    )
    if variant != "verbose":
        text = text.replace("        self._verbose = verbose\n", "").replace(", verbose=False", "")
    source = with_imports(filled(text, mode, theme, form))
    setup = (f"service = {theme.owner}(backend)",)
    call = f'service.{theme.operation}("b1", 3, "one")'
    cache = f"service._{theme.cache}"
    return told(f"guard/{form}/{variant}-of-{seed}/{mode}", source, (call,), (cache,), expected, setup)


def _suite(lines: str, depth: int) -> str:
    return "".join(f"{' ' * depth}{line}\n" for line in lines.split("\n"))
