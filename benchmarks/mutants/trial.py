"""Tries a mutant in a process of its own: it is killed if a program has other findings, or a test of the module fails.

Everything has been imported before, and the child gets the broken function's code in the place of the right one, so
that a trial takes no longer than the programs that run through the function.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from leaklint.analyze import analyze
from leaklint.source import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, FrameType, ModuleType

    from benchmarks.mutants.mutations import Mutant

Findings = tuple[tuple[str, int, int], ...]
SURVIVED, KILLED, TOO_LONG = 0, 1, 2
MOST_PROGRAMS = 150
"""The quickest of those that run through the function: what they let live, others mostly do too."""
MOST_SECONDS = 60
"""What the tests of a module may take."""
SLOWER = 20
"""A program that takes so many times as long is a mutant noticed."""


class Program(msgspec.Struct, frozen=True):
    """A program with what is found in it, and the functions of leaklint's that its analysis runs through."""

    text: str
    findings: Findings
    seconds: float
    functions: frozenset[tuple[str, str]]
    """File and qualified name."""


def findings_of(text: str) -> Findings:
    """Codes and places."""
    reports = analyze(decode("program.py", text.encode())).reports
    return tuple((rule.code, report.place.at.line, report.place.at.column) for rule, report in reports)


def known(texts: Iterable[str]) -> list[Program]:
    """Analyze the programs as things are, the quickest first."""
    return sorted(map(_known, texts), key=lambda program: program.seconds)


def _known(text: str) -> Program:
    seen: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            seen.add((code.co_filename, getattr(code, "co_qualname", code.co_name)))

    started = time.process_time()
    findings = findings_of(text)
    seconds = time.process_time() - started
    sys.setprofile(note)
    try:
        findings_of(text)
    finally:
        sys.setprofile(None)
    return Program(text, findings, seconds, frozenset(seen))


def is_killed(mutant: Mutant, module: ModuleType, programs: Sequence[Program], tests: Sequence[str]) -> bool:
    """Whether a program or a test notices."""
    name = mutant.function if hasattr(CODE_OF_THIS, "co_qualname") else mutant.function.rpartition(".")[2]
    near = [program for program in programs if (module.__file__ or "", name) in program.functions]
    child = os.fork()
    if child == 0:
        os._exit(_try(mutant, module, near, tests))
    _, status = os.waitpid(child, 0)
    return status != SURVIVED


def _try(mutant: Mutant, module: ModuleType, near: Sequence[Program], tests: Sequence[str]) -> int:
    signal.signal(signal.SIGVTALRM, lambda *_: os._exit(TOO_LONG))
    try:
        put_in(mutant, module)
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        if _test(tests) == KILLED:
            return KILLED
        for program in near[:MOST_PROGRAMS]:
            signal.setitimer(signal.ITIMER_VIRTUAL, 1 + SLOWER * program.seconds)
            if findings_of(program.text) != program.findings:
                return KILLED
        return SURVIVED
    except BaseException:  # also what a test's end raises
        return KILLED


def _test(tests: Sequence[str]) -> int:
    if not tests:
        return SURVIVED
    import pytest

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        failed = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", *tests])
    return KILLED if failed else SURVIVED


def put_in(mutant: Mutant, module: ModuleType) -> None:
    """Give the function the broken code, wherever it was imported to."""
    _forget()
    scratch = dict(module.__dict__)
    exec(compile(ast.fix_missing_locations(mutant.tree), module.__file__ or "", "exec"), scratch)
    _function(module.__dict__, mutant.function).__code__ = _function(scratch, mutant.function).__code__


def _forget() -> None:
    """Let nobody remember what the right code has answered."""
    modules = [one for name, one in list(sys.modules.items()) if name.partition(".")[0] == "leaklint"]
    for found in [value for one in modules for value in vars(one).values()]:
        clear = getattr(found, "cache_clear", None)
        if callable(clear):
            clear()


def _function(names: dict[str, Any], qualified: str) -> Any:
    first, *rest = qualified.split(".")
    found = names[first]
    for name in rest:
        found = vars(found)[name]
    found = getattr(found, "fget", None) or getattr(found, "func", None) or getattr(found, "__func__", found)
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


CODE_OF_THIS: CodeType = is_killed.__code__
