"""What the fleet's benchmark calculates for many more repositories, from numbers that are easy to follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fleet.measure import Measured, measure
from benchmarks.fleet.record import Record, load, save
from benchmarks.fleet.scale import UNRECORDED, estimate, hours, page, rates
from benchmarks.speed.record import Machine

RUNS = (
    Measured(10, 2, 10.0, 10_000, 1, 101_000, 1_000_000, 0.1, 0.2, 0.1),
    Measured(50, 2, 30.0, 50_000, 5, 105_000, 5_000_000, 0.5, 1.0, 0.5),
    Measured(100, 2, 55.0, 100_000, 10, 110_000, 10_000_000, 1.0, 2.0, 1.0),
    Measured(100, 1, 100.0, 100_000, 10, 90_000, 10_000_000, 1.0, 2.0, 1.0),
)
RECORD = Record("1.0", Machine("Linux", "fast", 2, "3.13"), RUNS)


def test_the_rates_are_those_of_the_formulas() -> None:
    known = rates(RUNS)
    assert known.lines_a_second == 1000
    assert known.left_beside_another == pytest.approx(100 / 110)
    assert (known.before, known.beside, known.behind) == (0.01, 0.02, 0.01)
    assert (known.memory, known.memory_each) == (pytest.approx(100_000), pytest.approx(100))
    assert known.output_each == 100_000


def test_the_work_is_shared_and_the_driver_is_not() -> None:
    found = estimate(rates(RUNS), 10_000, 1_000_000_000, 100, 1_000_000)
    assert found.working == pytest.approx(11_000)
    assert (found.driving, found.waiting, found.last) == (200, 200, 1000)
    assert found.seconds == pytest.approx(12_200)
    assert found.memory == pytest.approx(1_100_000)
    slow = estimate(rates(RUNS), 10_000, 1_000_000_000, 100_000, 0)
    assert slow.seconds == pytest.approx(400), "with that many workers the driver is what takes long"


def test_the_page_has_the_formulas_and_what_was_recorded(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere") is None
    assert UNRECORDED in page(None)
    save(RECORD, tmp_path / "result.json")
    assert load(tmp_path / "result.json") == RECORD
    told = page(RECORD)
    assert UNRECORDED not in told
    assert "two workers are 1.82 times as fast as one" in told
    assert "on 100 workers so take 3.4 h: 200 s" not in told
    assert "on 100 workers so take 3.4 h: 3 min before and behind the work, 3.1 h of work" in told


def test_times_are_written_for_people() -> None:
    assert [hours(seconds) for seconds in (3, 600, 9000)] == ["3 s", "10 min", "2.5 h"]


def test_a_run_is_measured(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text("answer = 42\n", encoding="utf-8")
    found = measure([tmp_path / "plain"], 1)
    assert (found.repositories, found.workers, found.lines, found.findings) == (1, 1, 1, 0)
    assert found.peak > 1000
    assert found.output > 0
    assert 0 < found.pinning + found.keeping + found.telling < found.seconds
