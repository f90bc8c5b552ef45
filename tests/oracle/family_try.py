"""Every way to put insertion, work, eviction and exits into the parts of one `try` statement."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING

import msgspec

from .families import MODES, filled, form_for, theme_for, told
from .module import with_imports
from .program import Lines, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

CAUGHT = ("none", "TimeoutError", "Exception", "BaseException")
ACTIONS = ("raise", "pass", "leave")
PARTS = ("handler", "else", "finally", "after")
PLACES = ("loop", "function", "method")
ONE_IN = 3
"""Which share of the combinations is told."""


class Shape(msgspec.Struct, frozen=True):
    """One combination."""

    inserted: str
    evicted: frozenset[str]
    caught: str
    action: str
    leaving: str
    place: str
    mode: str

    @property
    def name(self) -> str:
        """A readable, stable name."""
        handler = "" if self.caught == "none" else f"-{self.caught}-{self.action}"
        evicted = "+".join(part for part in PARTS if part in self.evicted)
        return f"{evicted}-of-{self.inserted}{handler}-{self.leaving}-in-{self.place}"


def try_programs() -> Iterator[Program]:
    """A share of all shapes that make sense."""
    for shape in _shapes():
        if zlib.crc32(f"{shape.name} {shape.mode}".encode()) % ONE_IN == 0:
            yield _program(shape)


def _shapes() -> Iterator[Shape]:
    subsets = [frozenset(some) for size in (1, 2, 3) for some in itertools.combinations(PARTS, size)]
    product = itertools.product(("before", "inside"), subsets, CAUGHT, ACTIONS, ("stays", "leaves"), PLACES, MODES)
    for inserted, evicted, caught, action, leaving, place, mode in product:
        shape = Shape(inserted, evicted, caught, action, leaving, place, mode)
        if _makes_sense(shape):
            yield shape


def _makes_sense(shape: Shape) -> bool:
    if shape.caught == "none":
        return shape.action == "raise" and not shape.evicted & {"handler", "else"} and "finally" in shape.evicted
    if not shape.evicted & {"else", "finally", "after"}:
        return False  # evicted on failure alone: the entry is meant to stay
    reaches_after = shape.action == "pass" or "else" not in shape.evicted
    doubly = "finally" in shape.evicted and len(shape.evicted) > 2
    return reaches_after and not doubly


def leaks(shape: Shape) -> bool:
    """Whether some path leaves the entry, told from the shape alone."""
    if "finally" in shape.evicted:
        return False
    completes = bool(shape.evicted & {"else", "after"})
    exits = shape.leaving == "stays"
    boom_caught = shape.caught in ("Exception", "BaseException")
    raised = [boom_caught]
    if shape.mode == "async":
        raised.append(shape.caught == "BaseException")
    after_handler = shape.action == "pass" and "after" in shape.evicted
    return not (
        completes and exits and all(caught and ("handler" in shape.evicted or after_handler) for caught in raised)
    )


def _program(shape: Shape) -> Program:
    theme, form = theme_for(shape.name, shape.mode), form_for(shape.name, shape.mode)
    source = with_imports(filled(_text(shape), shape.mode, theme, form))
    expected = ("LKL102", "LKL103") if leaks(shape) else ()
    start = "service." if shape.place == "method" else ""
    base = '"b1"' if shape.place == "method" else 'backend, "b1"'
    rows = '["one", "", "two"]' if shape.place == "loop" else '3, ""'
    if shape.leaving == "stays":
        rows = rows.replace('""', '"three"')
    return told(
        f"try/{form}/{shape.name}/{shape.mode}",
        source,
        (f"{start}{theme.operation}({base}, {rows})",),
        (f"service._{theme.cache}" if shape.place == "method" else f"_{theme.cache}",),
        expected,
        (f"service = {theme.owner}(backend)",) if shape.place == "method" else (),
    )


def _text(shape: Shape) -> str:
    cache, backend = ("self._$cache", "self._backend") if shape.place == "method" else ("_$cache", "backend")
    docstring = ['"""Handle $rows, each with a $value of its own."""', ""]
    if shape.place == "loop":
        loop: Lines = ["for index, $row in enumerate($rows):", _body(shape, cache, backend)]
        body: Lines = ["results = []", *loop, "return results"]
        return render([*docstring, f"{cache} = {{}}", "", "", "${async_}def $operation(backend, $base, $rows):", body])
    body = [*_body(shape, cache, backend), "return reply"]
    if shape.place == "function":
        return render(
            [*docstring, f"{cache} = {{}}", "", "", "${async_}def $operation(backend, $base, index, $row):", body]
        )
    init = ["self._backend = backend", f"{cache} = {{}}"]
    methods: Lines = [
        "def __init__(self, backend):",
        init,
        "",
        "${async_}def $operation(self, $base, index, $row):",
        body,
    ]
    return render([*docstring, "class $Owner:", methods])


def _body(shape: Shape, cache: str, backend: str) -> Lines:
    eviction = f"{cache}.pop($key, None)"
    insertion = f"{cache}[$key] = ${{await_}}{backend}.$connect($key)"
    exit_ = "continue" if shape.place == "loop" else "return None"
    tried = [f"reply = ${{await_}}{cache}[$key].$ask($row)"]
    if shape.leaving == "leaves":
        tried = ["if not $row:", [exit_], *tried]  # type: ignore[list-item]
    lines: list[str | Lines] = ["$key = $KEY", "reply = None"]
    lines += [insertion, "try:", tried] if shape.inserted == "before" else ["try:", [insertion, *tried]]
    if shape.caught != "none":
        action = {"raise": "raise", "pass": "reply = None", "leave": exit_}[shape.action]
        lines += [f"except {shape.caught}:", [*([eviction] if "handler" in shape.evicted else []), action]]
    if "else" in shape.evicted:
        lines += ["else:", [eviction]]
    if "finally" in shape.evicted:
        lines += ["finally:", [eviction]]
    if "after" in shape.evicted:
        lines.append(eviction)
    return [*lines, "results.append(reply)"] if shape.place == "loop" else lines
