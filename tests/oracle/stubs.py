"""What a program runs against: collaborators, locks and executors that report every call to one :class:`Clock`.

A step is a call that may raise. What the may-raise model takes as safe (taking a lock, closing in a cleanup) is never
made to raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .scene import THEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CONNECTING = frozenset({theme.connect for theme in THEMES} | {theme.connect_async for theme in THEMES})
ASYNC_CALLS = frozenset(
    {"check", "publish"} | {theme.connect_async for theme in THEMES} | {theme.ask_async for theme in THEMES}
)
SILENT_CALLS = frozenset({"close"})


class Boom(Exception):  # noqa: N818 - it stands for any exception, not for an error of its own
    """The exception that a step raises."""


class Clock:
    """Counts the steps, records the trace, and makes one step raise."""

    def __init__(self, failing: int | None = None, error: type[BaseException] = Boom) -> None:
        self.failing = failing
        self.error = error
        self.awaits: list[bool] = []
        self.names: list[str] = []
        self.trace: list[str] = []
        self.mail: list[tuple[object, object]] = []
        self.deliver: Callable[[object, object], None] | None = None

    def step(self, name: str, arguments: Iterable[object] = (), awaited: bool = False) -> None:
        """One call that may raise."""
        position = len(self.awaits)
        self.awaits.append(awaited)
        self.names.append(name)
        self.trace.append(f"{name}({', '.join(map(str, arguments))})")
        if position == self.failing:
            raise self.error(name)


class Collaborator:
    """Answers any call: asynchronous ones by :data:`ASYNC_CALLS`, all others at once."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name

    def __str__(self) -> str:
        return f"<{self._name}>"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        clock = self._clock

        def call(*arguments: object) -> Any:
            clock.step(name, arguments)
            return self._answer(name, arguments)

        async def call_async(*arguments: object) -> Any:
            clock.step(name, arguments, awaited=True)
            return self._answer(name, arguments)

        def call_silently(*arguments: object) -> None:
            clock.trace.append(f"({name})")

        if name in SILENT_CALLS:
            return call_silently
        return call_async if name in ASYNC_CALLS else call

    def on_reply(self, handler: Callable[[object, object], None]) -> None:
        """Hand the replies to what was published to `handler`, while somebody waits for them."""
        self._clock.deliver = handler

    def _answer(self, name: str, arguments: tuple[object, ...]) -> Any:
        if name in CONNECTING:
            return Collaborator(self._clock, f"value of {arguments[0]}")
        if name == "publish":
            self._clock.mail.append((arguments[0], f"reply to {arguments[1]}"))
        return f"{name}:{arguments[-1] if arguments else ''}"

    def each(self, items: Iterable[Any], function: Callable[[Any], Any]) -> list[Any]:
        """Run a callback for every item."""
        self._clock.step("each")
        return [function(item) for item in items]

    def execute_batch(self, contexts: Iterable[Any], process_fn: Callable[..., Any]) -> list[Any]:
        """The pooled executor of the reference case, one context after the other."""
        self._clock.step("execute_batch")
        return [process_fn(context.row, context.state_id) for context in contexts]

    async def run_batch(self, contexts: Iterable[Any], process_fn: Callable[..., Any]) -> list[Any]:
        """The same where the callback is a coroutine function."""
        self._clock.step("run_batch", awaited=True)
        return [await process_fn(context.row, context.state_id) for context in contexts]

    def span(self) -> Span:
        """A context manager whose entry may raise."""
        return Span(self._clock, "span")

    def timer(self) -> Span:
        """Another context manager whose entry may raise."""
        return Span(self._clock, "timer")

    def stream(self, rows: Iterable[object]) -> Stream:
        """The rows one by one, asynchronously."""
        return Stream(self._clock, rows)


class Stream:
    """An asynchronous iterator; each wait for the next row may raise."""

    def __init__(self, clock: Clock, rows: Iterable[object]) -> None:
        self._clock = clock
        self._rows = iter(rows)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> object:
        for row in self._rows:
            self._clock.step("stream", (row,), awaited=True)
            return row
        raise StopAsyncIteration


class Span:
    """A context manager that does nothing but report."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name

    def note(self, text: object) -> None:
        """Record a text."""
        self._clock.step("note", (text,))

    def __enter__(self) -> Span:
        self._clock.step(self._name)
        return self

    def __exit__(self, *details: object) -> None:
        self._clock.trace.append(f"end of {self._name}")


def consumed(clock: Clock, generator: Iterator[Any]) -> list[Any]:
    """All a generator yields; the consumer may raise at each item and closes the generator then."""
    items = []
    try:
        for item in generator:
            items.append(item)
            clock.step("consumer")
    finally:
        generator.close()  # type: ignore[attr-defined]
    return items


async def consumed_async(clock: Clock, generator: Any) -> list[Any]:
    """The same for an asynchronous generator."""
    items = []
    try:
        async for item in generator:
            items.append(item)
            clock.step("consumer", awaited=True)
    finally:
        await generator.aclose()
    return items
