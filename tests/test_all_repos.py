from __future__ import annotations

import json
from pathlib import Path

import pytest
from distribution import git
from fleet import repository
from front_ends import CLEAN, LEAKING, environment, leaklint, run_module

IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}


def test_all_repos_pushes_the_repairs(tmp_path: Path) -> None:
    pytest.importorskip("all_repos", reason="all-repos is not installed")
    sources = {}
    for name, text in (("leaking", LEAKING), ("clean", CLEAN)):
        repository(tmp_path / name, {"a.py": text, "broken.py": "def\n"})
        sources[name] = str(tmp_path / name)
    (tmp_path / "repos.json").write_text(json.dumps(sources), encoding="utf-8")
    config = {
        "output_dir": "output",
        "source": "all_repos.source.json_file",
        "source_settings": {"filename": str(tmp_path / "repos.json")},
        "push": "push_branch",
        "push_settings": {},
    }
    (tmp_path / "push_branch.py").write_text(PUSH, encoding="utf-8")
    path = tmp_path / "all-repos.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    path.chmod(0o600)
    extra = {**IDENTITY, "PYTHONPATH": f"{tmp_path}:{environment().get('PYTHONPATH', '')}"}
    assert run_module("all_repos.clone", "-C", str(path), cwd=tmp_path, **extra).returncode == 0
    done = run_module("leaklint.fleet.all_repos", "-C", str(path), cwd=tmp_path, **extra)
    assert done.returncode == 0, done.stderr
    assert b"***Errored" not in done.stdout
    branch = "all-repos_autofix_leaklint"
    expected = leaklint("fix", "-", cwd=tmp_path, stdin=LEAKING.encode()).stdout.decode()
    assert git("show", f"{branch}:a.py", cwd=tmp_path / "leaking") == expected
    assert "Evict what operations leave" in git("log", "-1", "--format=%s", branch, cwd=tmp_path / "leaking")
    assert git("branch", "--list", branch, cwd=tmp_path / "clean") == ""


PUSH = """\
from typing import NamedTuple
from all_repos import autofix_lib

class Settings(NamedTuple):
    pass

def push(settings, branch_name):
    autofix_lib.run("git", "push", "--quiet", "origin", f"HEAD:{branch_name}")
"""


def test_a_program_per_clone_exits_with_0_and_changes_the_tree(tmp_path: Path) -> None:
    """What multi-gitter, turbolift and their like ask of a program."""
    left = LEAKING.replace("key = f", "key = (lambda: f").replace('index}"\n', 'index}")()\n')
    for name, files in (("leaking", {"a.py": LEAKING, "left.py": left}), ("clean", {"a.py": CLEAN})):
        clone = repository(tmp_path / name, dict(files))
        assert leaklint("fix", "--exit-zero", cwd=clone).returncode == 0
        changed = git("status", "--porcelain", cwd=clone)
        assert changed == (" M a.py\n" if name == "leaking" else "")
