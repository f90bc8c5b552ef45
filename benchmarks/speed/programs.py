"""Makes programs of any size that leak, or nearly do: what grows is one thing at a time.

Each has the evidence that the rules ask for, entries under derived keys and a cleanup, so that no screen turns it away.
The nearly leaking ones evict what they insert, on every path; the leaking ones evict another key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Program: TypeAlias = "Callable[[int, bool], str]"
"""Makes the program of a size; the second argument is whether it leaks."""


class Dimension(msgspec.Struct, frozen=True):
    """Something that grows, from its smallest size on. One with a limit in Python's own parser stops there."""

    title: str
    program: Program
    smallest: int
    is_limited: bool = False

    def sizes(self, doublings: int) -> tuple[int, ...]:
        """The sizes that are measured."""
        return tuple(self.smallest * 2**doubling for doubling in range(doublings + 1))


_POOL = """\
class Pool{number}:
    def __init__(self, connect):
        self._connect = connect
        self._clients = {{}}

    def _client(self, state):
        if state not in self._clients:
            self._clients[state] = self._connect(state)
        return self._clients[state]
"""

_PROCESS = """\

    def process{number}(self, rows, batch):
        states = []
        try:
            for row in rows:
                state = f"{{batch}}_{number}_{{row}}"
                states.append(state)
                self._client(state).ask(row)
        finally:
            for state in states:
                self._clients.pop({evicted}, None)
"""


def _evicted(*, is_leaking: bool) -> str:
    return "batch" if is_leaking else "state"


def classes(count: int, is_leaking: bool) -> str:
    """As many classes as asked for, each with a cache of its own: the file grows and nothing else."""
    parts = (
        _POOL.format(number=number) + _PROCESS.format(number=number, evicted=_evicted(is_leaking=is_leaking))
        for number in range(count)
    )
    return "\n\n".join(parts)


def functions(count: int, is_leaking: bool) -> str:
    """One class with as many methods as asked for, all of them users of one cache."""
    evicted = _evicted(is_leaking=is_leaking)
    return _POOL.format(number=0) + "".join(_PROCESS.format(number=number, evicted=evicted) for number in range(count))


_OPENINGS = ("for item{depth} in rows:", "if item{depth}:", "with self._lock:", "try:")


def nesting(depth: int, is_leaking: bool) -> str:
    """One method whose insertion stands in as many statements as asked for; Python's parser allows less than 100."""
    lines = [_indented(3 + level, _OPENINGS[level % 4].format(depth=level - level % 4)) for level in range(depth)]
    within = ('state = f"{batch}_{item0}"', "states.append(state)", "self._client(state).ask(batch)")
    lines += [_indented(3 + depth, line) for line in within]
    for level in reversed(range(3, depth, 4)):
        lines += [_indented(3 + level, "except ValueError:"), _indented(4 + level, "states.append(batch)")]
    head = "\n    def process(self, rows, batch):\n        states = []\n        try:\n"
    cleanup = _PROCESS[_PROCESS.index("        finally:") :].format(evicted=_evicted(is_leaking=is_leaking))
    return f"{_POOL.format(number=0)}{head}{''.join(lines)}{cleanup}"


def _indented(level: int, line: str) -> str:
    return f"{'    ' * level}{line}\n"


def keys(count: int, is_leaking: bool) -> str:
    """One method that inserts under as many keys as asked for and evicts each of them, or only the keys' base."""
    insertions = "".join(f'            self._client(f"{{batch}}_{number}").ask(rows)\n' for number in range(count))
    evictions = "".join(
        f"            self._clients.pop({'batch' if is_leaking else _key(number)}, None)\n" for number in range(count)
    )
    head = "\n    def process(self, rows, batch):\n        try:\n"
    return f"{_POOL.format(number=0)}{head}{insertions}        finally:\n{evictions}"


def _key(number: int) -> str:
    return f'f"{{batch}}_{number}"'


def calls(length: int, is_leaking: bool) -> str:
    """A key that is handed on through as many methods as asked for before it is inserted."""
    links = "".join(
        f"\n    def _step{number}(self, state, row):\n        return self._step{number + 1}(state, row)\n"
        for number in range(length)
    )
    last = f"\n    def _step{length}(self, state, row):\n        return self._client(state).ask(row)\n"
    process = _PROCESS.format(number=0, evicted=_evicted(is_leaking=is_leaking)).replace("_client(state).ask", "_CALL")
    return _POOL.format(number=0) + links + last + process.replace("_CALL(row)", "_step0(state, row)")


def hierarchy(count: int, is_leaking: bool) -> str:
    """As many classes as asked for, each the base of the next, all of them users of the first one's cache."""
    evicted = _evicted(is_leaking=is_leaking)
    parts = [_POOL.format(number=0)]
    for number in range(1, count + 1):
        head = f"\n\nclass Pool{number}(Pool{number - 1}):\n    limit = {number}\n"
        parts.append(head + _PROCESS.format(number=number, evicted=evicted))
    return "".join(parts)


DIMENSIONS = (
    Dimension("file size, in classes of 600 bytes", classes, 50),
    Dimension("functions of a class", functions, 8),
    Dimension("depth of nesting", nesting, 3, is_limited=True),
    Dimension("keys of a function", keys, 4),
    Dimension("length of a call chain", calls, 8),
    Dimension("classes of a hierarchy", hierarchy, 4),
)
"""What grows, and from where. The largest are what a generator might write, and the largest file has a megabyte."""

MEGABYTE = 1_000_000


def megabyte(dimension: Dimension) -> int:
    """The smallest size, or about that, whose program has a megabyte."""
    size = dimension.smallest
    while len(dimension.program(size, True)) < MEGABYTE:
        size *= 2
    # The programs grow evenly, but for the digits of their numbers.
    while len(dimension.program(size - size // 16, True)) >= MEGABYTE:
        size -= size // 16
    return size
