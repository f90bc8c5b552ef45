"""What the tests of the front ends share: a program that leaks, and ways to run leaklint on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from leaklint.model import Edit, FileError, FileReport, Finding, Fix, Span, Step
from leaklint.outcome import Outcome
from leaklint.report.document import Document, document

LEAKING = """\
class Transform:
    def __init__(self, factory, executor):
        self._clients = {}
        self._factory = factory
        self._executor = executor

    def _get_client(self, state_id):
        if state_id not in self._clients:
            self._clients[state_id] = self._factory(state_id)
        return self._clients[state_id]

    def process(self, rows, state_id):
        try:
            for index, row in enumerate(rows):
                key = f"{state_id}_r{index}"
                self._get_client(key).send(row)
        finally:
            self._clients.pop(state_id, None)
"""
LEAK_LINE = 15
LEAK_COLUMN = 17

CLEAN = "answer = 42\n"


def leaking_file(folder: Path, name: str = "leaking.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LEAKING, encoding="utf-8")
    return path


def environment(**extra: str) -> dict[str, str]:
    """The environment of a process that no setting of the developer's terminal reaches."""
    dropped = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONWARNINGS"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONUTF8": "1", **extra}


def unmeasured() -> dict[str, str]:
    """The same for a process whose coverage is not measured, which takes several times as long."""
    return {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}


def run_module(
    module: str, *arguments: str, cwd: Path, stdin: bytes = b"", **extra: str
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment(**extra), check=False, timeout=300
    )


def leaklint(*arguments: str, cwd: Path, stdin: bytes = b"", **extra: str) -> subprocess.CompletedProcess[bytes]:
    return run_module("leaklint", *arguments, cwd=cwd, stdin=stdin, **extra)


def span(text: str, line: int, part: str) -> Span:
    """The span of `part` in one line of `text`."""
    code = text.split("\n")[line - 1]
    start = len(code[: code.index(part)].encode())
    return Span(line, start, line, start + len(part.encode()))


def leak(path: str) -> Finding:
    """A finding as the analysis could make it for LEAKING; reports can be tested with it alone."""
    return Finding(
        code="LKL101",
        name="derived-key-leak",
        message='`self._clients` keeps `f"{state_id}_r{index}"`: `process` evicts only `state_id`',
        path=path,
        span=span(LEAKING, LEAK_LINE, "key"),
        cache="self._clients",
        key='f"{state_id}_r{index}"',
        trace=(
            Step(path, span(LEAKING, LEAK_LINE, 'f"{state_id}_r{index}"'), "the key is built, one for each row"),
            Step(path, span(LEAKING, 16, "self._get_client(key)"), "handed to `_get_client` as `state_id`"),
            Step(path, span(LEAKING, 9, "self._clients[state_id]"), "inserted into `self._clients`"),
            Step(path, span(LEAKING, 18, "self._clients.pop(state_id, None)"), "only `state_id` is evicted"),
        ),
        advice="collect the keys and evict each of them in a `finally`",
        symbol="Transform.process",
        fix=Fix("safe", (Edit(0, 0, "# one\n"), Edit(6, 15, "Changed"))),
    )


def report_on(*findings: Finding, text: str = LEAKING, errors: tuple[FileError, ...] = ()) -> Document:
    """A document with findings in one file, which need not exist."""
    path = findings[0].path if findings else "leaking.py"
    outcome = Outcome(FileReport(path, findings), str(Path.cwd()), before=text.encode())
    return document([outcome], errors)
