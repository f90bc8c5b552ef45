"""What is found in each fixture: exactly what its marks say, wherever it stands and whatever its locals are called."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from laws.fixtures import every_fixture, found, places, report_of, reported
from laws.renaming import rename_locals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from laws.marks import Place
    from leaklint.model import Finding

ON_TOP = b"# A line that says nothing.\n\n"


@every_fixture
def test_each_mark_has_its_finding_and_each_finding_its_mark(path: Path) -> None:
    told, marked = Counter(places(found(path))), Counter(reported(path))
    missed, unmarked = sorted((marked - told).elements()), sorted((told - marked).elements())
    assert missed + unmarked == [], _told(path, missed, unmarked)


@pytest.mark.no_cover
@every_fixture
def test_lines_on_top_only_move_the_findings(path: Path) -> None:
    moved = report_of(ON_TOP + path.read_bytes(), str(path)).findings
    down = ON_TOP.count(b"\n")
    assert [_essence(finding) for finding in moved] == [_essence(finding, down) for finding in found(path)]


@pytest.mark.no_cover
@every_fixture
def test_other_names_of_locals_leave_the_findings_where_they_are(path: Path) -> None:
    renamed = rename_locals(path.read_text("utf-8"))
    assert places(report_of(renamed.encode(), str(path)).findings) == places(found(path))


@every_fixture
def test_findings_are_sorted_by_place(path: Path) -> None:
    spans = [finding.span for finding in found(path)]
    assert spans == sorted(spans)


@every_fixture
def test_each_step_of_a_trace_is_a_place_in_the_file(path: Path) -> None:
    last = len(path.read_bytes().splitlines())
    for finding in found(path):
        assert finding.trace, finding.message
        assert all(1 <= step.span.line <= step.span.end_line <= last for step in finding.trace)


def _essence(finding: Finding, down: int = 0) -> tuple[object, ...]:
    span, steps = finding.span, [(step.span.line + down, step.span.column, step.note) for step in finding.trace]
    place = (span.line + down, span.column, span.end_line + down, span.end_column)
    return (finding.code, place, finding.cache, finding.key, finding.symbol, finding.message, steps)


def _told(path: Path, missed: Sequence[Place], unmarked: Sequence[Place]) -> str:
    lines = path.read_text("utf-8").splitlines()
    told = [f"missed alarm {code}" + f" {path.name}:{line}: {lines[line - 1].strip()}" for line, code in missed]
    told += [f"false alarm {code} {path.name}:{line}: {lines[line - 1].strip()}" for line, code in unmarked]
    return "\n" + "\n".join(told)
