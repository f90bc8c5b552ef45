"""Files that cannot be read, or that go away during a run: each is named with its path, and the others are done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from front_ends import CLEAN, leaking_file

from leaklint import check_and_fix
from leaklint.cli import main
from leaklint.source import SourceError, read

if TYPE_CHECKING:
    from leaklint.files import Discovery
    from leaklint.source import Source


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def vanishing(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that leaks, and is deleted when it has been listed and not yet been read."""
    path = leaking_file(Path("package"), "vanishing.py")
    discover = check_and_fix.discover

    def list_and_delete(*arguments: object, **options: object) -> Discovery:
        listed = discover(*arguments, **options)  # type: ignore[arg-type] # handed on as they came
        path.unlink()
        return listed

    monkeypatch.setattr(check_and_fix, "discover", list_and_delete)
    return path


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
@pytest.mark.parametrize("command", [["check"], ["fix", "--diff"], ["fix"]], ids=" ".join)
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known from an earlier run"])
def test_a_file_that_vanishes_during_a_run_is_named_and_the_rest_is_done(
    vanishing: Path, command: list[str], jobs: str, is_known: bool
) -> None:
    for name in ("before.py", "last.py"):
        leaking_file(Path("package"), name)
    if is_known:
        text = vanishing.read_text(encoding="utf-8")
        run("check", jobs)
        vanishing.write_text(text, encoding="utf-8")
    result = run(*command, jobs, "package")
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if ": error: " in line]
    assert errors == ["package/vanishing.py: error: cannot read: no such file"]
    assert "1 path could not be done." in result.stderr
    if command == ["fix"]:
        assert "Repaired 2 findings in 2 files; none left." in result.stderr
        assert all("keys" in path.read_text(encoding="utf-8") for path in Path("package").iterdir())
    else:
        assert all(f"package/{name}.py" in result.stdout for name in ("before", "last"))
        assert "vanishing" not in result.stdout


def test_a_named_file_that_may_not_be_read_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    # What click asks is answered for an ordinary user, because root may read everything.
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **options: path != "secret.py" and access(path, mode, **options)
    )
    monkeypatch.setattr("leaklint.work.read", _read_unless_secret)
    Path("clean.py").write_text(CLEAN, encoding="utf-8")
    Path("secret.py").write_text(CLEAN, encoding="utf-8")
    result = run("check", "-j1", "secret.py", "clean.py")
    assert result.exit_code == 2
    assert "secret.py: error: cannot read: permission denied" in result.stderr
    assert "No leaks found in 1 file. 1 path could not be done." in result.stderr


def _read_unless_secret(path: str) -> Source:
    if path == "secret.py":
        raise SourceError(path, "cannot read: permission denied")
    return read(path)


def test_a_generated_file_of_many_megabytes_does_not_stop_the_others() -> None:
    leaking_file(Path(), "leaking.py")
    method = "    def m{0}(self, k):\n        self.c[k] = x.open()\n        x.use()\n        self.c.pop(k)\n"
    Path("huge.py").write_text("class A:\n" + "".join(map(method.format, range(120_000))), encoding="utf-8")
    result = run("check", "-j1", "--format", "concise", "huge.py", "leaking.py")
    assert result.exit_code == 2
    assert "huge.py: error: larger than 3 MiB" in result.stderr
    assert "leaking.py:" in result.stdout


WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root may read everything; an ordinary user needs no prefix."""


def test_a_directory_that_may_not_be_entered_is_named_and_the_rest_is_done() -> None:
    Path("closed").mkdir()
    Path("closed/inner.py").write_text(CLEAN, encoding="utf-8")
    Path("clean.py").write_text(CLEAN, encoding="utf-8")
    prefix = WITHOUT_PRIVILEGES if os.geteuid() == 0 else ()
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("root reads everything, and setpriv is not there to give that up")
    Path("closed").chmod(0)
    try:
        below, within = (
            subprocess.run(
                [*prefix, sys.executable, "-m", "leaklint", "check", *given],
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            for given in ([], ["closed/inner.py", "clean.py"])
        )
    finally:
        Path("closed").chmod(0o700)
    assert "closed: error: cannot read the directory: Permission denied" in below.stderr
    assert "closed/inner.py: error: cannot read: permission denied" in within.stderr
    for result in (below, within):
        assert result.returncode == 2
        assert "No leaks found in 1 file. 1 path could not be done." in result.stderr
