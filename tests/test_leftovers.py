"""Temporary files that a killed repair has left beside a source go with the next one; those in use stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from front_ends import LEAKING, leaking_file, leaklint

from leaklint.leftovers import OLD, hold, remove_leftovers, temporary_beside
from leaklint.source import write_atomically

LEFT = ".leaklint-0123456789abcdef.tmp"


def left_by_a_killed_run(folder: Path) -> Path:
    path = folder / LEFT
    path.write_text(LEAKING, encoding="utf-8")
    os.utime(path, (time.time() - 2 * OLD,) * 2)
    return path


def test_the_next_repair_takes_them_away(tmp_path: Path) -> None:
    leaking_file(tmp_path, "pkg/leaking.py")
    beside = left_by_a_killed_run(tmp_path / "pkg")
    (tmp_path / "other").mkdir()
    elsewhere = left_by_a_killed_run(tmp_path / "other")
    (tmp_path / "pkg" / ".leaklint-mine.tmp").touch()
    leaklint("check", cwd=tmp_path)
    leaklint("fix", "--diff", cwd=tmp_path)
    assert beside.exists(), "these two write nothing"
    assert leaklint("fix", cwd=tmp_path).returncode == 0
    assert not beside.exists()
    assert elsewhere.exists(), "no file of this folder was to be repaired"
    assert sorted(path.name for path in (tmp_path / "pkg").iterdir()) == [".leaklint-mine.tmp", "leaking.py"]


@pytest.mark.skipif(os.name == "nt", reason="there, only the age tells")
def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    path = temporary_beside(tmp_path / "source.py")
    with path.open("xb") as file:
        hold(file)
        file.write(b"half")
        file.flush()
        os.utime(path, (0, 0))
        remove_leftovers(tmp_path)
        assert path.exists()
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_one_that_was_just_made_stays(tmp_path: Path) -> None:
    path = temporary_beside(tmp_path / "source.py")
    path.touch()
    remove_leftovers(tmp_path)
    assert path.exists()
    os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_what_only_has_the_name_stays(tmp_path: Path) -> None:
    (tmp_path / LEFT).mkdir()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "nowhere")
    assert (tmp_path / LEFT).is_dir()


@pytest.mark.skipif(os.name == "nt", reason="there, only the age tells")
def test_a_file_is_held_until_it_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "source.py"
    replace, seen = Path.replace, []

    def replaced(path: Path, other: Path) -> Path:
        remove_leftovers(tmp_path)
        seen.append(path.exists())
        return replace(path, other)

    monkeypatch.setattr(Path, "replace", replaced)
    write_atomically(str(target), b"new")
    assert (seen, target.read_bytes()) == ([True], b"new")
