"""A run over many repositories that is killed at any moment: nothing is half written, and the next run does the rest.

There are few moments by default; `LEAKLINT_KILLS=200 pytest tests/test_killed_fleet.py` has more of them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from distribution import git
from fleet import fleet, repository, state, summary
from front_ends import LEAKING, environment

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("LEAKLINT_KILLS", "6"))
COUNT = 6
FILES = 3
LARGE = LEAKING + "\n# " + "a" * 50_000 + "\n"
"""Long enough for a write to be cut in two."""
KEPT = ("repair.patch", "findings.json", "findings.sarif")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no such signal")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    for number in range(COUNT):
        files = {f"m{copy}.py": LARGE.replace("Transform", f"T{number}x{copy}") for copy in range(FILES)}
        repository(folder / f"r{number}", dict(files))
    return folder


def records(output: Path) -> dict[str, dict[str, Any]]:
    """Every record that there is, by the name of its directory; each can be read, and all that it tells of is there."""
    found = {}
    for path in (output / "repositories").glob("*/record.json"):
        record = json.loads(path.read_bytes())
        assert len(json.loads((path.parent / "findings.json").read_bytes())["findings"]) == record["findings"] == FILES
        assert json.loads((path.parent / "findings.sarif").read_bytes())["runs"]
        assert (path.parent / "repair.patch").read_bytes().count(b"diff --git ") == record["repaired"] == FILES
        found[path.parent.name] = record
    return found


def kill(folder: Path, chance: random.Random, until: float) -> None:
    """Run, and kill it: at any time, or at any time after the next record is written."""
    started = time.monotonic()
    output = folder / "leaklint-fleet"
    before = len(list(output.glob("repositories/*/record.json")))
    command = [sys.executable, "-m", "leaklint", "fleet", "many", "--resume", "-q", "-j", "2"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE) as process:
        if chance.random() < 0.4:
            time.sleep(chance.random() * until)
        else:
            while process.poll() is None and len(list(output.glob("repositories/*/record.json"))) <= before:
                assert time.monotonic() < started + 120
                time.sleep(0.0005)
            time.sleep(chance.random() * 0.1)
        process.kill()
        # It comes to its end when the last process is gone that could write into it.
        process.communicate(timeout=60)


def test_each_repository_is_done_or_not_whenever_it_is_killed(tmp_path: Path, many: Path) -> None:
    chance = random.Random(KILLS)
    begun = time.monotonic()
    assert fleet("many", "-j", "2", "-o", "undisturbed", cwd=tmp_path).returncode == 0
    until = time.monotonic() - begun
    before, output = state(many), tmp_path / "leaklint-fleet"
    halves = 0
    for _ in range(KILLS):
        known = records(output)
        kill(tmp_path, chance, until)
        after = records(output)
        assert {name: after[name] for name in known} == known, "what was done is not done again"
        assert state(many) == before
        halves += 0 < len(after) < COUNT
        if len(after) == COUNT:
            shutil.rmtree(output)
    assert halves, "no kill came between two repositories"
    assert fleet("many", "--resume", "-j", "2", cwd=tmp_path).returncode == 0
    assert summary(tmp_path)["totals"] == summary(tmp_path, "undisturbed")["totals"]
    assert len(records(output)) == COUNT
    for path in (tmp_path / "undisturbed" / "repositories").iterdir():
        again = output / "repositories" / path.name
        assert [(again / name).read_bytes() for name in KEPT] == [(path / name).read_bytes() for name in KEPT]
    assert [path.name for path in output.rglob("*.tmp")] + [path.name for path in output.rglob("*.part")] == []
    assert not (output / ".work").exists()
    assert state(many) == before
    for one in many.iterdir():
        assert len(git("worktree", "list", cwd=one).splitlines()) == 1
