"""Every program of the oracle: the truth is what its execution leaves behind, and the linter must say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oracle.judge import all_programs, judge, truth_at

if TYPE_CHECKING:
    from oracle.program import Program

pytestmark = pytest.mark.no_cover
"""What these programs run is measured by the laws; here the measuring would take longer than the rest of the tests."""

CHUNKS = 40
SHOWN = 2
REFUSED_AT_MOST = 0.25
"""The share of leaking programs in a chunk whose repair may be refused, with a reason."""

chunked = pytest.mark.parametrize("chunk", range(CHUNKS))


def _positions(chunk: int) -> range:
    return range(chunk, len(all_programs()), CHUNKS)


def _fail_with(wrong: list[str]) -> None:
    if wrong:
        pytest.fail(f"{len(wrong)} programs\n\n" + "\n\n".join(wrong[:SHOWN]), pytrace=False)


def test_there_are_enough_programs_all_different() -> None:
    programs = all_programs()
    assert len(programs) >= 2_500
    assert len({program.id for program in programs}) == len(programs)
    assert len({program.source for program in programs}) >= 0.98 * len(programs)


@chunked
def test_truth_agrees_with_the_shape(chunk: int) -> None:
    wrong = []
    for position in _positions(chunk):
        program, truth = all_programs()[position], truth_at(position)
        if bool(truth.leaking) != bool(program.expected):
            wrong.append(_disagreeing(program, f"{truth.leaking[:1] or 'no execution leaves anything'}"))
        if any(outcome.startswith("raises") for outcome in truth.runs[0].outcomes):
            wrong.append(_disagreeing(program, f"the clean execution {truth.runs[0].outcomes}"))
    _fail_with(wrong)


def _disagreeing(program: Program, what: str) -> str:
    return f"=== {program.id}\nexpected {sorted(program.expected) or 'nothing'}, but {what}\n{program.source}"


@chunked
def test_linter_and_repairs_agree_with_the_truth(chunk: int) -> None:
    verdicts = [judge(all_programs()[position], truth_at(position)) for position in _positions(chunk)]
    _fail_with([verdict.text() for verdict in verdicts if verdict.failures])
    leaking = [verdict for verdict in verdicts if verdict.truth.leaking]
    refused = [verdict for verdict in leaking if verdict.repaired is None]
    assert len(refused) <= REFUSED_AT_MOST * len(leaking), "\n".join(verdict.program.id for verdict in refused)
