"""The leaking twin and the transform that ships are one program but for the repair."""

import json
import shutil
from pathlib import Path

import pytest

from leaklint.demo.leaklint_process import run_leaklint
from leaklint.demo.twin import leaking_twin, repaired_transform

TRACKING = "        per_query_state_ids = []\n"
APPEND = "                per_query_state_ids.append(query_state_id)\n"
EXECUTION = "        all_results = self._executor.execute_batch(contexts, process_fn)\n"
PROTECTED = """\
        try:
            all_results = self._executor.execute_batch(contexts, process_fn)
        finally:
            with self._llm_clients_lock:
                for query_state_id in per_query_state_ids:
                    self._llm_clients.pop(query_state_id, None)
"""
HOPS_IN_THE_EXECUTOR = 3
"""`execute_batch` hands on to `_execute_one`, that to `_attempt`, that to the function given."""


def test_undoing_the_repair_gives_the_twin():
    shipped = repaired_transform().read_bytes().decode()
    for added in (TRACKING, APPEND, PROTECTED):
        assert shipped.count(added) == 1
    unrepaired = shipped.replace(TRACKING, "").replace(APPEND, "").replace(PROTECTED, EXECUTION)
    assert unrepaired.encode() == leaking_twin().read_bytes()


def test_the_repair_turns_the_twin_into_the_shipped_file(tmp_path: Path):
    copy = tmp_path / "transform.py"
    copy.write_bytes(leaking_twin().read_bytes())
    run_leaklint(tmp_path, "fix", "--isolated", "transform.py", columns=80, colour=False)
    assert copy.read_bytes() == repaired_transform().read_bytes()


def test_the_twin_among_its_modules_is_found_through_the_executor_and_repaired(tmp_path: Path):
    package = tmp_path / "project" / "leaklint" / "reference"
    shutil.copytree(repaired_transform().parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package.parent / "__init__.py").touch()
    twin = package / "transform.py"
    twin.write_bytes(leaking_twin().read_bytes())
    checked = run_leaklint(tmp_path, "check", "--isolated", "--format=json", "project", columns=80, colour=False)
    (finding,) = json.loads(checked.stdout)["findings"]
    assert finding["code"] == "LKL101"
    assert [Path(step["path"]).name for step in finding["trace"]].count("executor.py") == HOPS_IN_THE_EXECUTOR
    run_leaklint(tmp_path, "fix", "--isolated", "project", columns=80, colour=False)
    assert twin.read_bytes() == repaired_transform().read_bytes()


@pytest.mark.parametrize("path", sorted(repaired_transform().parent.glob("*.py")), ids=lambda p: p.name)
def test_the_reference_is_clean(path: Path, tmp_path: Path):
    checked = run_leaklint(tmp_path, "check", "--isolated", "--format=concise", str(path), columns=80, colour=False)
    assert (checked.returncode, checked.stdout) == (0, "")
