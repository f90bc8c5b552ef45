"""The benchmarks' own parts, without the network: manifests, the decision "found", labels, tables, time limits."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from front_ends import LEAKING, leak
from rich.console import Console

from benchmarks import linting, releases
from benchmarks.corpus import labels, measure, record
from benchmarks.corpus import table as corpus_table
from benchmarks.leakbench import __main__ as leakbench
from benchmarks.leakbench import cases, score
from benchmarks.leakbench import table as leakbench_table
from benchmarks.leakbench.runner import Results, judge
from benchmarks.linting import check_all, is_fault
from benchmarks.releases import IndexUnreachableError, Release
from leaklint.model import FileError, FileReport, Finding, Span, Step
from leaklint.project import Project

MANIFEST = cases.load()
MORE = cases.load(cases.MORE)


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def finding(case: cases.Place, *, code: str = "LKL102", cache: str = "self.other", line: int = 1) -> Finding:
    span = Span(line, 0, line, 1)
    return msgspec.structs.replace(leak(case.path), code=code, cache=cache, span=span, trace=())


def test_leakbench_has_the_cases_and_each_once() -> None:
    assert (len(MANIFEST.leaks), len(MANIFEST.look_alikes)) == (22, 9)
    assert (len(MORE.leaks), len(MORE.look_alikes)) == (22, 0)
    every = [*MANIFEST.leaks, *MANIFEST.look_alikes, *MORE.leaks]
    assert len({case.id for case in every}) == len(every)


@pytest.mark.parametrize("case", [*MANIFEST.leaks, *MANIFEST.look_alikes, *MORE.leaks], ids=lambda case: case.id)
def test_a_case_says_where_and_why(case: cases.Place) -> None:
    assert case.path.endswith(".py")
    assert not Path(case.path).is_absolute()
    assert case.line > 0
    assert case.link.startswith("https://")
    assert case.mapping.isidentifier()
    assert case.note


def test_a_release_is_fetched_once_and_never_before_and_after_at_once() -> None:
    assert len(set(MANIFEST.releases())) == len(MANIFEST.releases())
    assert all(leak.leaking != leak.fixed for leak in MANIFEST.leaks)


def test_the_corpus_pins_its_releases() -> None:
    pinned = measure.load()
    assert len({release.package for release in pinned}) == len(pinned) == 24
    assert all(release.version[0].isdigit() for release in pinned)
    assert [release.package for release in measure.load(("mcp", "aiohttp"))] == ["mcp", "aiohttp"]
    with pytest.raises(KeyError, match="nothing"):
        measure.load(("nothing",))


CASE = msgspec.structs.replace(MANIFEST.leaks[0], mapping="__spans", line=7)


@pytest.mark.parametrize("cache", ["self._spans", "spans", "other.__spans", "type(self)._spans"])
def test_a_finding_on_the_mapping_tells_of_the_leak(cache: str) -> None:
    assert cases.told_by([finding(CASE, cache=cache)], CASE, CASE.path, by_line=False) == "LKL102"


def test_a_finding_on_the_line_tells_of_the_leak_where_lines_count() -> None:
    at_line = finding(CASE, line=7)
    assert cases.told_by([at_line], CASE, CASE.path, by_line=True) == "LKL102"
    assert cases.told_by([at_line], CASE, CASE.path, by_line=False) is None


def test_a_step_on_the_line_tells_of_the_leak_only_in_the_same_file() -> None:
    step = Step(CASE.path, Span(7, 0, 7, 1), "inserted")
    with_step = msgspec.structs.replace(finding(CASE), trace=(step,))
    assert cases.told_by([with_step], CASE, CASE.path, by_line=True) == "LKL102"
    assert cases.told_by([with_step], CASE, "elsewhere.py", by_line=True) is None


def test_another_mapping_on_another_line_tells_nothing() -> None:
    assert cases.told_by([finding(CASE, cache="self._spans_by_name")], CASE, CASE.path, by_line=True) is None


LEAK = next(leak for leak in MANIFEST.leaks if leak.fixed)
ALIKE = MANIFEST.look_alikes[0]
SMALL = cases.Manifest((LEAK,), (ALIKE,))


def results(before: tuple[Finding, ...] = (), after: tuple[Finding, ...] = (), error: str = "") -> Results:
    assert LEAK.fixed is not None
    errors = (FileError(ALIKE.path, error),) if error else ()
    reports = {
        (LEAK.release(LEAK.leaking), LEAK.path): FileReport(LEAK.path, before),
        (LEAK.release(LEAK.fixed), LEAK.path): FileReport(LEAK.path, after),
        (ALIKE.release(ALIKE.version), ALIKE.path): FileReport(ALIKE.path, (), errors),
    }
    return judge(SMALL, reports, {"LKL102"})


def test_a_mode_counts_its_own_rules_only() -> None:
    made = results(before=(finding(LEAK, code="LKL201", cache=LEAK.mapping),))
    assert [score.score(made, mode).found for mode in score.MODES] == [0, 1]
    assert "missed" in printed(leakbench_table.table(made))
    assert "LKL201" in printed(leakbench_table.table(made))


def test_rules_of_neither_mode_count_nowhere() -> None:
    made = results(before=(finding(LEAK, code="LKL202", cache=LEAK.mapping),))
    assert [score.score(made, mode).found for mode in score.MODES] == [0, 0]


def test_an_alarm_after_the_fix_is_false() -> None:
    made = results(after=(finding(LEAK, cache=LEAK.mapping),))
    assert score.score(made, "default").alarms_after_fix == 1
    assert "false alarm LKL102" in printed(leakbench_table.table(made))


def test_a_file_that_cannot_be_checked_is_told() -> None:
    made = results(error="took too long")
    assert score.score(made, "default").faults == 1
    assert "took too long" in printed(leakbench_table.table(made))
    assert "1 could not be checked" in leakbench_table.totals(score.record_of(made))[0]


def test_a_missing_file_is_no_silence() -> None:
    made = judge(SMALL, {}, {"LKL102"})
    assert made.leaks[0].before.fault == "no such file in the release"
    assert made.leaks[0].after is None


@pytest.mark.parametrize(
    ("now", "is_worse"),
    [
        (results(before=(finding(LEAK, cache=LEAK.mapping),)), False),
        (results(), True),
        (
            results(before=(finding(LEAK, cache=LEAK.mapping),), after=(finding(LEAK, cache=LEAK.mapping),)),
            True,
        ),
        (results(before=(finding(LEAK, cache=LEAK.mapping),), error="died"), True),
    ],
    ids=["same", "missed", "alarm", "fault"],
)
def test_a_run_is_held_to_the_recorded_one(now: Results, is_worse: bool, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    score.save(score.record_of(results(before=(finding(LEAK, cache=LEAK.mapping),))), path)
    recorded = score.load(path)
    assert recorded is not None
    assert score.is_worse(score.record_of(now), recorded) is is_worse


def test_what_moved_is_told_by_name() -> None:
    found = score.record_of(results(before=(finding(LEAK, cache=LEAK.mapping),)))
    moved = score.changes(score.record_of(results()), found)
    assert moved == [f"{LEAK.id} (default): LKL102 became missed", f"{LEAK.id} (extended): LKL102 became missed"]
    assert score.changes(found, found) == []


def test_the_recorded_result_is_of_these_cases() -> None:
    recorded = score.load()
    if recorded is not None:
        assert set(recorded.leaks) == {leak.id for leak in MANIFEST.leaks}


def test_the_labels_are_valid_and_of_the_corpus() -> None:
    known = labels.load()
    assert len({(*label._identity(), label.key) for label in known}) == len(known)
    assert {label.package for label in known} <= {release.package for release in measure.load()}
    assert all(label.why for label in known)


SUBJECT = labels.Subject("pool", "pool/core.py", "LKL102", "Pool.get", "self._pool", "name")
LABEL = labels.Label("pool", "pool/core.py", "LKL102", "Pool.get", "self._pool", "real", "It grows.")


def test_a_label_finds_its_finding_on_any_line() -> None:
    judged = labels.judge([SUBJECT], [LABEL], ["pool"])
    assert judged.verdicts == ((SUBJECT, "real"),)
    assert (judged.new, judged.gone) == ((), ())


@pytest.mark.parametrize("field", ["package", "path", "code", "symbol", "cache"])
def test_another_finding_is_new_and_the_label_gone(field: str) -> None:
    other = msgspec.structs.replace(SUBJECT, **{field: "another"})
    judged = labels.judge([other], [LABEL], ["pool", "another"])
    assert (judged.new, judged.gone) == ((other,), (LABEL,))


def test_a_label_of_a_package_that_was_not_checked_is_not_gone() -> None:
    assert labels.judge([], [LABEL], ["another"]).gone == ()


def test_a_label_with_the_key_goes_before_one_without() -> None:
    keyed = msgspec.structs.replace(LABEL, key="name", verdict="harmless")
    judged = labels.judge([SUBJECT, msgspec.structs.replace(SUBJECT, key="other")], [LABEL, keyed], ["pool"])
    assert [verdict for _, verdict in judged.verdicts] == ["harmless", "real"]


def test_a_stub_is_a_label_but_for_the_verdict() -> None:
    text = labels.stub(msgspec.structs.replace(SUBJECT, cache='self._pool["é"]'))
    completed = text.replace('verdict = ""', 'verdict = "real"').replace('why = ""', 'why = "It grows."')
    (label,) = msgspec.toml.decode(completed, type=labels.Labels).label
    assert label.cache == 'self._pool["é"]'
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(text, type=labels.Labels)


def test_precision_is_the_share_of_real_leaks_among_the_labelled() -> None:
    counts = {"real": 3, "harmless": 1, "false-alarm": 1, "unlabelled": 5}
    assert record.precision([counts]) == 0.6
    assert record.precision([counts, {"real": 5}]) == 0.8
    assert record.precision([{"unlabelled": 5}]) is None
    line = next(
        line
        for line in printed(corpus_table.precision_table({"LKL102": counts}, {"LKL102"})).splitlines()
        if "LKL102" in line
    )
    assert line.replace("│", "").split() == ["LKL102", "10", "3", "1", "1", "5", "60%"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "leaking.py").write_text(LEAKING, encoding="utf-8")
    (tmp_path / "pool" / "broken.py").write_text("def\n", encoding="utf-8")
    return tmp_path


def test_a_package_is_measured_and_recorded(project: Path, tmp_path: Path) -> None:
    measured = measure.measure(Release("pool", "1.0"), project, jobs=1, seconds=60)
    assert measured.lines == LEAKING.count("\n") + 1
    (subject,) = measured.subjects
    assert (subject.path, subject.code, subject.cache) == ("pool/leaking.py", "LKL101", "self._clients")
    assert [measured.shown(error.path) for error in measured.errors] == ["pool/broken.py"]
    judged = labels.judge(measured.subjects, [], ["pool"])
    counted = record.package_record(measured, judged)
    assert (counted.files, counted.unreadable, counted.faults) == (2, 1, 0)
    assert counted.findings == {"LKL101": {"unlabelled": 1}}
    path = tmp_path / "result.json"
    record.save({"pool": counted}, path)
    record.save({"other": counted}, path)
    kept = record.load(path)
    assert kept is not None
    assert list(kept.packages) == ["other", "pool"]
    assert "pool" in printed(corpus_table.packages_table(kept.packages))
    assert measure.slowest([measured], 1)[0][1].startswith("pool: pool/")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer on this system")
def test_a_file_that_takes_too_long_is_named_and_the_rest_is_checked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_file = linting.check_file

    def slowly(found: object, *, project: object) -> object:
        if str(found.path).endswith("broken.py"):  # type: ignore[attr-defined]
            time.sleep(30)
        return check_file(found, project=project)  # type: ignore[arg-type]

    monkeypatch.setattr(linting, "check_file", slowly)
    slow, other = check_all(project, sorted(project.rglob("*.py")), jobs=1, seconds=1)
    assert [error.message for error in slow.report.errors] == ["took longer than 1 seconds"]
    assert is_fault(slow.report.errors[0])
    assert 1 <= slow.seconds < 10
    assert len(other.report.findings) == 1


def test_only_leaklints_own_faults_are_faults() -> None:
    assert is_fault(FileError("a.py", "internal error, please report it: KeyError: 1 (flow.py:1)"))
    assert not is_fault(FileError("a.py", "invalid syntax", 1, 1))


def test_a_wheel_gives_its_python_files_only(tmp_path: Path) -> None:
    wheel = tmp_path / "pool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pool/core.py", "core = 1\n")
        archive.writestr("pool/data.json", "{}")
        archive.writestr("../outside.py", "outside = 1\n")
    releases.unpack(wheel, tmp_path / "files")
    assert [path.name for path in tmp_path.rglob("*") if path.suffix in (".py", ".json")] == ["core.py"]


def test_a_release_is_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    wheel = tmp_path / "pool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pool/core.py", "core = 1\n")
    folder = tmp_path / "cache" / "pool-1.0"
    releases.unpack(wheel, folder)
    assert Project().home(str(folder / "pool" / "core.py")).root == str(folder)


def test_a_source_archive_is_unpacked_without_its_top_folder(tmp_path: Path) -> None:
    path = tmp_path / "pool-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("pool-1.0/src/pool.py")
        member.size = len(b"pool = 1\n")
        archive.addfile(member, io.BytesIO(b"pool = 1\n"))
    releases.unpack(path, tmp_path / "files")
    assert (tmp_path / "files" / "src" / "pool.py").read_text(encoding="utf-8") == "pool = 1\n"


PIP_SAID = """\
WARNING: Retrying
ERROR: Could not find a version that satisfies the requirement
ERROR: No matching distribution found for pool==1.0
"""


def test_an_index_that_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", PIP_SAID + "WARNING: You should upgrade pip\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        IndexUnreachableError, match=r"hand out pool 1\.0: No matching distribution found for pool==1\.0$"
    ):
        releases.fetch(Release("pool", "1.0"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    done = CliRunner().invoke(leakbench.main, ["--cache", str(tmp_path)])
    assert done.exit_code == 2
    assert done.output.startswith("leakbench: the package index did not hand out ")
    assert len(done.output.splitlines()) == 1


def test_a_cached_release_needs_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pool-1.0").mkdir()
    monkeypatch.setattr(sys, "executable", "nothing")
    assert releases.fetch(Release("pool", "1.0"), tmp_path) == tmp_path / "pool-1.0"
