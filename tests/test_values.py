"""Values as messages tell them."""

from __future__ import annotations

import pytest

from leaklint.analyze import check
from leaklint.source import decode
from leaklint.values import Field, Instance, spell

PRIVATE = """\
class _Tracer:
    def __init__(self):
        self.__spans = {}

    async def on_start(self, key, ready):
        self.__spans[key] = key
        await ready()
        del self.__spans[key]
"""


@pytest.mark.parametrize(
    ("owner", "name", "written"),
    [
        ("Tracer", "_Tracer__spans", "__spans"),
        ("_Tracer", "_Tracer__spans", "__spans"),
        ("tracer", "_tracer__spans", "__spans"),
        ("module.Tracer", "_Base__spans", "__spans"),
        ("Tracer", "_Tracer__span_id_to_path", "__span_id_to_path"),
        ("Tracer", "_Tracer__spans_", "__spans_"),
        ("Tracer", "_Tracer__spans_by__id", "__spans_by__id"),
        ("Tracer", "_spans", "_spans"),
        ("Tracer", "spans__of", "spans__of"),
        ("Tracer", "_spans__of", "_spans__of"),
        ("Tracer", "__dict__", "__dict__"),
        ("Tracer", "_Tracer__spans__", "_Tracer__spans__"),
    ],
)
def test_private_names_are_told_as_the_code_has_them(owner: str, name: str, written: str) -> None:
    assert spell(Field(Instance(owner), name)) == f"self.{written}"


def test_findings_tell_private_names_as_the_code_has_them() -> None:
    (finding,) = check(decode("tracer.py", PRIVATE.encode())).findings
    assert finding.cache == "self.__spans"
    assert "_Tracer__" not in finding.message + "".join(step.note for step in finding.trace)
