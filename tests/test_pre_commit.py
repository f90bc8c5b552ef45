from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from front_ends import CLEAN, LEAKING, environment, leaking_file

ROOT = Path(__file__).parent.parent
HOOKS = ROOT / ".pre-commit-hooks.yaml"


def git(*arguments: str, cwd: Path) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, encoding="utf-8").stdout


def commit_all(folder: Path) -> None:
    git("init", "-q", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "all", cwd=folder)


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository as it is now, changes that are not committed included."""
    clone = tmp_path_factory.mktemp("hooks") / "leaklint"
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    commit_all(clone)
    return clone


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environment that it installs once for these tests."""
    return tmp_path_factory.mktemp("pre-commit-home")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a leak, an excluded leak, and a file that is not Python."""
    leaking_file(tmp_path, "src/leaking.py")
    leaking_file(tmp_path, "vendored/leaking.py")
    (tmp_path / "clean.py").write_text(CLEAN, encoding="utf-8")
    (tmp_path / "README.md").write_text("# noqa\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.leaklint]\nexclude = ["vendored/"]\n', encoding="utf-8")
    commit_all(tmp_path)
    return tmp_path


def try_repository(hooks: Path, hook: str, project: Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), hook, "--all-files", "--color=never"]
    extra = {"PRE_COMMIT_HOME": str(home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command, cwd=project, env=environment(**extra), capture_output=True, encoding="utf-8", check=False, timeout=600
    )
    out = done.stdout + done.stderr
    if "An unexpected error has occurred: CalledProcessError" in out and "pip" in out:
        reasons = ("NewConnectionError", "No matching distribution", "ConnectTimeout", "Could not fetch", "ProxyError")
        if any(reason in out for reason in reasons):
            pytest.skip("the package index cannot be reached, so pre-commit cannot install the hook")
    return done


def test_the_hook_reports_the_leak(hook_repository: Path, project: Path, home: Path) -> None:
    done = try_repository(hook_repository, "leaklint", project, home)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "LKL101" in done.stdout
    assert "src/leaking.py:" in done.stdout
    assert "vendored" not in done.stdout.replace("vendored/leaking.py\n", "")
    assert git("status", "--porcelain", cwd=project) == ""


def test_the_repairing_hook_repairs(hook_repository: Path, project: Path, home: Path) -> None:
    done = try_repository(hook_repository, "leaklint-fix", project, home)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "files were modified by this hook" in done.stdout
    assert git("diff", "--name-only", cwd=project).split() == ["src/leaking.py"]
    again = try_repository(hook_repository, "leaklint-fix", project, home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (project / "vendored" / "leaking.py").read_text(encoding="utf-8") == LEAKING


def test_the_hooks_are_what_pre_commit_expects() -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-manifest", str(HOOKS)], check=True, env=os.environ)
    hooks = {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text(encoding="utf-8"))}
    assert set(hooks) == {"leaklint", "leaklint-fix"}
    for hook in hooks.values():
        assert hook["require_serial"] is True
        assert hook["types"] == ["python"]
        assert "--force-exclude" in hook["entry"]
