"""A repair that is killed at any moment: each file is the old one or the repaired one, and the next run does the rest.

There are few moments by default; `LEAKLINT_KILLS=200 pytest tests/test_killed_repair.py` has more of them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from front_ends import LEAKING, environment, leaking_file, leaklint

KILLS = int(os.environ.get("LEAKLINT_KILLS", "20"))
FILES = 10
LARGE = LEAKING + "\n# " + "a" * 50_000 + "\n"
"""Long enough for a write to be cut in two."""

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no such signal")


def old_files(folder: Path) -> None:
    for number in range(FILES):
        leaking_file(folder, f"m{number}.py").write_text(LARGE, encoding="utf-8")


def state_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.glob("m*.py")}


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("repaired")
    leaking_file(folder, "m0.py").write_text(LARGE, encoding="utf-8")
    assert leaklint("fix", "-j1", cwd=folder).returncode == 0
    return (folder / "m0.py").read_text("utf-8")


def kill(folder: Path, chance: random.Random, until: float) -> None:
    """Repair, and kill it: at any time of a run, or, as that is short, at any time after the first file is written."""
    started = time.monotonic()
    modified = folder.stat().st_mtime_ns
    process = subprocess.Popen(
        [sys.executable, "-m", "leaklint", "fix", "-j1", "--quiet"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if chance.random() < 0.3:
        time.sleep(chance.random() * until)
    else:
        while process.poll() is None and folder.stat().st_mtime_ns == modified and time.monotonic() < started + 60:
            time.sleep(0.0005)
        time.sleep(chance.random() * 0.03)
    process.kill()
    process.wait()


def test_each_file_is_the_old_or_the_repaired_one_whenever_it_is_killed(tmp_path: Path, repaired: str) -> None:
    chance = random.Random(KILLS)
    old_files(tmp_path)
    begun = time.monotonic()
    assert leaklint("fix", "-j1", "--diff", cwd=tmp_path).returncode == 1
    until = time.monotonic() - begun
    kinds = set()
    for _ in range(KILLS):
        before = state_of(tmp_path)
        kill(tmp_path, chance, until)
        state = state_of(tmp_path)
        assert set(state) == {f"m{number}.py" for number in range(FILES)}
        assert set(state.values()) <= {LARGE, repaired}
        assert all(state[name] == repaired for name, text in before.items() if text == repaired)
        kinds.add(len(set(state.values())))
        if set(state.values()) == {repaired}:
            old_files(tmp_path)
    assert kinds == {1, 2}, "no kill came between two files"
    done = leaklint("fix", "-j1", cwd=tmp_path)
    assert (done.returncode, set(state_of(tmp_path).values())) == (0, {repaired})
    assert leaklint("check", "-j1", cwd=tmp_path).returncode == 0
