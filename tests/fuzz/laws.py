"""What must hold of every program: it is checked without a crash and in time, and its repair is sound or not made."""

from __future__ import annotations

import ast
import time

import msgspec

from leaklint.analyze import Repaired, check, repair
from leaklint.source import decode

LONGEST = 10.0
"""Seconds of processor time that a program of a few hundred lines may take."""


class Judged(msgspec.Struct, frozen=True):
    """What became of a program: how many findings, how many repaired, and what is wrong."""

    findings: int
    repaired: int
    wrong: str | None = None


def judge(text: str) -> Judged:
    """Check and repair the program, and repair what came out again."""
    started = time.process_time()
    try:
        report = check(decode("program.py", text.encode()))
        once = _repaired(text.encode())
        wrong = _wrong(text.encode(), once)
    except Exception as error:  # whatever it is, it is a fault
        return Judged(0, 0, f"crash: {error!r}")
    if report.errors:
        wrong = wrong or f"error: {report.errors[0].message}"
    if time.process_time() - started > LONGEST:
        wrong = wrong or f"hang: {time.process_time() - started:.0f} s"
    return Judged(len(report.findings), len(once.fixed), wrong)


def _repaired(data: bytes) -> Repaired:
    return repair(decode("program.py", data), lambda _: True, unsafe=True)


def _wrong(data: bytes, once: Repaired) -> str | None:
    if once.data == data:
        return "repairs: told without a change" if once.fixed else None
    try:
        compile(ast.parse(once.data), "program.py", "exec")
    except SyntaxError as error:
        return f"repairs: do not compile: {error}"
    twice = _repaired(once.data)
    return "repairs: a second one changes more" if twice.data != once.data else None
