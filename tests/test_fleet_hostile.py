from __future__ import annotations

import os
import subprocess
from concurrent.futures import Executor
from pathlib import Path

import pytest
from distribution import commit_all, git
from fleet import fleet, repository, results, summary
from front_ends import CLEAN, LEAKING

from leaklint.fleet import pool, work
from leaklint.fleet.git import STOPPED
from leaklint.fleet.repositories import Asked, Repository, found
from leaklint.fleet.work import Order, Result


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
def test_no_program_of_a_repository_runs(tmp_path: Path) -> None:
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\necho $0 $* >> '{sprung}'\n", encoding="utf-8")
    trap.chmod(0o755)
    one = repository(tmp_path / "one", {"a.py": LEAKING, ".gitattributes": "*.py filter=trap diff=trap\n"})
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        (one / ".git" / "hooks").mkdir(exist_ok=True)
        (one / ".git" / "hooks" / hook).write_text(trap.read_text(encoding="utf-8"), encoding="utf-8")
        (one / ".git" / "hooks" / hook).chmod(0o755)
    for key in ("filter.trap.smudge", "filter.trap.clean", "core.fsmonitor", "core.sshCommand", "core.pager",
                "core.editor", "diff.trap.textconv", "core.gitProxy", "core.askPass", "alias.rev-parse",
                "remote.origin.uploadpack", "credential.helper", "core.alternateRefsCommand"):  # fmt: skip
        git("config", key, str(trap), cwd=one)
    git("config", "remote.origin.url", "ssh://nowhere.invalid/x", cwd=one)
    git("config", "remote.origin.promisor", "true", cwd=one)
    git("config", "core.repositoryFormatVersion", "1", cwd=one)
    git("config", "extensions.partialClone", "origin", cwd=one)
    sprung.unlink(missing_ok=True)
    blob = subprocess.run(
        ["git", "hash-object", "--no-filters", "a.py"], cwd=one, capture_output=True, check=True, encoding="utf-8"
    ).stdout.strip()
    assert fleet("one", cwd=tmp_path).returncode == 0
    assert summary(tmp_path)["totals"]["repaired"] == 1
    (one / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    absent = "0123456789012345678901234567890123456789"
    fleet("one", f"one@{absent}", cwd=tmp_path)
    assert not sprung.exists(), sprung.read_text(encoding="utf-8")
    for command in (("status",), ("cat-file", "-p", absent), ("worktree", "add", "--detach", "../away")):
        subprocess.run(
            ["git", *command], cwd=one, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
        )
        assert sprung.exists(), f"the traps would not have noticed git {command[0]}"
        sprung.unlink()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_lead_nowhere_and_submodules_stay_out(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text(LEAKING, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "deep.py").write_text(LEAKING, encoding="utf-8")
    inner = repository(tmp_path / "inner")
    one = tmp_path / "one"
    one.mkdir()
    (one / "link.py").symlink_to(tmp_path / "secret.py")
    (one / "folder").symlink_to(tmp_path / "secrets")
    (one / "a.py").write_text(CLEAN, encoding="utf-8")
    commit_all(one)
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub", cwd=one)
    git("commit", "-q", "-m", "sub", cwd=one)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "link.py").symlink_to(tmp_path / "secret.py")
    assert fleet("one", "plain", cwd=tmp_path).returncode == 0
    assert [(one["files"], one["findings"]) for one in summary(tmp_path)["repositories"]] == [(1, 0), (0, 0)]


def test_a_tree_cannot_write_outside(tmp_path: Path) -> None:
    one = repository(tmp_path / "one", {"a.py": LEAKING})
    blob = git("rev-parse", "HEAD:a.py", cwd=one).strip()

    def tree(name: bytes, mode: bytes, digest: str) -> str:
        data = mode + b" " + name + b"\0" + bytes.fromhex(digest)
        command = ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"]
        return subprocess.run(command, cwd=one, input=data, capture_output=True, check=True).stdout.decode().strip()

    top = tree(b"..", b"40000", tree(b"..", b"40000", tree(b"evil.py", b"100644", blob)))
    git("update-ref", "refs/heads/evil", git("commit-tree", "-m", "evil", top, cwd=one).strip(), cwd=one)
    done = fleet("one@evil", cwd=tmp_path)
    assert done.returncode == 2
    assert b"evil" in done.stderr
    assert [path for path in tmp_path.rglob("evil.py") if ".git" not in path.parts] == []


def test_a_missing_file_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    one = repository(tmp_path / "one", {"a.py": LEAKING, "b.py": CLEAN})
    blob = git("rev-parse", "HEAD:b.py", cwd=one).strip()
    path = one / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.unlink()
    done = fleet("one", cwd=tmp_path)
    assert done.returncode == 2
    assert b"one: b.py: error: is missing from the object database" in done.stderr
    assert summary(tmp_path)["totals"]["repaired"] == 1


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_an_object_that_nobody_hands_out_costs_one_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = repository(tmp_path / "one", {"a.py": LEAKING, "b.py": CLEAN})
    blob = git("rev-parse", "HEAD:b.py", cwd=one).strip()
    path = one / ".git" / "objects" / blob[:2] / blob[2:]
    path.unlink()
    os.mkfifo(path)
    (asked,) = found([Asked(str(one))])
    assert isinstance(asked, Repository)
    monkeypatch.setattr("leaklint.fleet.git.SECONDS", 1)
    assert work.do(asked, Order()).failure == STOPPED


DEADLY = """\
import os
from leaklint import work
from leaklint.fleet import work as fleet_work

check = work.check_file

def deadly(found, data=None, *, project=None):
    if found.path.endswith("deadly.py"):
        os._exit(9)
    return check(found, data, project=project)

deadly.__module__, deadly.__qualname__ = "leaklint.work", "check_file"
work.check_file = fleet_work.check_file = deadly
"""


def test_a_file_that_kills_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
    for name in ("a", "b", "c", "d"):
        repository(tmp_path / name)
    repository(tmp_path / "hostile", {"deadly.py": CLEAN, "leaking.py": LEAKING})
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    done = fleet("a", "b", "hostile", "c", "d", "-j", "2", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{tmp_path / 'hostile'}: deadly.py: error: the process that worked on this file died; it was left as it is"
        .encode()
    ]  # fmt: skip
    found = summary(tmp_path)
    assert [one["repaired"] for one in found["repositories"]] == [1] * 5
    assert b"leaking.py" in (results(tmp_path, "hostile") / "repair.patch").read_bytes()


HANGING = DEADLY.replace(
    """    if found.path.endswith("deadly.py"):
        os._exit(9)
""",
    """    while found.path.endswith("hanging.py"):
        pass
    if found.path.endswith("frozen.py"):
        ctypes.PyDLL(None).sleep(600)
""",
).replace("import os", "import ctypes")
"""One file keeps Python busy for ever, the other holds its interpreter in C, where no exception arrives."""


def hanging(folder: Path) -> str:
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(HANGING, encoding="utf-8")
    for name in ("a", "b"):
        repository(folder / name)
    return os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])


def test_a_file_that_takes_for_ever_costs_itself_alone(tmp_path: Path) -> None:
    path = hanging(tmp_path)
    repository(tmp_path / "hostile", {"hanging.py": CLEAN, "leaking.py": LEAKING})
    arguments = ("a", "hostile", "b", "-j", "2", "--resume")
    done = fleet(*arguments, "--seconds", "4", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 2
    told = f"{tmp_path / 'hostile'}: hanging.py: error: took longer than 4 seconds; it was left as it is"
    assert done.stderr.splitlines() == [told.encode()]
    found = summary(tmp_path)
    assert [one["repaired"] for one in found["repositories"]] == [1] * 3
    assert [one["timed_out"] for one in found["repositories"]] == [[], ["hanging.py"], []]
    assert found["totals"]["timed_out"] == 1
    record = results(tmp_path, "hostile") / "record.json"
    before = record.read_bytes()
    fleet(*arguments, "--seconds", "4", cwd=tmp_path, PYTHONPATH=path)
    assert record.read_bytes() == before, "the same time would not be enough again"
    assert fleet(*arguments, "--seconds", "60", cwd=tmp_path).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no such function to sleep with")
def test_a_file_that_freezes_python_itself_costs_itself_alone(tmp_path: Path) -> None:
    path = hanging(tmp_path)
    repository(tmp_path / "alone", {"frozen.py": CLEAN})
    repository(tmp_path / "hostile", {"frozen.py": CLEAN, "leaking.py": LEAKING})
    done = fleet("a", "alone", "hostile", "b", "-j", "2", "--seconds", "4", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 2
    assert done.stderr.count(b"frozen.py: error: took longer than 4 seconds; it was left as it is") == 2
    found = summary(tmp_path)
    assert [one["timed_out"] for one in found["repositories"]] == [[], ["frozen.py"], ["frozen.py"], []]
    assert [one["repaired"] for one in found["repositories"]] == [1, 0, 1, 1]


def _die(repository: Repository, order: Order, jobs: int = 1) -> Result:
    os._exit(3)


def test_a_repository_that_kills_twice_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path / "one")
    (one,) = found([Asked(str(tmp_path / "one"))])
    assert isinstance(one, Repository)
    monkeypatch.setattr(pool, "do", _die)
    monkeypatch.setattr(pool, "do_all", _die)
    ((_, result),) = pool.each([one], Order(), lambda: pool.processes(1), 1, 1)
    assert result.failure == pool.DIED


def test_a_fault_of_ours_costs_one_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path / "one")
    (one,) = found([Asked(str(tmp_path / "one"))])
    assert isinstance(one, Repository)
    monkeypatch.setattr(work, "discover", lambda *_: 1 / 0)
    assert "internal error" in str(work.do(one, Order()).failure)


def test_only_what_keeps_everyone_busy_is_handed_out() -> None:
    class Counting(Executor):
        most = 0

        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            self.most = max(self.most, taken - len(done))
            future: pool.Future[tuple[Result, ...]] = pool.Future()
            future.set_result(tuple(Result(one.slug) for one in args[0]))
            return future

    taken, done, executor = 0, [], Counting()

    def many():  # type: ignore[no-untyped-def]
        nonlocal taken
        for number in range(500):
            taken += 1
            yield Repository("", "HEAD", "", str(number), None)

    for _, result in pool.each(many(), Order(), lambda: executor, 2, 3):
        done.append(result.slug)
    assert sorted(map(int, done)) == list(range(500))
    assert executor.most <= 2 * pool.IN_HAND * 3
