"""A repair may read what is bound in the function, around it or at the top of the file, and nothing else."""

from __future__ import annotations

import pytest

from leaklint.repairs.bound_names import refuse_unbound
from leaklint.source import decode

CODE = """\
import a

class A:
    x = "text"

    def f(self):
        return f"{self.x} in f"

    @a
    def g(self):
        return "in g"

def f(rows):
    def g():
        return unknown(1)
    global kept
    return g
"""


def reason(new: str, old: str = 'return "in g"') -> str | None:
    """Why the code with `new` in place of `old` is refused."""
    before, after = (decode("module.py", code.encode()) for code in (CODE, CODE.replace(old, new)))
    refusal = refuse_unbound(before, after)
    return None if refusal is None else refusal.reason


def test_a_name_that_is_read_only_since_the_repair_must_be_bound_to_something() -> None:
    for new in ("return lost", "return [lost for _ in self]", "return lambda: lost", "if self:\n            lost()"):
        assert reason(new) == "`lost` would be read in A.g, where nothing is bound to it"
    assert reason("return x") == "`x` would be read in A.g, where nothing is bound to it"
    assert reason("return (rows, 1)", "return unknown(1)") is None
    assert reason("return rows") == "`rows` would be read in A.g, where nothing is bound to it"


@pytest.mark.parametrize("name", ["a", "f", "A", "self", "len", "kept", "unknown", "__name__"])
def test_what_is_bound_or_was_read_before_may_be_read(name: str) -> None:
    assert reason(f"return {name}") is None


def test_what_the_repair_binds_itself_may_be_read() -> None:
    for new in ("made = 1\n        return made", "return [one for one in self]", "return lambda made: made"):
        assert reason(new) is None
