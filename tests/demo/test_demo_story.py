import importlib.util
from pathlib import Path

import pytest

from leaklint.demo import demonstration, released, twin
from leaklint.demo.measurement import Measurement
from leaklint.demo.workload import Reading


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """The whole story in a few batches, and without the package index."""

    def unreachable(release, folder):
        raise released.IndexUnreachableError("no route to host")

    monkeypatch.setattr(demonstration, "_BATCHES", 3)
    monkeypatch.setattr(demonstration, "_CHECKPOINTS", (1, 2, 3))
    monkeypatch.setattr(released, "fetch", unreachable)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "pictures"


def test_the_whole_story(quick, capsys):
    assert demonstration.main(quick) == 0
    told = capsys.readouterr().out
    assert "LKL101" in told
    assert "+        per_query_state_ids = []" in told
    assert "Byte for byte" in told
    rows = [line.replace("│", " ").split()[:3] for line in told.splitlines() if line.startswith("│")]
    assert rows[-3:] == [["1", "40", "0"], ["2", "80", "0"], ["3", "120", "0"]]
    assert "The package index cannot be reached (no route to host): channels was not checked." in told
    assert (quick / "cache-and-memory.png").is_file()


def test_the_patch_is_shown_as_it_is_however_narrow_the_terminal(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COLUMNS", "60")
    demonstration._find_and_repair(demonstration.Console(width=60), tmp_path)
    told = capsys.readouterr().out
    after = {*twin.repaired_transform().read_text(encoding="utf-8").splitlines(), ""}
    patch = told.split("2. See the repair")[1].split("3. Repair a copy")[0].splitlines()
    added = [line[1:] for line in patch if line.startswith("+") and not line.startswith("+++")]
    kept = [line[1:] for line in patch if line.startswith(" ")]
    assert added
    assert set(added + kept) <= after
    assert max(map(len, kept)) > 60
    assert "Repaired 1 finding in 1 file; none left." in told


def test_both_releases_are_checked(quick, monkeypatch, capsys):
    def unpack(release, folder):
        side = twin.leaking_twin() if release == released.LEAKING else twin.repaired_transform()
        path = Path(folder, f"channels-{release.version}", "layers.py")
        path.parent.mkdir()
        path.write_bytes(side.read_bytes())
        return f"channels-{release.version}/layers.py"

    monkeypatch.setattr(released, "fetch", unpack)
    monkeypatch.setattr(demonstration, "_measure_both", lambda *_arguments: [])
    monkeypatch.setattr(demonstration, "_show_measurements", lambda *_arguments: None)
    assert demonstration.main(quick) == 0
    before, after = capsys.readouterr().out.split("channels 3.0.3")[1].split("3.0.4 evicts")
    assert "LKL101" in before
    assert "LKL101" not in after


def test_a_repair_that_is_not_the_shipped_one_fails(quick, monkeypatch, capsys, tmp_path):
    other = tmp_path / "transform.py"
    other.write_text("another = 1\n", encoding="utf-8")
    monkeypatch.setattr(demonstration, "repaired_transform", lambda: other)
    assert demonstration.main(quick) == 2
    assert "is not the transform that ships" in capsys.readouterr().err


def test_without_openai_it_says_what_to_install(quick, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")  # where the command to copy would not fit on the line
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert demonstration.main(quick) == 2
    assert "pip install 'flake8-leaklint[demo]'" in capsys.readouterr().err


def test_without_matplotlib_the_numbers_are_shown_all_the_same(quick, monkeypatch, capsys):
    def no_matplotlib(measurements, path):
        raise ImportError("No module named 'matplotlib'")

    monkeypatch.setattr(demonstration.picture, "draw", no_matplotlib)
    unknown = [
        Measurement(name, tuple(Reading(batch, batch, None) for batch in range(4))) for name in ("leaking", "repaired")
    ]
    demonstration._show_measurements(demonstration.Console(width=100), unknown, quick)
    told = capsys.readouterr().out
    assert "unknown" in told
    assert "Resident memory, MiB more" not in told
    assert "No picture: No module named 'matplotlib'" in told
