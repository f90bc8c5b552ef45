"""A thousand programs that nobody wrote; `make fuzz` has a hundred thousand."""

from __future__ import annotations

import ast
from random import Random

import pytest

from tests.fuzz import generated, mutated
from tests.fuzz.laws import judge

PARTS = 20
EACH = 25
"""Programs of each kind in each part, so that several processes can share the work."""


@pytest.mark.no_cover
@pytest.mark.parametrize("part", range(PARTS))
def test_generated_programs_are_checked_and_repaired_soundly(part: int) -> None:
    for seed in range(part * EACH, (part + 1) * EACH):
        text = generated.program(Random(seed))
        assert judge(text).wrong is None, f"seed {seed}\n{text}"


@pytest.fixture(scope="module")
def known() -> list[ast.Module]:
    return mutated.parts()


@pytest.mark.no_cover
@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_fixtures_are_checked_and_repaired_soundly(part: int, known: list[ast.Module]) -> None:
    for seed in range(part * EACH, (part + 1) * EACH):
        text = mutated.program(Random(seed), known)
        assert judge(text).wrong is None, f"seed {seed}\n{text}"


def test_what_is_generated_is_worth_looking_at() -> None:
    judged = [judge(generated.program(Random(seed))) for seed in range(50)]
    assert sum(one.findings for one in judged) > 5
    assert sum(one.repaired for one in judged) > 2


def test_a_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "cache = {}\n"
    monkeypatch.setattr("tests.fuzz.laws.check", lambda _: 1 / 0)
    assert (judge(text).wrong or "").startswith("crash: ZeroDivisionError")
    monkeypatch.undo()
    monkeypatch.setattr("tests.fuzz.laws.LONGEST", -1.0)
    assert (judge(text).wrong or "").startswith("hang")


def test_the_same_seed_makes_the_same_program(known: list[ast.Module]) -> None:
    assert generated.program(Random(7)) == generated.program(Random(7))
    assert mutated.program(Random(7), known) == mutated.program(Random(7), known)
