import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from leaklint.demo import memory, picture, released, terminal_plot, twin, workload
from leaklint.demo.failure import DemoError
from leaklint.demo.leaklint_process import run_leaklint
from leaklint.demo.measurement import Measurement, measure
from leaklint.demo.workload import Reading

MIB = 2**20


def side(name, *readings):
    return Measurement(name, tuple(Reading(index, *reading) for index, reading in enumerate(readings)))


LEAKING = side("leaking", (0, 50 * MIB), (40, 53 * MIB), (80, 60 * MIB))
REPAIRED = side("repaired", (0, 50 * MIB), (0, 52 * MIB), (0, 52 * MIB))
SILENT_SYSTEM = side("repaired", (0, None), (0, None), (0, None))


def printed(*renderables):
    text = io.StringIO()
    Console(width=100, file=text).print(*renderables)
    return text.getvalue()


def test_the_table_has_entries_and_memory_of_both_sides():
    text = printed(terminal_plot.numbers([LEAKING, REPAIRED], (1, 2)))
    rows = [line.replace("│", " ").split() for line in text.splitlines() if line.startswith("│")]
    assert rows == [
        ["1", "40", "0", "53.0", "MiB", "52.0", "MiB"],
        ["2", "80", "0", "60.0", "MiB", "52.0", "MiB"],
    ]


def test_the_table_says_so_where_the_memory_is_unknown():
    assert "unknown" in printed(terminal_plot.numbers([SILENT_SYSTEM, SILENT_SYSTEM], (1,)))


def test_bars_are_as_long_as_their_numbers():
    text = printed(terminal_plot.bars("Entries", [LEAKING, REPAIRED], (1, 2), Measurement.entries))
    lengths = [line.count("█") for line in text.splitlines()[1:]]
    assert lengths == [20, 0, 40, 0]


def test_growth_counts_from_before_the_first_batch():
    assert [LEAKING.grown_mebibytes(batch) for batch in (1, 2)] == [3, 10]
    assert SILENT_SYSTEM.grown_mebibytes(2) == 0


@pytest.mark.parametrize("repaired", [REPAIRED, SILENT_SYSTEM])
@pytest.mark.parametrize(("suffix", "first_bytes"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_picture_is_drawn(tmp_path, repaired, suffix, first_bytes):
    path = tmp_path / f"plot.{suffix}"
    picture.draw([LEAKING, repaired], path)
    assert path.read_bytes().startswith(first_bytes)


def test_resident_memory_follows_what_is_allocated():
    before = memory.resident_bytes()
    ballast = b"x" * (64 * MIB)
    after = memory.resident_bytes()
    assert before is not None
    assert after is not None
    assert 32 * MIB < after - before < 128 * MIB
    del ballast


def test_resident_memory_without_proc_is_what_ps_says(monkeypatch):
    monkeypatch.setattr(memory, "_STATM", Path("/nowhere/statm"))
    monkeypatch.setattr(subprocess, "check_output", lambda command, text: " 2048\n")
    assert memory.resident_bytes() == 2 * MIB


def test_resident_memory_is_unknown_where_nothing_tells(monkeypatch):
    monkeypatch.setattr(memory, "_STATM", Path("/nowhere/statm"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert memory.resident_bytes() is None


def test_a_side_is_measured_in_a_process_of_its_own():
    seen = []
    measured = measure("leaking", twin.leaking_twin(), 2, seen.append)
    assert [reading.entries for reading in measured.readings] == [0, 40, 80]
    assert tuple(seen) == measured.readings


def test_a_side_that_fails_is_told_with_its_error(tmp_path):
    broken = tmp_path / "transform.py"
    broken.write_text("raise RuntimeError('broken transform')", encoding="utf-8")
    with pytest.raises(DemoError, match="broken transform"):
        measure("repaired", broken, 1, lambda reading: None)


def test_a_reader_who_stops_ends_the_process():
    def stop(reading):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure("repaired", twin.repaired_transform(), 10**6, stop)


def test_a_batch_that_fails_ends_the_run(monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "no-secret")
    readings = workload.run(twin.repaired_transform(), "http://127.0.0.1:9", 1)
    with pytest.raises(RuntimeError, match="batch 1 failed"):
        list(readings)


def test_the_twin_comes_from_the_wheel_if_it_is_there(monkeypatch, tmp_path):
    monkeypatch.setattr(twin, "_HERE", tmp_path / "src" / "leaklint" / "demo")
    with pytest.raises(FileNotFoundError, match=r"twin\.txt"):
        twin.leaking_twin()
    packaged = tmp_path / "src" / "leaklint" / "demo" / "twin.txt"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    assert twin.leaking_twin() == packaged


def test_a_release_is_unpacked_under_its_own_name(monkeypatch, tmp_path):
    def download(command, **_options):
        wheels = Path(command[-2].removeprefix("--dest="))
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "channels-3.0.3-py3-none-any.whl", "w") as archive:
            archive.writestr("channels/layers.py", "leak = 1\n")

    monkeypatch.setattr(subprocess, "run", download)
    module = released.fetch(released.LEAKING, tmp_path)
    assert module == "channels-3.0.3/channels/layers.py"
    assert (tmp_path / module).read_text(encoding="utf-8") == "leak = 1\n"


def test_an_index_out_of_reach_is_told_in_pips_words(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(released.IndexUnreachableError, match=r"channels==3\.0\.3"):
        released.fetch(released.LEAKING, tmp_path)


def test_an_index_that_does_not_answer_is_not_waited_for(monkeypatch, tmp_path):
    def hang(command, timeout, **_options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(released.IndexUnreachableError, match="no answer within 30 seconds"):
        released.fetch(released.LEAKING, tmp_path)


def test_a_leaklint_that_fails_is_told_with_its_words(tmp_path):
    with pytest.raises(DemoError, match=r"nowhere\.py"):
        run_leaklint(tmp_path, "check", "nowhere.py", columns=80, colour=False)


def test_the_workload_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "leaklint.demo.workload"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not enough values" in done.stderr
