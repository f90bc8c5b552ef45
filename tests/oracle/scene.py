"""What a program is about: the chosen dimensions, and the names a person would give to its parts."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from .program import Lines

Mode = Literal["sync", "async"]


class Theme(msgspec.Struct, frozen=True):
    """The words of one domain."""

    owner: str
    cache: str
    key: str
    value: str
    operation: str
    base: str
    row: str
    job: str
    connect: str
    connect_async: str
    ask: str
    ask_async: str

    @property
    def rows(self) -> str:
        """Several of `row`."""
        return f"{self.row}s"


THEMES = (
    Theme(
        "BatchTransform",
        *("clients", "state_id", "client", "process", "batch_id", "row", "RowContext"),
        *("connect", "open", "ask", "send"),
    ),
    Theme(
        "Crawler",
        *("sessions", "session_key", "session", "crawl", "run_id", "page", "PageVisit"),
        *("start_session", "open_session", "download", "fetch"),
    ),
    Theme(
        "Importer",
        *("connections", "slot", "connection", "load", "import_id", "record", "RecordTask"),
        *("dial", "open_connection", "store", "save"),
    ),
    Theme(
        "Mailer",
        *("channels", "route", "channel", "deliver", "campaign", "letter", "Delivery"),
        *("create_channel", "open_channel", "post", "push"),
    ),
)


class Choice(msgspec.Struct, frozen=True):
    """One value for each dimension."""

    key: str
    carrier: str
    insertion: str
    place: str
    lock: str
    flow: str
    work: str
    cleanup: str
    mode: Mode
    base: str = "name"

    @property
    def id(self) -> str:
        """A readable, stable name."""
        base = "" if self.base == "name" else f"-of-{self.base}"
        lock = "" if self.lock == "none" else f"-{self.lock}"
        place = f"{self.insertion}-on-{self.place}{lock}"
        return f"{self.key}{base}-{self.carrier}/{place}/{self.flow}-{self.work}/{self.cleanup}/{self.mode}"


class Scene(msgspec.Struct, frozen=True):
    """A choice and the words to tell it in."""

    choice: Choice
    theme: Theme

    @property
    def is_async(self) -> bool:
        """Whether the operation is a coroutine."""
        return self.choice.mode == "async"

    @property
    def unit_is_async(self) -> bool:
        """Whether the work on one item is a coroutine; what runs in a thread is not."""
        return self.is_async and self.choice.flow not in ("to-thread", "run-in-executor")

    @property
    def in_class(self) -> bool:
        """Whether the program is a class; otherwise it is functions and a global."""
        return self.choice.place != "global"

    @property
    def backend(self) -> str:
        """The collaborator whose calls may raise."""
        return "self._backend" if self.in_class else "backend"

    @property
    def cache(self) -> str:
        """The cache, as the code spells it."""
        return {
            "instance": f"self._{self.theme.cache}",
            "class": f"{self.theme.owner}._{self.theme.cache}",
            "global": f"_{self.theme.cache}",
            "other": f"self._pool.{self.theme.cache}",
        }[self.choice.place]

    @property
    def lock(self) -> str:
        """The lock of the cache."""
        return {
            "instance": f"self._{self.theme.cache}_lock",
            "class": "self._lock",
            "global": "_lock",
            "other": "self._pool.lock",
        }[self.choice.place]

    @property
    def base(self) -> str:
        """The base key as an expression."""
        return "ctx.state_id" if self.choice.base == "attribute" else self.theme.base

    @property
    def base_parameter(self) -> str:
        """The parameter the base key comes in."""
        return "ctx" if self.choice.base == "attribute" else self.theme.base

    def call(self, name: str, *arguments: str, awaited: bool = False) -> str:
        """A call of one of the program's own functions."""
        prefix = "await " if awaited else ""
        if self.in_class:
            return f"{prefix}self.{name}({', '.join(arguments)})"
        return f"{prefix}{name}({', '.join(('backend', *arguments))})"

    def handed_over(self, name: str, *arguments: str) -> str:
        """Function and arguments as `submit` takes them."""
        return ", ".join((f"self.{name}", *arguments) if self.in_class else (name, "backend", *arguments))

    def header(self, name: str, *parameters: str, is_async: bool = False) -> str:
        """The `def` line of one of the program's own functions."""
        prefix = "async def" if is_async else "def"
        return f"{prefix} {name}({', '.join(('self' if self.in_class else 'backend', *parameters))}):"

    def locked(self, lines: Lines, is_async: bool | None = None) -> Lines:
        """The lines under the lock of the cache, if it has one."""
        if self.choice.lock == "none":
            return lines
        if is_async is None:
            is_async = self.unit_is_async
        return [f"{'async with' if is_async else 'with'} {self.lock}:", lines]


def scene_of(choice: Choice) -> Scene:
    """The choice with words that are the same on every run."""
    return Scene(choice, THEMES[zlib.crc32(choice.id.encode()) % len(THEMES)])
