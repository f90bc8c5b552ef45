"""The speed benchmark's own parts, without the network: programs, rounds, ratios, fits, tables, processes."""

from __future__ import annotations

import ast
import itertools
import math
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.releases import IndexUnreachableError
from benchmarks.speed import __main__ as speed
from benchmarks.speed import growth, page, programs, record, rounds
from benchmarks.speed.commands import EVEN_SLOW_ONES, START, Command, checks
from benchmarks.speed.comparisons import CHECKING, STARTING, Comparison
from benchmarks.speed.environments import TOOLS, NotInstalledError, identity
from benchmarks.speed.growth import Grown, Timing
from benchmarks.speed.plot import draw
from benchmarks.speed.process import ProcessFailedError, Usage, environment, middle, run
from benchmarks.speed.subjects import Subject, subject
from leaklint.analyze import check
from leaklint.source import decode

every_dimension = pytest.mark.parametrize("dimension", programs.DIMENSIONS, ids=lambda one: one.program.__name__)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell what a process cost")


def codes(text: str) -> set[str]:
    return {finding.code for finding in check(decode("program.py", text.encode())).findings}


@every_dimension
def test_a_leaking_program_leaks_and_a_nearly_leaking_one_does_not(dimension: programs.Dimension) -> None:
    size = min(dimension.smallest, 4)
    assert codes(dimension.program(size, True)) & {"LKL101", "LKL104"}
    assert codes(dimension.program(size, False)) == set()


@every_dimension
def test_a_dimension_doubles_five_times_and_stays_python(dimension: programs.Dimension) -> None:
    sizes = dimension.sizes(growth.DOUBLINGS)
    assert [later / earlier for earlier, later in itertools.pairwise(sizes)] == [2] * 5
    for is_leaking in (False, True):
        lengths = [len(dimension.program(size, is_leaking)) for size in sizes]
        assert lengths == sorted(set(lengths))
        ast.parse(dimension.program(sizes[-1], is_leaking))


@pytest.mark.parametrize("dimension", [one for one in programs.DIMENSIONS if not one.is_limited], ids=lambda d: d.title)
def test_a_megabyte_is_a_megabyte(dimension: programs.Dimension) -> None:
    length = len(dimension.program(programs.megabyte(dimension), True))
    assert programs.MEGABYTE <= length < 1.1 * programs.MEGABYTE


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_the_exponent_of_a_power_is_its_own(power: float) -> None:
    assert growth.exponent([(size, 3 * size**power) for size in (4, 8, 16, 32)]) == pytest.approx(power)


def grown(*seconds: float | None) -> Grown:
    return Grown("functions", True, tuple(Timing(2 ** (3 + place), 100, one) for place, one in enumerate(seconds)))


def test_growth_is_held_to_n_log_n() -> None:
    sizes = [2**place for place in range(3, 9)]
    assert grown(*(size * math.log2(size) for size in sizes)).is_met
    assert grown(*(1.0 for _ in sizes)).is_met
    assert not grown(*(size**1.6 for size in sizes)).is_met


def test_growth_is_judged_by_the_largest_sizes() -> None:
    flat_then_steep = grown(1.0, 1.0, 1.0, 4.0, 16.0, 64.0)
    assert flat_then_steep.exponent == pytest.approx(2.0)
    assert not flat_then_steep.is_met


@pytest.mark.parametrize("stopped", [grown(1.0, 2.0, None), grown(None), grown(1.0, None), grown()])
def test_a_program_that_was_stopped_is_missed(stopped: Grown) -> None:
    assert not stopped.is_met


def test_the_middle_is_the_median_of_each_number() -> None:
    runs = [Usage(1.0, 30.0, 5.0), Usage(2.0, 10.0, 5.0), Usage(9.0, 20.0, 8.0)]
    assert middle(runs) == Usage(2.0, 20.0, 5.0)
    assert middle(runs[:2]) == Usage(1.5, 20.0, 5.0)


RATIO = Comparison("ours : theirs", "ours", "theirs", 2.0)
USAGES = {"ours": Usage(4.0, 3.0, 100.0), "theirs": Usage(2.0, 6.0, 50.0)}


def test_a_comparison_makes_its_number() -> None:
    assert RATIO.number(USAGES) == 2.0
    assert msgspec.structs.replace(RATIO, quantity="wall").number(USAGES) == 0.5
    assert msgspec.structs.replace(RATIO, kind="difference").number(USAGES) == 2.0
    peak = msgspec.structs.replace(RATIO, against=None, kind="amount", quantity="peak_mib")
    assert peak.number(USAGES) == 100.0


@pytest.mark.parametrize("missing", ["ours", "theirs"])
def test_what_was_not_measured_has_no_number(missing: str) -> None:
    assert RATIO.number({name: usage for name, usage in USAGES.items() if name != missing}) is None
    assert RATIO.number({**USAGES, "theirs": Usage(0.0, 0.0, 0.0)}) is None


def test_a_bound_holds_from_above_or_from_below() -> None:
    least = msgspec.structs.replace(RATIO, is_least=True)
    assert [RATIO.is_met(number) for number in (1.9, 2.0, 2.1)] == [True, True, False]
    assert [least.is_met(number) for number in (1.9, 2.0, 2.1)] == [False, True, True]


SUBJECT = Subject("pool 1.0", (Path("pool"),), 3, 500)


def tools() -> dict[str, Path]:
    return {tool: Path("environments", tool) for tool in TOOLS}


def named(one: Subject, tmp_path: Path, *, is_patient: bool = False) -> set[str]:
    return {command.name for command in checks(one, tools(), tmp_path, is_patient=is_patient)}


def test_every_comparison_is_of_commands_that_are_run(tmp_path: Path) -> None:
    for comparison in CHECKING:
        assert {comparison.command, comparison.against} <= {*named(SUBJECT, tmp_path), None}
    starting = {command.name for command in speed.starts(tools(), tmp_path)}
    assert all({comparison.command, comparison.against} <= starting for comparison in STARTING)


def test_what_takes_minutes_is_left_out_on_much_code_unless_asked_for(tmp_path: Path) -> None:
    large = msgspec.structs.replace(SUBJECT, lines=EVEN_SLOW_ONES + 1)
    assert named(SUBJECT, tmp_path) - named(large, tmp_path) == {"fixit"}
    assert named(large, tmp_path, is_patient=True) == named(SUBJECT, tmp_path)


def test_a_cache_is_filled_before(tmp_path: Path) -> None:
    cached = [one for one in checks(SUBJECT, tools(), tmp_path, is_patient=False) if one.fills_a_cache]
    assert {command.name for command in cached} == {"ruff, cached", "leaklint, cached"}
    assert all("--no-cache" not in command.line for command in cached)


def test_every_command_line_is_tried_on_a_small_file(tmp_path: Path) -> None:
    for command in checks(SUBJECT, tools(), tmp_path, is_patient=False):
        assert command.trial[:-1] == command.line[: -len(SUBJECT.folders)]
        assert Path(command.trial[-1]).read_text(encoding="utf-8")
        assert not command.exits & command.partly


def a_command(name: str) -> Command:
    return Command(name, "pool", (name,), Path())


def measured(monkeypatch: pytest.MonkeyPatch, takes: dict[str, float], rounds_: int, seconds: float) -> list[str]:
    """The order in which commands are run that take so long."""
    order: list[str] = []
    now = 0.0

    def fake(line: tuple[str, ...], **_: object) -> Usage:
        nonlocal now
        order.append(line[0])
        now += takes[line[0]]
        return Usage(takes[line[0]], takes[line[0]], 1.0)

    monkeypatch.setattr(rounds, "run", fake)
    commands = [a_command(name) for name in takes]
    runs = rounds.measure(commands, rounds_, seconds, lambda _: None, lambda: now)
    assert {name: len(done) for (_, name), done in runs.items()} == {name: order.count(name) for name in takes}
    return order


def test_trials_come_first_and_a_cache_is_filled_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def fake(line: tuple[str, ...], **_: object) -> Usage:
        order.append(line[0])
        return Usage(1.0, 1.0, 1.0)

    monkeypatch.setattr(rounds, "run", fake)
    cached = msgspec.structs.replace(a_command("cached"), trial=("cached?",), fills_a_cache=True)
    runs = rounds.measure([a_command("a"), cached], 1, 0.0, lambda _: None)
    assert order == ["cached?", "cached", "a", "cached"]
    assert {name: len(done) for (_, name), done in runs.items()} == {"a": 1, "cached": 1}


def test_commands_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, {"a": 1, "b": 1}, 3, 100) == ["a", "b"] * 3


def test_the_first_round_is_whole_and_later_ones_have_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, {"a": 1, "slow": 50}, 3, 10) == ["a", "slow"]
    assert measured(monkeypatch, {"a": 1, "slow": 50}, 3, 60) == ["a", "slow", "a", "a"]


def a_record(*costs: record.Cost, growth: tuple[Grown, ...] = ()) -> record.Record:
    machine = record.Machine("Linux", "a processor", 2, "3.13.0")
    return record.Record(machine, {"ruff": "1.0"}, {"pool": record.Read(3, 500)}, costs, growth, ())


def cost(command: str, cpu: float, name: str = "pool") -> record.Cost:
    return record.Cost(name, command, 3, Usage(cpu, cpu, 100.0))


def line_of(text: str, words: str) -> list[str]:
    return next([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if words in line)


def test_a_missed_target_is_said_plainly() -> None:
    text = page.page(a_record(cost("leaklint", 8.0), cost("ruff", 1.0), growth=(grown(1.0, None),)))
    assert "**2 of 3 targets are missed:**\n\n- pool, leaklint : ruff\n- growth, functions, leaking\n" in text
    assert line_of(text, "| leaklint : ruff |") == ["pool", "leaklint : ruff", "8.00", "≤ 5, aim 2", "**missed**"]
    assert line_of(text, "MiB |")[2:] == ["100", "≤ 400", "met"]
    assert line_of(text, "pylint with")[2:] == ["", "≤ 0.05", "not measured"]
    assert "1.00, stopped" in text


def test_what_was_not_done_is_said() -> None:
    partly = record.Cost("pool", "leaklint", 1, Usage(1.0, 1.0, 1.0, "core.py: error: no"))
    assert "Not all files were done:\n\n- pool, leaklint: `core.py: error: no`\n" in page.page(a_record(partly))
    assert "Not all files" not in page.page(a_record(cost("leaklint", 1.0)))


def test_where_all_is_well_that_is_said() -> None:
    text = page.page(a_record(cost("leaklint --version", 1.0, START), cost("import click", 1.0, START)))
    assert text.count("All 1 targets are met.") == 1
    assert line_of(text, "import click` |")[2:] == ["1.00", "≤ 1.3", "met"]


def test_without_a_measurement_the_page_says_how_to_get_one() -> None:
    assert "make bench" in page.page(None)


def test_a_table_is_aligned() -> None:
    assert page.table(("a", "b"), [("1", "2")], "lr") == "| a | b |\n|---|--:|\n| 1 | 2 |\n"


@pytest.mark.parametrize(
    ("number", "written"), [(1234.5, "1,234"), (56.78, "56.8"), (1.049, "1.05"), (0.0312, "0.031"), (0.0, "0.000")]
)
def test_three_digits_count(number: float, written: str) -> None:
    assert page.digits(number) == written


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = a_record(cost("leaklint", 8.0), growth=(grown(1.0, None),))
    assert record.load(tmp_path / "result.json") is None
    record.save(made, tmp_path / "result.json")
    assert record.load(tmp_path / "result.json") == made
    assert record.this_machine().processors >= 1


def test_the_picture_of_the_same_numbers_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "other.svg"):
        draw((grown(1.0, 2.5, None), grown(None)), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert b"<svg" in (tmp_path / "one.svg").read_bytes()


def test_a_subject_is_counted(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "core.py").write_text("core = 1\n\n", encoding="utf-8")
    (tmp_path / "pool" / "notes.txt").write_text("\n", encoding="utf-8")
    counted = subject("pool", (tmp_path,))
    assert (counted.files, counted.lines) == (1, 2)


BURN = "import time\nwhile time.process_time() < 0.3: pass"
LEAVE = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN!r}])"


@posix_only
def test_a_process_is_charged_with_its_work(tmp_path: Path) -> None:
    used = run((sys.executable, "-c", BURN), cwd=tmp_path, exits=frozenset((0,)))
    assert 0.3 <= used.cpu < 10
    assert used.wall >= 0.3
    assert 1 < used.peak_mib < 1000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to another parent")
def test_a_process_is_charged_with_what_it_leaves_behind(tmp_path: Path) -> None:
    assert run((sys.executable, "-c", LEAVE), cwd=tmp_path, exits=frozenset((0,))).cpu >= 0.3


@posix_only
def test_a_process_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError, match="ended with 3 and said: nothing"):
        run((sys.executable, "-c", "raise SystemExit(3)"), cwd=tmp_path, exits=frozenset((0,)))
    complaint = "import sys; print('one', 'two', sep=chr(10), file=sys.stderr); raise SystemExit(2)"
    used = run((sys.executable, "-c", complaint), cwd=tmp_path, exits=frozenset((0,)), partly=frozenset((2,)))
    assert used.complaint == "two"
    with pytest.raises(ProcessFailedError, match=r"could not be run: .*nowhere"):
        run((str(tmp_path / "nowhere"),), cwd=tmp_path, exits=frozenset((0,)))


def test_the_users_shell_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "src")
    monkeypatch.setenv("RUFF_NO_CACHE", "1")
    monkeypatch.setenv("PYLINTHOME", "there")
    kept = environment({"PYLINTHOME": "here"})
    assert kept["PYLINTHOME"] == "here"
    assert not {"PYTHONPATH", "RUFF_NO_CACHE"} & kept.keys()
    assert "PATH" in kept


def test_an_environment_is_named_after_what_is_in_it() -> None:
    assert identity(("ruff==1.0",)) == identity(("ruff==1.0",)) != identity(("ruff==1.1",))
    assert all("==" in requirement for wanted in TOOLS.values() for requirement in wanted)


@posix_only
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs an environment to take the Python from")
def test_a_program_is_timed_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = programs.DIMENSIONS[0]
    timing = growth.time_program(Path(sys.prefix), tmp_path, classes, 2, is_leaking=True)
    assert (timing.size, timing.findings, timing.given_up) == (2, 2, 0)
    assert timing.seconds is not None
    monkeypatch.setattr(growth, "_SPARE", 1 - growth.LONGEST)
    assert growth.time_program(Path(sys.prefix), tmp_path, classes, 1600, is_leaking=True).seconds is None


@posix_only
@pytest.mark.parametrize("error", [IndexUnreachableError, NotInstalledError, ProcessFailedError])
def test_what_goes_wrong_is_one_line_and_nothing_is_written(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("no")

    monkeypatch.setattr(speed, "_measured", fail)
    monkeypatch.setattr(record, "save", pytest.fail)
    done = CliRunner().invoke(speed.main, [])
    assert (done.exit_code, done.output) == (2, "speed: no\n")
