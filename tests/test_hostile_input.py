"""Hostile files: each has a room of its own with a leaking file in it, which is found and repaired.

What can be analysed has the finding that stands in front of it; what cannot is named with its path and its line, and
left as it is. It depends on the version of Python which of them its parser takes.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from front_ends import LEAK_LINE, run_module, unmeasured
from hostile import BEFORE, CODE, DATA, FIRST_LINE, HARMLESS, ROOMS, fill
from pyflakes.checker import Checker

from leaklint.extract import TOO_DEEP

if TYPE_CHECKING:
    from pathlib import Path

FATAL_TO_FLAKE8 = "a cookie that is no text"
"""It ends before it asks any plugin."""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = fill(tmp_path_factory.mktemp("checked"))
    done = _run("check", folder)
    assert done.returncode == 2, done.stderr.decode()
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = fill(tmp_path_factory.mktemp("fixed"))
    done = _run("fix", folder)
    assert done.returncode == 2, done.stderr.decode()
    return folder, json.loads(done.stdout)


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    arguments = [sys.executable, "-m", "leaklint", command, "--no-cache", "-j1", "--format", "json"]
    return subprocess.run(arguments, cwd=folder, capture_output=True, env=unmeasured(), check=False, timeout=300)


def told(document: dict[str, Any], kind: str, room: str, name: str = "hostile.py") -> list[dict[str, Any]]:
    return [one for one in document[kind] if one["path"] == f"{room}/{name}"]


def lines_of(data: bytes) -> int:
    return len(data.decode("utf-8", "replace").splitlines())


@pytest.mark.parametrize("room", CODE)
def test_monstrous_code_is_analysed_or_refused_with_its_line(room: str, checked: dict[str, Any]) -> None:
    errors = told(checked, "errors", room)
    assert [found["line"] for found in told(checked, "findings", room)] == ([] if errors else [LEAK_LINE])
    for error in errors:
        assert error["message"].startswith(("syntax error: ", TOO_DEEP))
        assert FIRST_LINE <= error["line"] <= lines_of(ROOMS[room])


@pytest.mark.parametrize("room", ["elif", "attributes", "terms", "operands", "calls of calls", "try", "lists"])
def test_what_is_merely_long_is_analysed(room: str, checked: dict[str, Any]) -> None:
    assert told(checked, "errors", room) == []


@pytest.mark.parametrize("room", DATA)
def test_what_is_no_python_is_named_with_its_line(room: str, checked: dict[str, Any]) -> None:
    (error,) = told(checked, "errors", room)
    assert error["line"] == DATA[room][1]


@pytest.mark.parametrize("room", HARMLESS)
def test_next_to_nothing_is_no_error(room: str, checked: dict[str, Any]) -> None:
    assert told(checked, "errors", room) == told(checked, "findings", room) == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_other_file_in_the_room_is_done(
    room: str, checked: dict[str, Any], fixed: tuple[Path, dict[str, Any]]
) -> None:
    assert len(told(checked, "findings", room, "leaking.py")) == 1
    folder, _ = fixed
    assert "keys" in (folder / room / "leaking.py").read_text("utf-8")


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_is_repaired_or_left_as_it_is(
    room: str, checked: dict[str, Any], fixed: tuple[Path, dict[str, Any]]
) -> None:
    folder, document = fixed
    data = (folder / room / "hostile.py").read_bytes()
    assert told(document, "errors", room) == told(checked, "errors", room)
    (finding,) = told(checked, "findings", room) or [{"fix": None}]
    if finding["fix"] is None:
        assert data == ROOMS[room]
        assert len(told(document, "findings", room)) == len(told(checked, "findings", room))
    else:
        assert told(document, "findings", room) == []
        assert data.endswith(ROOMS[room].removeprefix(BEFORE.encode()))
        assert b"keys" in data


def test_nothing_is_left_beside_the_files(fixed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = fixed
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"hostile.py", "leaking.py"}


def test_flake8_goes_on(tmp_path: Path, checked: dict[str, Any]) -> None:
    fill(tmp_path)
    for room in (*filter(_is_fatal_to_pyflakes, CODE), FATAL_TO_FLAKE8):
        shutil.rmtree(tmp_path / room)
    done = run_module("flake8", "--isolated", "--select", "LKL", "-j1", cwd=tmp_path)
    assert (done.stderr, done.returncode) == (b"", 1)
    said = {line.partition(":")[0].removeprefix("./") for line in done.stdout.decode().splitlines()}
    rooms = {path.name for path in tmp_path.iterdir()}
    assert len(rooms) > len(ROOMS) * 2 / 3
    assert said >= {f"{room}/leaking.py" for room in rooms}
    assert said == {found["path"] for found in checked["findings"] if found["path"].split("/")[0] in rooms}


def _is_fatal_to_pyflakes(room: str) -> bool:
    """Whether the rest of flake8, which goes through a tree by recursion, ends there; no plugin can mend that."""
    try:
        Checker(ast.parse(ROOMS[room]))
    except (RecursionError, MemoryError):
        return True
    except (SyntaxError, ValueError):
        return False
    return False
