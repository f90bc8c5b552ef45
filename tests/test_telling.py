"""How a leak is put into words: what may go wrong is told as it may, and nothing else."""

from __future__ import annotations

import pytest

from leaklint.analyze import check
from leaklint.source import decode

METHOD = """\
from contextlib import contextmanager


class Worker:
    def __init__(self):
        self._active = {{}}

    {definition} run(self, key, work):
        self._active[key] = work
        {code}
        del self._active[key]
"""
CANCELLED_ONLY = "try: await work.go()\n        except Exception: del self._active[key]; raise"


@pytest.mark.parametrize(
    ("definition", "code", "words"),
    [
        ("def", "work.go()", "if `work.go()` raises"),
        ("def", "assert key", "if this `assert` raises"),
        ("async def", "await work.go()", "if `work.go()` raises or is cancelled"),
        ("async def", "if key: work.go(); await work", "if this `await` raises or is cancelled"),
        ("async def", "async with work: pass", "if this `async with` raises or is cancelled"),
        ("async def", CANCELLED_ONLY, "if `work.go()` is cancelled"),
        ("def", "yield key", "if the consumer stops at this `yield`"),
        ("@contextmanager\n    def", "yield key", "if the body of the `with` raises"),
    ],
)
def test_only_what_waits_is_said_to_be_cancelled(definition: str, code: str, words: str) -> None:
    report = check(decode("worker.py", METHOD.format(definition=definition, code=code).encode()))
    (finding,) = report.findings
    assert [step.note for step in finding.trace][1] == f"{words}, the entry stays"
