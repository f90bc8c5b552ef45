"""The truth about a program: run it once clean, then once for each call that may raise with that call raising."""

from __future__ import annotations

import asyncio
import builtins
import inspect
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import msgspec

from .replaced import Deadlock, imports
from .stubs import Boom, Clock, Collaborator, consumed, consumed_async

if TYPE_CHECKING:
    from .program import Program


class Run(msgspec.Struct, frozen=True):
    """One execution: which step raised what, and what came of it."""

    label: str
    left: tuple[str, ...]
    outcomes: tuple[str, ...]
    trace: tuple[str, ...]

    @property
    def visible(self) -> tuple[str, ...]:
        """The trace without what only evictions do."""
        return tuple(step for step in self.trace if step != "(close)")


class Truth(msgspec.Struct, frozen=True):
    """All executions of a program."""

    runs: tuple[Run, ...]

    @property
    def leaking(self) -> tuple[Run, ...]:
        """The executions that leave something in a cache."""
        return tuple(run for run in self.runs if run.left)


def execute(program: Program, source: str | None = None) -> Truth:
    """Run `source` (the program's own, or its repaired one) in all ways."""
    code = compile(program.source if source is None else source, f"<{program.id}>", "exec")
    loop = asyncio.new_event_loop() if program.dimensions["mode"] == "async" else None
    schedules = (False, True) if "ThreadPoolExecutor(" in program.source else (False,)
    try:
        runs = []
        for late in schedules:
            clock = Clock()
            suffix = " in a late pool" if late else ""
            runs.append(_run(program, code, clock, loop, late, f"clean{suffix}"))
            for position, awaited in enumerate(tuple(clock.awaits)):
                for error in (Boom, asyncio.CancelledError) if awaited else (Boom,):
                    label = f"{error.__name__} at step {position}, {clock.names[position]}{suffix}"
                    runs.append(_run(program, code, Clock(position, error), loop, late, label))
        return Truth(tuple(runs))
    finally:
        if loop is not None:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


def _run(
    program: Program, code: Any, clock: Clock, loop: asyncio.AbstractEventLoop | None, late: bool, label: str
) -> Run:
    names: dict[str, Any] = {
        "__name__": __name__,
        "__builtins__": {**vars(builtins), "__import__": imports(clock, late)},
    }
    exec(code, names)
    names["backend"] = Collaborator(clock, "backend")
    names["executor"] = Collaborator(clock, "executor")
    for statement in program.setup:
        exec(statement, names)
    outcomes = tuple(_outcome(call, names, clock, loop) for call in program.calls)
    if loop is not None:
        _finish(loop)
    return Run(label, _left(program, names), outcomes, tuple(clock.trace))


def _outcome(call: str, names: dict[str, Any], clock: Clock, loop: asyncio.AbstractEventLoop | None) -> str:
    try:
        result = eval(call, names)
        if inspect.isgenerator(result):
            result = consumed(clock, result)
        elif inspect.isasyncgen(result):
            result = consumed_async(clock, result)
        if inspect.isawaitable(result):
            assert loop is not None, f"{call} is asynchronous"
            result = loop.run_until_complete(result)
    except (Exception, asyncio.CancelledError, Deadlock) as error:
        return f"raises {_kind(error)}"
    return f"returns {result!r}"


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Let the tasks end that an operation left behind: what they clean up counts."""
    while tasks := asyncio.all_tasks(loop):
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(asyncio.sleep(0))


def _kind(error: BaseException) -> str:
    inner = getattr(error, "exceptions", None)
    name = type(error).__name__
    return f"{name}[{', '.join(map(_kind, inner))}]" if inner else name


def _left(program: Program, names: dict[str, Any]) -> tuple[str, ...]:
    left: list[str] = []
    for expression in program.caches:
        cache = eval(expression, names)
        assert isinstance(cache, Sized), f"{expression} is no container"
        left += [f"{expression}[{key!r}]" for key in cache]  # type: ignore[attr-defined]
    return tuple(left)
