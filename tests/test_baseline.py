"""A baseline: what is known is neither reported nor repaired, what is new is, and what is gone is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from distribution import commit_all
from fleet import fleet, repository, results, summary
from front_ends import CLEAN, LEAKING, leaking_file, leaklint, run_module

from leaklint.baseline import BaselineError, baseline_text, read_baseline

NAME = ".leaklint-baseline.json"
CONFIGURATION = f'[tool.leaklint]\nbaseline = "{NAME}"\n'
MOVED = "# one\n\n" + LEAKING.replace("for index, row", "print()\n            for index, row")
OTHER = LEAKING.replace("def process", "def handle")
ENTRY = {"path": "a.py", "code": "LKL101", "symbol": "f", "cache": "c", "key": "k", "count": 1}


def entries(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(path.read_bytes())["findings"]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with two known findings in one file."""
    leaking_file(tmp_path, "src/a.py").write_text(LEAKING + "\n\n" + OTHER, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION, encoding="utf-8")
    commit_all(tmp_path)
    done = leaklint("check", "--write-baseline", NAME, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert done.stderr == f"Wrote 2 findings to {NAME}.\n".encode()
    return tmp_path


def test_known_findings_are_not_reported_and_do_not_fail(project: Path) -> None:
    assert [(one["path"], one["symbol"], one["count"]) for one in entries(project / NAME)] == [
        ("src/a.py", "Transform.handle", 1),
        ("src/a.py", "Transform.process", 1),
    ]
    for _ in range(2):
        done = leaklint("check", cwd=project)
        assert (done.returncode, done.stdout) == (0, b"")
        assert done.stderr == b"No leaks found in 1 file. 2 known findings in the baseline.\n"
    assert leaklint("check", "--isolated", cwd=project).returncode == 1
    assert leaklint("check", "--isolated", "--baseline", NAME, cwd=project).returncode == 0
    assert leaklint("check", "-j", "2", "--no-cache", "a.py", cwd=project / "src").returncode == 0
    told = leaklint("check", "--format", "json", cwd=project).stdout
    assert json.loads(told)["summary"]["known"] == 2
    assert json.loads(told)["gone"] == []


def test_a_finding_is_known_wherever_it_moves_in_its_file(project: Path) -> None:
    (project / "src" / "a.py").write_text(MOVED + "\n\n" + OTHER, encoding="utf-8")
    done = leaklint("check", cwd=project)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout


def test_a_new_finding_is_reported_and_one_more_of_the_same_kind_too(project: Path) -> None:
    leaking_file(project, "src/b.py")
    (project / "src" / "a.py").write_text(LEAKING + "\n\n" + OTHER + "\n\n" + MOVED, encoding="utf-8")
    done = leaklint("check", "--format", "json", cwd=project)
    assert done.returncode == 1
    found = [(one["path"], one["line"]) for one in json.loads(done.stdout)["findings"]]
    assert found == [("src/a.py", 58), ("src/b.py", 15)]


def test_known_findings_are_not_repaired(project: Path) -> None:
    before = (project / "src" / "a.py").read_bytes()
    leaking_file(project, "src/b.py")
    done = leaklint("fix", cwd=project)
    assert done.returncode == 0
    assert b"Repaired 1 finding in 1 file; none left. 2 known findings in the baseline." in done.stderr
    assert (project / "src" / "a.py").read_bytes() == before
    (project / "src" / "a.py").write_text(LEAKING + "\n\n" + OTHER + "\n\n" + LEAKING.replace("def process", "def new"))
    assert leaklint("fix", cwd=project).returncode == 0
    after = (project / "src" / "a.py").read_text(encoding="utf-8")
    assert after.startswith(LEAKING + "\n\n" + OTHER)
    assert "keys = []" in after


def test_the_codemod_repairs_no_known_finding_either(project: Path) -> None:
    before = (project / "src" / "a.py").read_bytes()
    arguments = ("codemod", "-x", "--no-format", "leaklint.codemod.EvictDerivedKeys", "src")
    done = run_module("libcst.tool", *arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "src" / "a.py").read_bytes() == before
    (project / NAME).unlink()
    assert b"no such baseline" in run_module("libcst.tool", *arguments, cwd=project).stderr


def test_what_is_gone_is_named(project: Path) -> None:
    leaking_file(project, "src/b.py")
    assert leaklint("check", "--write-baseline", NAME, cwd=project).returncode == 0
    (project / "src" / "a.py").write_text(OTHER, encoding="utf-8")
    (project / "src" / "b.py").unlink()
    done = leaklint("check", cwd=project)
    assert done.returncode == 0
    key = '`f"{state_id}_r{index}"`'.strip("`")
    assert done.stderr.decode().splitlines() == [
        f"{NAME}:{line}: warning: gone, the baseline can be shortened: "
        f"LKL101 in src/{name}.py, Transform.process: {key} in self._clients"
        for line, name in ((3, "a"), (4, "b"))
    ] + ["No leaks found in 1 file. 1 known finding in the baseline."]
    told = json.loads(leaklint("check", "--format", "json", "-q", cwd=project).stdout)["gone"]
    assert [(one["line"], one["path"], one["symbol"], one["count"]) for one in told] == [
        (3, "src/a.py", "Transform.process", 1),
        (4, "src/b.py", "Transform.process", 1),
    ]
    assert leaklint("fix", "--exit-zero", cwd=project).stderr.count(b"warning: gone") == 2


def test_what_was_not_looked_for_is_not_gone(project: Path) -> None:
    leaking_file(project, "src/b.py")
    assert leaklint("check", "--write-baseline", NAME, cwd=project).returncode == 0
    for arguments in (("--ignore", "LKL101"), ("src/b.py",)):
        assert b"gone" not in leaklint("check", *arguments, cwd=project).stderr
    (project / "src" / "a.py").write_text("def\n", encoding="utf-8")
    done = leaklint("check", cwd=project)
    assert done.returncode == 2
    assert b"gone" not in done.stderr


def test_a_comment_takes_a_finding_out_of_the_baseline(project: Path) -> None:
    silenced = LEAKING.replace('_r{index}"\n', '_r{index}"  # noqa: LKL101\n')
    (project / "src" / "a.py").write_text(silenced + "\n\n" + OTHER, encoding="utf-8")
    assert leaklint("check", cwd=project).stderr.count(b"warning: gone") == 1
    assert leaklint("check", "--write-baseline", NAME, cwd=project).returncode == 0
    assert len(entries(project / NAME)) == 1


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"version": 1, "findings": [\n  {"path": 1}\n]}', ":2", "expected `str`, got `int` - at `$.path`"),
        ('{"version": 1,\n "findings": [{}]}', ":2", "missing required field `path`"),
        ('{"version": 1,\n "findings": [\n' + json.dumps(ENTRY) + ",\n\n" + json.dumps({**ENTRY, "count": 0}) + "]}",
         ":5", "expected `int` >= 1 - at `$.count`"),
        ('{"version": 1,\n "findings": [\n' + json.dumps({**ENTRY, "line": 0}) + "]}", ":3", "unknown field `line`"),
        ('{"version": 1,\n "findings": [\n}\n', ":3", "JSON is malformed: invalid character"),
        ('{"version": 1,\n "findings": [\n', ":2", "input data was truncated"),
        ('{\n"version": 2, "findings": []}', ":2", "is of version 2; this leaklint reads version 1"),
        ("[]", ":1", "expected `object`, got `array`"),
        ("", ":1", "input data was truncated"),
        ("[" * 100_000, ":1", ""),
    ],
)  # fmt: skip
def test_a_broken_baseline_is_an_error_with_file_and_line(project: Path, text: str, place: str, message: str) -> None:
    (project / NAME).write_text(text, encoding="utf-8")
    done = leaklint("check", cwd=project)
    assert done.returncode == 2
    first = done.stderr.decode().splitlines()[0]
    assert first.startswith(f"{NAME}{place}: error: ")
    assert message.lower() in first.lower()
    assert b"Traceback" not in done.stderr


def test_a_missing_baseline_says_how_to_write_one(project: Path) -> None:
    (project / NAME).unlink()
    done = leaklint("check", cwd=project)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{NAME}: error: no such baseline; `leaklint check --write-baseline`".encode())
    assert leaklint("check", "--baseline", "src", cwd=project).returncode == 2


def test_wrong_use_is_told(project: Path) -> None:
    for arguments in (("--write-baseline", "x", "--baseline", NAME), ("-", "--write-baseline", "x")):
        done = leaklint("check", *arguments, cwd=project)
        assert done.returncode == 2
        assert b"--write-baseline cannot be combined with" in done.stderr
    done = leaklint("check", "--write-baseline", "nowhere/x", cwd=project)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    (project / "src" / "broken.py").write_text("def\n", encoding="utf-8")
    assert leaklint("check", "--write-baseline", NAME, cwd=project).returncode == 2
    assert len(entries(project / NAME)) == 2, "what could be checked is in it"


@pytest.mark.parametrize("path", ["../outside.json", "/outside.json", "link.json", "folder/outside.json"])
def test_the_configuration_does_not_lead_out_of_the_repository(tmp_path: Path, path: str) -> None:
    one = tmp_path / "one"
    (tmp_path / "outside.json").write_text('{"version": 1, "findings": []}', encoding="utf-8")
    leaking_file(one)
    if os.name != "nt":
        (one / "link.json").symlink_to(tmp_path / "outside.json")
        (one / "folder").symlink_to(tmp_path)
    written = path.replace("/outside", f"{tmp_path.as_posix()}/outside") if path[0] == "/" else path
    (one / "pyproject.toml").write_text(f"[tool.leaklint]\n\nbaseline = '{written}'\n", encoding="utf-8")
    commit_all(one)
    done = leaklint("check", cwd=one)
    assert done.returncode == 2
    assert done.stderr.startswith(b"pyproject.toml:3: error: [tool.leaklint] baseline: ")
    assert b"does not lie in the repository" in done.stderr


def test_a_part_of_a_repository_may_use_a_baseline_of_the_whole(project: Path) -> None:
    (project / "src" / "pyproject.toml").write_text(f'[tool.leaklint]\nbaseline = "../{NAME}"\n', encoding="utf-8")
    assert leaklint("check", cwd=project).returncode == 0


def test_of_several_repositories_each_has_its_own(tmp_path: Path, project: Path) -> None:
    other = tmp_path / "other"
    leaking_file(other, "src/a.py")
    commit_all(other)
    done = leaklint("check", "--format", "json", "src", "other", cwd=tmp_path)
    assert done.returncode == 1
    assert [one["path"] for one in json.loads(done.stdout)["findings"]] == ["other/src/a.py"]


def test_the_fleet_uses_each_repository_s_own(tmp_path: Path) -> None:
    known = {"a.py": LEAKING, "pyproject.toml": '[tool.leaklint]\nbaseline = "ci/known.json"\n'}
    plain, one = tmp_path / "plain", repository(tmp_path / "one", dict(known))
    for name, text in known.items():
        leaking_file(plain, name).write_text(text, encoding="utf-8")
    for folder in (one, plain):
        (folder / "ci").mkdir()
        assert leaklint("check", "--write-baseline", "ci/known.json", cwd=folder).returncode == 0
        leaking_file(folder, "b.py")
    commit_all(one)
    repository(tmp_path / "gone", {**known, "a.py": CLEAN, "ci/known.json": (one / "ci" / "known.json").read_bytes()})
    repository(tmp_path / "broken", {**known, "ci/known.json": "{"})
    repository(tmp_path / "out", {**known, "pyproject.toml": '[tool.leaklint]\nbaseline = "../one/ci/known.json"\n'})
    repositories = ("one", "plain", "gone", "broken", "out")
    done = fleet(*repositories, "--resume", cwd=tmp_path)
    assert done.returncode == 2
    assert b"broken: ci/known.json:1: error: is not a baseline: " in done.stderr
    assert b"out: pyproject.toml:2: error: [tool.leaklint] baseline: " in done.stderr
    told = {Path(one["repository"]).name: one for one in summary(tmp_path)["repositories"]}
    assert {name: (one["findings"], one["repaired"], one["known"]) for name, one in told.items()} == {
        "one": (1, 1, 1),
        "plain": (1, 1, 1),
        "gone": (0, 0, 0),
        "broken": (0, 0, 0),
        "out": (0, 0, 0),
    }
    assert told["gone"]["gone"][0].startswith("LKL101 in a.py, Transform.process: ")
    assert summary(tmp_path)["totals"]["known"] == 2
    assert (results(tmp_path, "one") / "repair.patch").read_bytes().count(b"diff --git") == 1
    (plain / "ci" / "known.json").write_bytes(b'{"version": 1, "findings": []}')
    fleet(*repositories, "--resume", cwd=tmp_path)
    assert [one["findings"] for one in summary(tmp_path)["repositories"]][1] == 2


def test_what_is_written_can_be_read_and_alike_entries_add_up(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(baseline_text([]))
    assert read_baseline(str(path)).known == {}
    line = json.dumps(ENTRY)
    path.write_text(f'{{"version": 1, "findings": [{line},\n{line}]}}', encoding="utf-8")
    baseline = read_baseline(str(path))
    assert [one.count for one in baseline.known["a.py"]] == [2]
    assert list(baseline.lines.values()) == [1]
    with pytest.raises(BaselineError):
        read_baseline("a\0b")
