from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from distribution import git
from fleet import applied, fleet, repository, results, state, summary
from front_ends import CLEAN, LEAKING, environment, leaklint

ODD = ("plain.py", "with space.py", 'quote".py', "tab\t.py", "line\nfeed.py", "back\\slash.py", "é/ü.py", "a/b/deep.py")


@pytest.mark.skipif(os.name == "nt", reason="the names do not exist there")
def test_the_patch_repairs_what_leaklint_fix_repairs(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = dict.fromkeys(ODD, LEAKING)
    files |= {"crlf.py": LEAKING.replace("\n", "\r\n"), "cut.py": LEAKING.rstrip(), "clean.py": CLEAN}
    files["latin.py"] = "# coding: latin-1\nx = 'é'\n".encode("latin-1") + LEAKING.encode()
    one = repository(tmp_path / "one", files)
    other = Path(shutil.copytree(one, tmp_path / "other"))
    done = fleet("one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"1 repository; 11 findings, 11 repaired, 0 left: ")
    assert git("status", "--short", cwd=one) == ""
    applied(one, results(tmp_path) / "repair.patch")
    assert leaklint("fix", cwd=other).returncode == 0
    for name in files:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert (one / "line\nfeed.py").read_text(encoding="utf-8") != LEAKING


def test_nothing_of_a_repository_changes(tmp_path: Path) -> None:
    one = repository(tmp_path / "one")
    (one / "leaking.py").write_text(CLEAN, encoding="utf-8")
    (one / "staged.py").write_text(CLEAN, encoding="utf-8")
    git("add", "staged.py", cwd=one)
    before = state(one)
    assert fleet("one", cwd=tmp_path).returncode == 0
    assert summary(tmp_path)["totals"]["repaired"] == 1
    assert state(one) == before
    assert sorted(path.name for path in (tmp_path / "leaklint-fleet").iterdir()) == [
        ".lock",
        "index.html",
        "repositories",
        "summary.json",
    ]


def test_findings_are_those_of_the_revision_with_what_became_of_them(tmp_path: Path) -> None:
    left = LEAKING.replace("key = f", "key = (lambda: f").replace('index}"\n', 'index}")()\n')
    repository(tmp_path / "one", {"a.py": LEAKING, "pkg/b.py": left})
    assert fleet("one", cwd=tmp_path).returncode == 1
    assert fleet("one", "--exit-zero", cwd=tmp_path).returncode == 0
    checked = json.loads(leaklint("check", "--format", "json", cwd=tmp_path / "one").stdout)["findings"]
    found = json.loads((results(tmp_path) / "findings.json").read_bytes())["findings"]
    assert [(one["path"], one["status"]) for one in found] == [("a.py", "repaired"), ("pkg/b.py", "left")]
    for one, other in zip(found, checked, strict=True):
        assert {key: one[key] for key in other if key != "trace"} == {
            key: other[key] for key in other if key != "trace"
        }
        assert [step["line"] for step in one["trace"]] == [step["line"] for step in other["trace"]]
    assert LEAKING.splitlines()[14] in found[0]["excerpt"]["lines"]
    log = json.loads((results(tmp_path) / "findings.sarif").read_bytes())["runs"][0]["results"]
    assert [one["properties"]["status"] for one in log] == ["repaired", "left"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log]
    assert places == ["a.py", "pkg/b.py"]


def test_every_form_of_a_repository(tmp_path: Path) -> None:
    one = repository(tmp_path / "many" / "one")
    repository(tmp_path / "many" / "deeper" / "two@home", {"clean.py": CLEAN})
    git("checkout", "-q", "-b", "feature/clean", cwd=one)
    (one / "leaking.py").write_text(CLEAN, encoding="utf-8")
    git("commit", "-q", "-a", "-m", "clean", cwd=one)
    git("clone", "-q", "--bare", str(one), str(tmp_path / "bare.git"), cwd=tmp_path)
    git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "HEAD~1", cwd=one)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "leaking.py").write_text(LEAKING, encoding="utf-8")
    listed = "# a list\nbare.git\n\nbare.git@feature/clean~1\nlinked\n"
    (tmp_path / "list.txt").write_text(listed, encoding="utf-8")
    done = fleet("many", "many/one@HEAD~1", "plain", "--from-file", "list.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {(Path(one["repository"]).name, one["asked"]): one["findings"] for one in summary(tmp_path)["repositories"]}
    assert found == {
        ("one", "HEAD"): 0,
        ("two@home", "HEAD"): 0,
        ("one", "HEAD~1"): 1,
        ("plain", "HEAD"): 1,
        ("bare.git", "HEAD"): 0,
        ("bare.git", "feature/clean~1"): 1,
        ("linked", "HEAD"): 1,
    }


def test_every_repository_has_its_own_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.leaklint]\nignore = ['LKL1']\n", encoding="utf-8")
    repository(tmp_path / "loud")
    repository(tmp_path / "silent", {"a.py": LEAKING, "pyproject.toml": "[tool.leaklint]\nignore = ['LKL101']\n"})
    repository(tmp_path / "wrong", {"a.py": LEAKING, "pyproject.toml": "[tool.leaklint\n"})
    done = fleet("loud", "silent", "wrong", cwd=tmp_path)
    assert done.returncode == 2
    assert b"wrong: pyproject.toml:1:" in done.stderr
    assert [one["findings"] for one in summary(tmp_path)["repositories"]] == [1, 0, 0]
    assert fleet("silent", "--isolated", "-o", "again", cwd=tmp_path).returncode == 0
    assert summary(tmp_path, "again")["totals"]["findings"] == 1


def test_what_is_broken_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    repository(tmp_path / "good")
    repository(tmp_path / "half", {"good.py": LEAKING, "bad.py": "def\n"})
    broken = repository(tmp_path / "broken")
    shutil.rmtree(broken / ".git" / "objects")
    (tmp_path / "list.txt").write_text("good\nnowhere\ngood@no-such-branch\ngood@--all\n", encoding="utf-8")
    done = fleet("half", "broken", "--from-file", "list.txt", cwd=tmp_path)
    assert done.returncode == 2
    told = done.stderr.decode()
    assert "half: bad.py:1:4: error: syntax error" in told
    assert "broken: error: " in told
    assert "nowhere: error: list.txt:2: no such repository" in told
    assert "good: error: list.txt:3: there is no revision 'no-such-branch'" in told
    assert "list.txt:4" in told
    totals = summary(tmp_path)["totals"]
    assert (totals["repositories"], totals["failed"], totals["repaired"]) == (6, 4, 2)


def test_resume_skips_what_is_done(tmp_path: Path) -> None:
    one, other = repository(tmp_path / "one"), repository(tmp_path / "other")
    assert fleet("one", "other", cwd=tmp_path).returncode == 0

    def written() -> dict[str, int]:
        return {name: (results(tmp_path, name) / "record.json").stat().st_mtime_ns for name in ("one", "other")}

    before = written()
    assert fleet("one", "other", "--resume", cwd=tmp_path).returncode == 0
    assert written() == before
    assert summary(tmp_path)["totals"]["repositories"] == 2
    (one / "more.py").write_text(LEAKING, encoding="utf-8")
    git("add", "-A", cwd=one)
    git("commit", "-q", "-m", "more", cwd=one)
    assert fleet("one", "other", "--resume", cwd=tmp_path).returncode == 0
    after = written()
    assert after["one"] != before["one"]
    assert after["other"] == before["other"]
    assert summary(tmp_path)["totals"]["findings"] == 3
    assert fleet("one", "other", "--resume", "--ignore", "LKL101", cwd=tmp_path).returncode == 0
    assert written()["other"] != before["other"]
    assert summary(tmp_path)["totals"]["findings"] == 0
    assert other.is_dir()


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    repository(tmp_path / "one")
    rest = tmp_path / "leaklint-fleet" / ".work" / "leaklint-fleet-x" / "tree"
    rest.mkdir(parents=True)
    assert fleet("one", "--resume", cwd=tmp_path).returncode == 0
    assert not rest.exists()


def test_two_runs_into_one_directory_are_refused(tmp_path: Path) -> None:
    repository(tmp_path / "one")
    output = tmp_path / "leaklint-fleet"
    output.mkdir()
    holding = (
        "import pathlib, sys, time\n"
        "from leaklint.fleet.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", holding, str(output)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline().strip() == b"held"
            rest = output / ".work" / "of-the-other-run"
            rest.mkdir(parents=True)
            done = fleet("one", cwd=tmp_path)
            assert done.returncode == 2
            assert done.stderr.startswith(b"leaklint: another run of `leaklint fleet` is writing into leaklint-fleet;")
            assert rest.is_dir()
            assert not (output / "summary.json").exists()
        finally:
            other.kill()
    assert (output / ".lock").exists()
    assert fleet("one", cwd=tmp_path).returncode == 0
    assert not rest.exists()


def test_wrong_use_is_told(tmp_path: Path) -> None:
    done = fleet(cwd=tmp_path)
    assert done.returncode == 2
    assert b"--from-file" in done.stderr
    (tmp_path / "taken").write_text("", encoding="utf-8")
    (tmp_path / "plain").mkdir()
    done = fleet("plain", "--output", "taken/below", cwd=tmp_path)
    assert done.returncode == 2
    assert b"taken/below" in done.stderr
    assert done.stderr.endswith(b": error: not a directory\n")
    done = fleet("--from-file", "nowhere.txt", cwd=tmp_path)
    assert done.stderr == b"nowhere.txt: error: no such file or directory\n"
    assert done.returncode == 2
    assert b"nowhere.txt" in done.stderr
    assert b"Traceback" not in done.stderr
