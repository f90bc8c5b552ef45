"""The mutants: each breaks one function in one way, and the tree is as it was afterwards."""

from __future__ import annotations

import ast
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from benchmarks.mutants.mutations import mutants
from benchmarks.mutants.trial import findings_of, is_killed, known, put_in

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
def least(left, right):
    if left < right and not left == 0:
        return left
    return right


def unused(values):
    return any(values)


class Pool:
    def size(self):
        return 3
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    path = tmp_path / "least.py"
    path.write_text(CODE, encoding="utf-8")
    made = ModuleType("least")
    made.__file__ = str(path)
    exec(compile(CODE, str(path), "exec"), made.__dict__)
    return made


def test_every_mutant_is_another_program_that_compiles(module: ModuleType, tmp_path: Path) -> None:
    found = list(mutants(tmp_path / "least.py"))
    texts = {ast.unparse(mutant.tree) for mutant in found}
    assert len(texts) == len(found) > 10
    assert ast.unparse(ast.parse(CODE)) not in texts
    assert {mutant.function for mutant in found} == {"least", "unused", "Pool.size"}
    for text in texts:
        compile(text, "least.py", "exec")


def test_a_mutant_takes_the_place_of_a_function_that_others_have_already(module: ModuleType, tmp_path: Path) -> None:
    least, size = module.least, module.Pool().size
    assert (least(1, 2), size()) == (1, 3)
    by_what = {(mutant.function, mutant.what): mutant for mutant in mutants(tmp_path / "least.py")}
    put_in(by_what["least", "a test is false"], module)
    put_in(by_what["Pool.size", "3 is 4"], module)
    assert (least(1, 2), size()) == (2, 4)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.version_info < (3, 11), reason="each mutant is tried in a fork")
def test_a_program_kills_a_mutant_of_what_it_runs_through() -> None:
    from pathlib import Path

    from front_ends import LEAKING

    import leaklint.keys as module

    programs = known([LEAKING])
    assert programs[0].findings == findings_of(LEAKING) != ()
    found = [one for one in mutants(Path(module.__file__)) if one.function == "is_base_of"]
    assert {is_killed(mutant, module, programs, ()) for mutant in found} == {True, False}
    assert not any(is_killed(mutant, module, [], ()) for mutant in found)
