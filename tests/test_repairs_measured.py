"""The measurement of repairs, without the network: what is repaired, counted and shown, and packages' own tests."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from front_ends import LEAKING
from rich.console import Console

from benchmarks.corpus.labels import Label
from benchmarks.leakbench import cases
from benchmarks.releases import Release
from benchmarks.repairs import __main__ as command
from benchmarks.repairs import page, record, subjects
from benchmarks.repairs.measure import STILL_THERE, Repaired, Told, outcomes, repair, settings_of
from benchmarks.repairs.own_tests import record as tests_record
from benchmarks.repairs.own_tests import trials
from benchmarks.repairs.own_tests.changed import changed_lines, changed_statements
from benchmarks.repairs.own_tests.environment import Prepared
from benchmarks.repairs.own_tests.results import Ran, moved, read_results, summed
from benchmarks.repairs.own_tests.trial import Mended, NoResultError, Tried, tried
from benchmarks.repairs.subjects import Subject
from benchmarks.repairs.table import left_table, releases_table
from leaklint.files import Found
from leaklint.work import fix_file

RELEASE = Release("pool", "1.0")

NOT_REPAIRABLE = """
class Sums:
    def __init__(self):
        self._sums = {}

    def add(self, key, work):
        self._sums[key] = 0
        work()
        if work.is_done and self._sums[key] > 3:
            print(self._sums.pop(key) + 1, work.name)
        else:
            del self._sums[key]
"""

POOL = """
class Pool:
    def __init__(self):
        self._jobs = {}

    def run(self, key, job):
        self._jobs[key] = job
        result = job()
        del self._jobs[key]
        return result
"""

POOL_TESTS = """
import pytest
from pool import Pool


def fails():
    raise ValueError


def test_result():
    assert Pool().run(1, lambda: 2) == 2


def test_error():
    with pytest.raises(ValueError):
        Pool().run(1, fails)


def test_that_has_always_failed():
    assert Pool().run(1, lambda: 2) == 3


@pytest.mark.skip
def test_skipped():
    pass
"""


def told(*, left: str | None = None, judgement: str = "real") -> Told:
    return Told("a.py", 7, "LKL102", "Pool.get", "self._pool", judgement, left)


def recorded() -> record.Record:
    findings = (told(), told(left="the key is in doubt"), told(left="no", judgement="false-alarm"))
    of_corpus = Repaired("corpus", "mcp", "2", findings)
    return record.Record("0", (of_corpus, Repaired("leakbench", "h2", "1", (told(judgement="leakbench"),))))


def release(folder: Path) -> tuple[Path, Subject]:
    (folder / "leaking.py").write_text(LEAKING, encoding="utf-8")
    (folder / "pool.py").write_text(POOL, encoding="utf-8")
    return folder, Subject("corpus", RELEASE, ("leaking.py", "pool.py"))


def test_every_leaking_release_and_every_label_of_the_codes_is_a_subject() -> None:
    loaded = subjects.load()
    assert {subject.origin for subject in loaded} == {"leakbench", "corpus"}
    assert len({(subject.origin, subject.release) for subject in loaded}) == len(loaded)
    leaking = {leak.release(leak.leaking) for leak in cases.load().leaks}
    assert {subject.release for subject in loaded if subject.origin == "leakbench"} == leaking
    assert all(subject.paths for subject in loaded)


def test_a_release_is_repaired_in_memory_and_judged_by_its_labels(tmp_path: Path) -> None:
    folder, subject = release(tmp_path)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    label = Label("pool", "pool.py", "LKL102", "Pool.run", "self._jobs", "real", "because")
    repaired = repair(subject, folder, [label], jobs=1)
    assert [(one.path, one.code, one.judgement, one.left) for one in repaired.findings] == [
        ("leaking.py", "LKL101", "unlabelled", None),
        ("pool.py", "LKL102", "real", None),
    ]
    assert not repaired.is_broken
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_finding_of_leakbench_is_real(tmp_path: Path) -> None:
    folder, _ = release(tmp_path)
    found = repair(Subject("leakbench", RELEASE, ("pool.py",)), folder, [], jobs=1)
    assert [one.judgement for one in found.findings] == ["leakbench"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n", encoding="utf-8")
    repaired = repair(Subject("corpus", RELEASE, ("broken.py",)), tmp_path, [], jobs=1)
    assert repaired.findings == ()
    assert len(repaired.errors) == 1


def test_what_is_left_has_its_reason(tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(NOT_REPAIRABLE, encoding="utf-8")
    repaired = repair(Subject("corpus", RELEASE, ("sums.py",)), tmp_path, [], jobs=1)
    assert [one.left for one in repaired.findings]
    assert all(one.left for one in repaired.findings)


def test_a_repair_that_did_not_hold_does_not_count(tmp_path: Path) -> None:
    folder, _ = release(tmp_path)
    found = Found(str(folder / "pool.py"), settings_of(str(folder)))
    outcome = fix_file(found, unsafe=False)
    pretended = msgspec.structs.replace(outcome, after=POOL.encode())
    assert [left for _, left in outcomes(found, pretended)] == [STILL_THERE]
    assert Repaired("corpus", "pool", "1", (told(left=STILL_THERE),)).is_broken


def test_shares_are_counted_by_what_is_real() -> None:
    counted = record.totals(recorded().releases)
    assert {name: str(one) for name, one in counted.items()} == {
        "LeakBench's leaking releases": "1 of 1 (100%)",
        "real leaks of the corpus": "1 of 2 (50%)",
        "real leaks of both": "2 of 3 (67%)",
        "all findings of both": "2 of 4 (50%)",
    }
    assert str(record.share([])) == "0 of 0"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert record.load(tmp_path / "none.json") is None
    record.save(recorded().releases, tmp_path / "result.json")
    loaded = record.load(tmp_path / "result.json")
    assert loaded is not None
    assert loaded.releases == recorded().releases


def test_tables_and_page_show_what_is_left() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(releases_table(recorded().releases), left_table(recorded().releases))
    assert isinstance(console.file, io.StringIO)
    for text in (console.file.getvalue(), page.shares(recorded())):
        assert "mcp 2" in text
        assert "the key is in doubt" in text
    assert "| real leaks of both | 2 | 3 | 67% | missed |" in page.shares(recorded())
    assert "Nothing is recorded yet" in page.shares(None)
    assert "Nothing is recorded yet" in page.own_tests(None)


def test_the_command_prints_shares_and_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, subject = release(tmp_path)
    monkeypatch.setattr(subjects, "load", lambda: (subject,))
    monkeypatch.setattr(command, "fetch", lambda wanted, cache: folder)
    monkeypatch.setattr(record, "RECORD", tmp_path / "result.json")
    saved: list[object] = []
    monkeypatch.setattr(record, "save", saved.append)
    done = CliRunner().invoke(command.main, ["-j", "1", "--record"])
    assert done.exit_code == 0, done.output
    assert "all findings of both: 2 of 2 (100%)" in done.output
    assert len(saved) == 1


def test_trials_name_what_they_repair() -> None:
    loaded = trials.load()
    assert len({trial.package for trial in loaded}) == len(loaded)
    assert all(trial.repaired and trial.tests for trial in loaded)
    assert trials.load(["celery"])[0].release.source
    with pytest.raises(KeyError):
        trials.load(["no-such-package"])


def test_changed_statements_are_those_that_a_repair_wrote_or_moved() -> None:
    before = "def f(a):\n    a()\n    g(\n        a,\n    )\n"
    after = "def f(a):\n    try:\n        a()\n    finally:\n        b()\n    g(\n        lambda: a,\n    )\n"
    assert changed_lines(before, after) == {2, 3, 4, 5, 7}
    assert changed_statements(before, after) == {2, 3, 5, 6}


def test_results_are_read_and_compared(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase classname='t' name='a'/>"
        "<testcase classname='t' name='b'><failure/></testcase>"
        "<testcase classname='t' name='c'><skipped/></testcase><testcase classname='t' name='a'><error/></testcase>"
        "</testsuite></testsuites>",
        encoding="utf-8",
    )
    results = read_results(report)
    assert results == {"t::a": "error", "t::b": "failed", "t::c": "skipped"}
    assert summed(results) == Ran(0, ("t::a", "t::b"), 1)
    assert moved(results, {**results, "t::b": "passed"}) == ("t::b: failed became passed",)
    assert moved({}, {"t::b": "passed"}) == ("t::b: absent became passed",)


def prepared(folder: Path, tests: str = POOL_TESTS) -> Prepared:
    source, installed = folder / "source", folder / "installed"
    for made in (source / "tests", installed):
        made.mkdir(parents=True)
    for made in (source, installed):
        (made / "pool.py").write_text(POOL, encoding="utf-8")
    (source / "tests" / "test_pool.py").write_text(tests, encoding="utf-8")
    return Prepared(source, Path(sys.executable), installed)


TRIAL = trials.Trial("pool", "1.0", "3", ("pool.py",), ("tests",), ())


def test_own_tests_run_before_and_after_the_repair_of_every_copy(tmp_path: Path) -> None:
    outcome = tried(TRIAL, prepared(tmp_path), tmp_path)
    assert outcome.repaired == (Mended("pool.py", "LKL102", "Pool.run", "self._jobs"),)
    assert outcome.moved == ()
    assert outcome.before == outcome.after
    assert (outcome.after.passed, len(outcome.after.failed), outcome.after.skipped) == (2, 1, 1)
    assert outcome.executed == outcome.changed > 0
    copies = [(tmp_path / name / "pool.py").read_text(encoding="utf-8") for name in ("source", "installed")]
    assert copies[0] == copies[1]
    assert "finally:" in copies[0]


def test_a_test_that_ends_in_another_way_is_told(tmp_path: Path) -> None:
    tests = POOL_TESTS + "\n\ndef test_source():\n    assert 'finally' not in open('pool.py').read()\n"
    outcome = tried(TRIAL, prepared(tmp_path, tests), tmp_path)
    assert outcome.moved == ("tests.test_pool::test_source: passed became failed",)
    text = page.own_tests(tests_record.Record("0", (outcome,)))
    assert "in 0 of 1 every test ended as before" in text
    assert "- pool: tests.test_pool::test_source: passed became failed" in text


def test_tests_that_do_not_run_are_no_result(tmp_path: Path) -> None:
    made = msgspec.structs.replace(TRIAL, tests=("--no-such-option",))
    with pytest.raises(NoResultError, match="no-such-option"):
        tried(made, prepared(tmp_path), tmp_path)


def test_a_trial_replaces_what_was_recorded_of_its_package(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    ran = Ran(1, (), 0)
    first, second = (Tried(name, "1", "3", (), ran, ran, (), 1, 1) for name in ("first", "second"))
    tests_record.save([second, first], path)
    tests_record.save([msgspec.structs.replace(first, executed=0)], path)
    loaded = tests_record.load(path)
    assert loaded is not None
    assert [(one.package, one.executed) for one in loaded.trials] == [("first", 0), ("second", 1)]
