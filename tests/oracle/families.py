"""Families of programs that no product of dimensions gives: a text with holes, told in the words of a theme."""

from __future__ import annotations

import re
import sys
import zlib
from string import Template

from .keys import KEY_FORMS, derived, swapped
from .program import Program
from .scene import THEMES, Theme

MODES = ("sync", "async")


def pick(values: tuple[str, ...], *of: str) -> str:
    """One of the values, the same on every run, spread evenly over what it is picked for."""
    return values[zlib.crc32(" ".join(of).encode()) % len(values)]


def theme_for(*of: str) -> Theme:
    """The words of a program."""
    return THEMES[zlib.crc32("/".join(of).encode()) % len(THEMES)]


def form_for(*of: str) -> str:
    """The key form of a program."""
    return pick(KEY_FORMS, *of)


def filled(text: str, mode: str, theme: Theme, form: str, base: str | None = None, **holes: str) -> str:
    """The text with its holes filled; a hole that stands alone on a line takes several lines, indented as it is."""
    base = theme.base if base is None else base
    awaiting = mode == "async"
    words = {name: getattr(theme, name) for name in (*theme.__struct_fields__, "rows")}
    words |= {
        "KEY": derived(form, base, ("index",)),
        "OTHER": derived(form, base, ("index",), "row"),
        "SWAPPED": swapped(form, base, ("index",)),
        "async_": "async " if awaiting else "",
        "await_": "await " if awaiting else "",
        "connect": theme.connect_async if awaiting else theme.connect,
        "ask": theme.ask_async if awaiting else theme.ask,
        "review": "check" if awaiting else "review",
        "Lock": "asyncio.Lock" if awaiting else "threading.Lock",
        "Owner": theme.owner,
    }
    for name, lines in holes.items():
        text = _with_lines(text, name, lines)
    return Template(text).substitute(words | holes).lstrip("\n")


def _with_lines(text: str, hole: str, lines: str) -> str:
    def indented(found: re.Match[str]) -> str:
        return _indented(lines, found[1])

    return re.sub(rf"^( *)\${hole}\n", indented, text, flags=re.M)


def _indented(lines: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" if line else "\n" for line in lines.strip("\n").split("\n"))


def told(
    name: str,
    source: str,
    calls: tuple[str, ...],
    caches: tuple[str, ...],
    expected: tuple[str, ...] = (),
    setup: tuple[str, ...] = (),
) -> Program:
    """The program called `name`: family/key/variant/mode."""
    family, key, variant, mode = name.split("/")
    dimensions = {"key": key, "flow": family, "cleanup": f"{family} {variant.partition('-of-')[0]}", "mode": mode}
    return Program(name, source, setup, calls, caches, dimensions, frozenset(expected))


def runs_here(source: str) -> bool:
    """Whether this Python can run it."""
    return sys.version_info >= (3, 11) or not re.search(r"except\*|TaskGroup", source)
