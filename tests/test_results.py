"""Kept results: taken where nothing has changed, and only there; whatever is in their files, findings stay true."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from leaklint import results as results_module
from leaklint.basis import digest
from leaklint.cli import main
from leaklint.results import ENDING, MOST_PROJECTS, clean
from tests.front_ends import CLEAN, LEAKING, environment, leaking_file, run_module

BASE = """\
class Base:
    def _keep(self, key, value):
        self._open[key] = value

    def _drop(self, key):
        self._open.pop(key, None)
"""
DERIVED = """\
from pool import Base


class Pool(Base):
    def __init__(self):
        self._open = {}

    def run(self, key, work):
        self._keep(key, work)
        work.start(key)
        self._drop(key)
"""
JOBS = """\
import threading
import uuid


class Jobs:
    def __init__(self):
        self._lock = threading.Lock()
        self._jobs = {}

    def submit(self, job):
        number = uuid.uuid4().hex
        with self._lock:
            self._jobs[number] = job
        return job.run(number)
"""
HARMLESS = BASE.replace("self._open.pop(key, None)", "return None")


def check(folder: Path, *arguments: str, **extra: str) -> tuple[int, object]:
    done = run_module("leaklint", "check", "-q", "-j1", "--format", "json", *arguments, cwd=folder, **extra)
    return done.returncode, json.loads(done.stdout)


def files_of(cache: Path) -> list[Path]:
    return sorted(cache.glob(f"*{ENDING}"))


def explode(*_: object, **__: object) -> None:
    raise AssertionError("analysed again")


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Check the folder in this process; optionally with an analysis that must not be asked."""
    from leaklint import analyze

    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str, is_known: bool = False, command: str = "check") -> str:
        with pytest.MonkeyPatch.context() as patch:
            if is_known:
                patch.setattr(analyze, "check", explode)
            done = CliRunner().invoke(main, [command, "-q", "-j1", "--format", "json", *arguments])
        return done.stdout

    return ask


def test_nothing_is_analysed_twice(tmp_path: Path, in_process) -> None:
    leaking_file(tmp_path)
    (tmp_path / "clean.py").write_text(CLEAN)
    cold = in_process()
    assert "LKL101" in cold
    assert in_process(is_known=True) == cold
    assert "internal error" in in_process("--no-cache", is_known=True)


def test_where_all_is_known_the_analysis_is_not_even_loaded(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    arguments = ["check", "-q", "--exit-zero", "--format", "concise", "."]
    at_the_end = "atexit.register(lambda: print(*sys.modules))"
    code = f"import atexit, sys\nfrom leaklint.cli import main\n{at_the_end}\nmain({arguments})"
    command = [sys.executable, "-c", code]
    runs = (subprocess.check_output(command, cwd=tmp_path, env=environment(), text=True) for _ in range(2))
    cold, warm = (run.strip().split("\n") for run in runs)
    assert cold[:-1] == warm[:-1]
    assert "LKL101" in cold[0]
    heavy = {"leaklint.analyze", "leaklint.flow", "leaklint.project", "leaklint.run", "rich"}
    assert heavy - {"rich"} <= set(cold[-1].split())
    assert not heavy & set(warm[-1].split())


def test_a_changed_file_is_analysed_again(tmp_path: Path, in_process) -> None:
    path = leaking_file(tmp_path)
    assert "LKL101" in in_process()
    old = path.stat()
    path.write_text(LEAKING.replace("_r{index}", "_r").replace('f"{state_id}_r"', "state_id"))
    assert "LKL101" not in in_process()
    path.write_text(LEAKING)
    os.utime(path, ns=(old.st_mtime_ns, old.st_mtime_ns))
    assert "LKL101" in in_process()


def test_a_file_that_was_only_touched_is_known(tmp_path: Path, in_process) -> None:
    path = leaking_file(tmp_path)
    cold = in_process()
    os.utime(path, ns=(1, 1))
    assert in_process(is_known=True) == cold


def test_other_settings_are_another_result(tmp_path: Path, in_process) -> None:
    leaking_file(tmp_path)
    assert "LKL101" in in_process()
    assert "LKL101" not in in_process("--ignore", "LKL101")
    (tmp_path / "pyproject.toml").write_text('[tool.leaklint]\nignore = ["LKL101"]\n')
    assert "LKL101" not in in_process()


@pytest.mark.parametrize("change", ["edited", "removed", "added", "shadowed"])
def test_what_a_result_rests_on_in_other_files_is_asked_again(tmp_path: Path, change: str, in_process) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "derived.py").write_text(DERIVED)
    base = tmp_path / "pool.py"
    if change != "added":
        base.write_text(BASE)
    before = in_process()
    match change:
        case "edited":
            base.write_text(HARMLESS)
        case "removed":
            base.unlink()
        case "added":
            base.write_text(BASE)
        case "shadowed":
            (tmp_path / "pool").mkdir()
            (tmp_path / "pool" / "__init__.py").write_text(HARMLESS)
    after = in_process()
    assert after == in_process("--no-cache")
    assert _codes(after) != _codes(before)


def _codes(report: str) -> list[str]:
    return [finding["code"] for finding in json.loads(report)["findings"]]


def test_an_eviction_that_comes_in_an_unrelated_file_is_seen(tmp_path: Path, in_process) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "jobs.py").write_text(JOBS)
    before = in_process()
    (tmp_path / "sweeper.py").write_text("def sweep(board, number):\n    board._jobs.pop(number, None)\n")
    after = in_process()
    assert json.loads(after)["findings"] == json.loads(in_process("--no-cache"))["findings"]
    assert json.loads(before)["findings"] != json.loads(after)["findings"]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "directory", "another"])
def test_garbage_counts_as_nothing(tmp_path: Path, own_cache: Path, damage: str, in_process) -> None:
    leaking_file(tmp_path)
    cold = in_process()
    (place,) = files_of(own_cache)
    data = place.read_bytes()
    match damage:
        case "empty":
            place.write_bytes(b"")
        case "cut":
            place.write_bytes(data[: len(data) // 2])
        case "flipped":
            place.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        case "text":
            place.write_text("not a table")
        case "directory":
            place.unlink()
            place.mkdir()
        case "another":
            payload = b"\x93\x01\x02\x03"
            place.write_bytes(digest(payload).encode() + payload)
    assert in_process() == cold


def test_any_flipped_byte_is_noticed(tmp_path: Path, own_cache: Path, in_process) -> None:
    leaking_file(tmp_path)
    cold = in_process()
    (place,) = files_of(own_cache)
    data = place.read_bytes()
    for position in random.Random(1).sample(range(len(data)), 20):
        place.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        assert in_process() == cold


def test_results_of_another_leaklint_are_not_taken(tmp_path: Path, in_process, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking_file(tmp_path)
    in_process()
    monkeypatch.setattr(results_module, "__version__", "0.0.0")
    assert "analysed again" in in_process(is_known=True)


def test_no_cache_neither_takes_nor_keeps(tmp_path: Path, own_cache: Path, in_process) -> None:
    leaking_file(tmp_path)
    in_process("--no-cache")
    assert not files_of(own_cache)


def test_results_are_kept_where_one_says(tmp_path: Path, own_cache: Path, in_process) -> None:
    leaking_file(tmp_path)
    in_process("--cache-dir", str(tmp_path / "here"))
    assert not files_of(own_cache)
    assert files_of(tmp_path / "here")


def test_a_place_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, in_process) -> None:
    leaking_file(tmp_path)
    (tmp_path / "taken").write_text("")
    assert "LKL101" in in_process("--cache-dir", str(tmp_path / "taken" / "below"))


def test_clean_removes_results_and_nothing_else(tmp_path: Path, own_cache: Path, in_process) -> None:
    leaking_file(tmp_path)
    in_process()
    (own_cache / "other").write_text("")
    clean(str(own_cache))
    assert [path.name for path in own_cache.iterdir()] == ["other"]
    (own_cache / "other").unlink()
    clean(str(own_cache))
    assert not own_cache.exists()
    clean(str(own_cache))


def test_the_command_says_what_it_removed_and_from_where(tmp_path: Path, own_cache: Path, in_process) -> None:
    leaking_file(tmp_path)
    in_process()
    done = CliRunner().invoke(main, ["clean"])
    assert (done.exit_code, done.stderr) == (0, f"Removed the results from {own_cache}\n")
    again = CliRunner().invoke(main, ["clean", "--cache-dir", str(own_cache)])
    assert (again.exit_code, again.stderr) == (0, f"No results in {own_cache}\n")


def test_results_that_cannot_be_removed_are_named(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    place = own_cache / f"kept{ENDING}"
    place.write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        done = CliRunner().invoke(main, ["clean"])
    assert done.exit_code == 2
    assert f"cannot remove '{place}': Permission denied" in done.stderr


def test_without_a_home_there_is_nothing_to_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEAKLINT_CACHE_DIR")
    monkeypatch.setattr(results_module, "default_directory", lambda: None)
    done = CliRunner().invoke(main, ["clean"])
    assert done.exit_code == 2
    assert "name another one with --cache-dir" in done.stderr


def test_old_projects_are_dropped(tmp_path: Path, own_cache: Path, in_process) -> None:
    for number in range(MOST_PROJECTS + 5):
        place = own_cache / f"{number}{ENDING}"
        place.write_text("")
        os.utime(place, ns=(number, number))
    leaking_file(tmp_path)
    in_process()
    assert len(files_of(own_cache)) == MOST_PROJECTS
    assert not (own_cache / f"0{ENDING}").exists()


def test_a_table_that_grew_too_large_loses_the_oldest(
    tmp_path: Path, own_cache: Path, in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        leaking_file(tmp_path, f"number_{number}.py")
    monkeypatch.setattr(results_module, "MOST_BYTES", 20_000)
    cold = in_process()
    (place,) = files_of(own_cache)
    assert place.stat().st_size <= 20_000 + 32
    assert in_process() == cold


def test_fix_takes_what_is_known_to_be_clean(tmp_path: Path, in_process) -> None:
    (tmp_path / "clean.py").write_text(CLEAN)
    in_process()
    assert json.loads(in_process(command="fix", is_known=True))["findings"] == []
    path = leaking_file(tmp_path)
    in_process()
    in_process(command="fix")
    assert path.read_text() != LEAKING


def test_many_writers_and_kills_leave_whole_tables(tmp_path: Path, own_cache: Path) -> None:
    for number in range(4):
        leaking_file(tmp_path, f"number_{number}.py")
    _, cold = check(tmp_path, "--no-cache")
    command = [sys.executable, "-m", "leaklint", "check", "-q", "-j1", "--format", "json"]
    dice = random.Random(2)
    for _ in range(4):
        running = [
            subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL) for _ in range(3)
        ]
        time.sleep(dice.uniform(0.3, 1.5))
        running[0].send_signal(signal.SIGKILL)
        for process in running:
            process.wait()
        for place in files_of(own_cache):
            assert place.stat().st_size == 0 or place.read_bytes()[:32] == digest(place.read_bytes()[32:]).encode()
    assert check(tmp_path)[1] == cold
