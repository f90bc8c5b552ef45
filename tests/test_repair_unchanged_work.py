"""LKL101: tracking the keys leaves the work as it was; repaired programs are executed, and what they do is told."""

from __future__ import annotations

from typing import Any

import pytest

from leaklint import analyze
from leaklint.source import decode

CODE = '''
class Pool:
    """Opens a handle for a job, and one for each part of it."""

    def __init__(self, opened):
        self._opened = opened
        self._handles = {{}}

    def _open(self, key):
        self._handles[key] = self._opened(key)
        return len(self._handles)

    def run(self, job_id, parts):
        self._open(job_id)
        answers = None
        try:
            {work}
        finally:
            self._handles.pop(job_id, None)
'''
REPAIRED = {
    "a value before its key": """
            for part in parts:
                self._handles[job_id + "." + str(part)] = self._opened(part)
            return len(self._handles)""",
    "a tuple": """
            for part in parts:
                self._handles[job_id, part] = self._opened(part)
            return len(self._handles)""",
    "a list in a try": """
            answers = [self._open(f"{job_id}.{part}") for part in parts]
            return answers""",
    "a dict in a with": """
            with self._opened("context"):
                answers = {part: self._open(f"{job_id}.{part}") for part in parts}
                return answers""",
}
REFUSED = {
    "any": """
            return any(self._open(f"{job_id}.{part}") for part in parts)""",
    "extend": """
            answers = []
            self._all = answers
            answers.extend(self._open(f"{job_id}.{part}") for part in parts)""",
    "a list that a handler reads": """
            answers = [self._open(f"{job_id}.{part}") for part in parts]
            return answers
        except OSError:
            return answers""",
    "a list that is read behind a handler": """
            try:
                answers = [self._open(f"{job_id}.{part}") for part in parts]
            except OSError:
                pass
            return answers""",
}


class Opened:
    """Opens handles until it fails; tells what was asked, and what was formatted."""

    def __init__(self, fails_at: int) -> None:
        self.told: list[str] = []
        self._left = fails_at

    def __call__(self, key: object) -> Opened:
        self.tell(f"open {key}")
        return self

    def tell(self, what: str) -> None:
        self.told.append(what)
        self._left -= 1
        if not self._left:
            raise OSError(what)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *error: object) -> bool:
        self.tell("exit")
        return False


class Part:
    """A part of a job, which tells when its name is read."""

    def __init__(self, name: str, opened: Opened) -> None:
        self._name = name
        self._opened = opened

    def __str__(self) -> str:
        self._opened.told.append(f"name {self._name}")
        return self._name

    __repr__ = __str__


def repaired(code: str) -> str:
    """Repair all of it, safely."""
    source = decode("pool.py", code.encode())
    return analyze.repair(
        source, lambda finding: finding.fix is not None and finding.fix.safety == "safe"
    ).data.decode()


@pytest.mark.parametrize("work", REPAIRED.values(), ids=REPAIRED)
@pytest.mark.parametrize("fails_at", range(9))
def test_the_same_is_done_in_the_same_order_and_nothing_left(work: str, fails_at: int) -> None:
    code = CODE.format(work=work.strip())
    after = repaired(code)
    assert _outcome(code, fails_at)[:2] == _outcome(after, fails_at)[:2]
    assert _outcome(after, fails_at)[2] == []


@pytest.mark.parametrize("work", REFUSED.values(), ids=REFUSED)
def test_what_could_be_seen_stays_as_it_is(work: str) -> None:
    code = CODE.format(work=work.strip())
    assert repaired(code) == code


def test_what_is_given_to_the_caller_stays_in() -> None:
    code = CODE.replace("return len(self._handles)\n\n", "return self._handles[key]\n\n").format(
        work='return [self._open(f"{job_id}.{part}") for part in parts]'
    )
    assert repaired(code) == code


def _outcome(code: str, fails_at: int) -> tuple[str, list[str], list[str]]:
    namespace: dict[str, Any] = {}
    exec(compile(code, "pool.py", "exec"), namespace)
    opened = Opened(fails_at)
    pool = namespace["Pool"](opened)
    try:
        result = repr(pool.run("job", [Part("a", opened), Part("b", opened)]))
    except OSError as error:
        result = f"OSError {error}"
    return result, list(opened.told), sorted(map(str, pool._handles))
