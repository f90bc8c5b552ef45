from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from front_ends import CLEAN, LEAKING, leaking_file

from leaklint.config import Choice, Settings
from leaklint.files import Found
from leaklint.model import FileError, FileReport
from leaklint.outcome import Outcome
from leaklint.source import decode
from leaklint.work import check_file, check_source, fix_file, fix_source
from leaklint.writing import MEANWHILE, patch, store

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings("/", "/")


def test_what_is_silenced_is_not_repaired_even_if_other_repairs_move_its_line() -> None:
    kept = LEAKING.replace("Transform", "Kept").replace('index}"\n', 'index}"  # noqa: LKL101\n')
    source = decode("two.py", f"{LEAKING}\n\n{kept}".encode())
    outcome = fix_source(source, SETTINGS, unsafe=False)
    assert [finding.symbol for finding in outcome.fixed] == ["Transform.process"]
    assert outcome.report == FileReport("two.py")
    assert outcome.after is not None
    assert outcome.after.endswith(kept.encode())


def test_what_is_not_chosen_is_not_repaired() -> None:
    settings = Settings("/", "/", choices=(Choice(None, (), ("LKL101",)),))
    outcome = fix_source(decode("a.py", LEAKING.encode()), settings, unsafe=True)
    assert (outcome.after, outcome.fixed, outcome.report.findings) == (None, (), ())


def test_a_repair_leaves_nothing_to_repair() -> None:
    first = fix_source(decode("a.py", LEAKING.encode()), SETTINGS, unsafe=False)
    assert first.before == LEAKING.encode()
    assert first.after is not None
    second = fix_source(decode("a.py", first.after), SETTINGS, unsafe=False)
    assert second == Outcome(FileReport("a.py"), "/")


def test_only_a_file_with_findings_carries_its_bytes() -> None:
    assert check_source(decode("a.py", CLEAN.encode()), SETTINGS).before is None
    assert check_source(decode("a.py", LEAKING.encode()), SETTINGS).before == LEAKING.encode()


@pytest.mark.parametrize("work", [check_file, lambda found: fix_file(found, unsafe=True)], ids=["check", "fix"])
def test_a_file_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path, work) -> None:  # type: ignore[no-untyped-def]
    path = str(tmp_path / "nowhere.py")
    outcome = work(Found(path, SETTINGS))
    assert outcome.report.errors == (FileError(path, "cannot read: no such file"),)


def test_a_fault_of_ours_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("leaklint.work.check_source", fail)
    (error,) = check_file(Found(str(leaking_file(tmp_path)), SETTINGS)).report.errors
    assert error.message.startswith("internal error, please report it: ZeroDivisionError: by zero (test_work.py:")


def test_a_repaired_file_is_stored(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    outcome = Outcome(FileReport(str(path)), "/", before=LEAKING.encode(), after=b"new\r\n")
    assert store(outcome) is None
    assert path.read_bytes() == b"new\r\n"


def test_a_file_without_a_repair_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.py"
    assert store(Outcome(FileReport(str(path)), "/", before=b"old")) is None
    assert not path.exists()


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    outcome = Outcome(FileReport(str(path)), "/", before=b"something else", after=b"new")
    assert store(outcome) == FileError(str(path), MEANWHILE)
    assert path.read_text(encoding="utf-8") == LEAKING


def test_a_file_that_vanished_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.py")
    outcome = Outcome(FileReport(path), "/", before=b"old", after=b"new")
    assert store(outcome) == FileError(path, "cannot be read again: No such file or directory")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leaking_file(tmp_path)

    def refuse(path: object, target: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    outcome = Outcome(FileReport(str(path)), "/", before=LEAKING.encode(), after=b"new")
    error = store(outcome)
    assert error is not None
    assert "permission denied" in error.message
    assert path.read_text(encoding="utf-8") == LEAKING
    assert [entry.name for entry in tmp_path.iterdir()] == ["leaking.py"]


def test_a_patch_keeps_bytes_and_newlines() -> None:
    before, after = b"# coding: latin-1\r\nx = '\xe9'\r\ny = 1", b"# coding: latin-1\r\nx = '\xe8'\r\ny = 1"
    assert patch(Outcome(FileReport("/a/b.py"), "/", before=before, after=after)) == (
        b"--- a/a/b.py\n+++ b/a/b.py\n@@ -1,3 +1,3 @@\n # coding: latin-1\r\n"
        b"-x = '\xe9'\r\n+x = '\xe8'\r\n y = 1\n\\ No newline at end of file\n"
    )


def test_without_a_change_there_is_no_patch() -> None:
    assert patch(Outcome(FileReport("a.py"), "/", before=b"a")) == b""
    assert patch(Outcome(FileReport("a.py"), "/")) == b""
