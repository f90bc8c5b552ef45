from __future__ import annotations

import ast
import json
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from front_ends import CLEAN, LEAK_LINE, LEAKING, leaking_file, leaklint, run_module

from leaklint.flake8_plugin import Plugin

if TYPE_CHECKING:
    from pathlib import Path


def flake8(*arguments: str, cwd: Path, stdin: bytes = b"") -> list[str]:
    """What flake8 says, without its code for the reported file being called `./name`."""
    done = run_module("flake8", "--isolated", *arguments, cwd=cwd, stdin=stdin)
    assert done.stderr == b""
    assert done.returncode in (0, 1)
    return [line.removeprefix("./") for line in done.stdout.decode().splitlines()]


def test_flake8_reports_what_the_command_line_reports(tmp_path: Path) -> None:
    for number in range(3):
        leaking_file(tmp_path, f"package/leak_{number}.py")
    (tmp_path / "package" / "wide.py").write_text(LEAKING.replace("key = f", "é = '€'; key = f"), encoding="utf-8")
    expected = leaklint("check", "--format", "concise", cwd=tmp_path).stdout.decode().splitlines()
    assert len(expected) == 4
    for options in (("-j2",), ("-j1",), ("-j2", "--extend-select", "LKL1")):
        assert sorted(flake8("--select", "LKL", *options, cwd=tmp_path)) == expected


def test_it_is_on_without_an_option(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    assert [line for line in flake8(cwd=tmp_path) if " LKL101 " in line] != []


@pytest.mark.parametrize(
    "name", ["tests/pool.py", "package/test/pool.py", "test_pool.py", "pool_test.py", "conftest.py"]
)
def test_test_code_is_checked_if_asked_for(tmp_path: Path, name: str) -> None:
    leaking_file(tmp_path, name)
    leaking_file(tmp_path, "contest/pool.py")
    assert {line.split(":")[0] for line in flake8("--select", "LKL", cwd=tmp_path)} == {"contest/pool.py"}
    lines = flake8("--select", "LKL", "--leaklint-tests", cwd=tmp_path)
    assert {line.split(":")[0] for line in lines} == {"contest/pool.py", name}


def test_flake8_reads_standard_input(tmp_path: Path) -> None:
    (line,) = flake8("--select", "LKL", "--stdin-display-name", "a/b.py", "-", cwd=tmp_path, stdin=LEAKING.encode())
    assert line.startswith(f"a/b.py:{LEAK_LINE}:")


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: LKL101", "# noqa: LKL1"])
def test_comments_are_left_to_flake8(tmp_path: Path, comment: str) -> None:
    (tmp_path / "a.py").write_text(LEAKING.replace('index}"\n', f'index}}"  {comment}\n'), encoding="utf-8")
    assert flake8("--select", "LKL", cwd=tmp_path) == []
    assert len(flake8("--select", "LKL", "--disable-noqa", cwd=tmp_path)) == 1


def test_flake8_chooses(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    assert flake8("--select", "LKL102", cwd=tmp_path) == []
    assert flake8("--select", "LKL", "--extend-ignore", "LKL101", cwd=tmp_path) == []
    assert len(flake8("--select", "LKL1", cwd=tmp_path)) == 1


def test_bad_files_are_no_exception(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    contents = {
        "syntax.py": b"def f(:\n",
        "nul.py": b"a = '\0'\n",
        "cookie.py": b"# coding: nonsense\n" + LEAKING.encode(),
        "mistaken.py": b"# coding: ascii\nx = '\xc3\xa9'\n" + LEAKING.encode(),
        "deep.py": b"a = " + b"(" * 3000 + b")" * 3000 + b"\n",
        "empty.py": b"",
        "latin.py": "# coding: latin-1\nx = 'é'; y = 1\n".encode("latin-1") + LEAKING.encode(),
        "bom.py": b"\xef\xbb\xbf" + LEAKING.encode(),
        "crlf.py": LEAKING.replace("\n", "\r\n").encode(),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    lines = flake8("--select", "LKL", "-j2", cwd=tmp_path)
    assert {line.split(":")[0] for line in lines} >= {"leaking.py", "latin.py", "bom.py", "crlf.py"}
    assert all(" LKL101 " in line for line in lines)


def test_what_goes_wrong_is_logged_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Plugin(ast.parse(CLEAN), "a.py", ["# coding: nonsense\n"])
    assert list(plugin.run()) == []
    assert "leaklint could not check a.py" in caplog.text


@pytest.mark.parametrize(
    ("select", "extend_select", "asked_for"),
    [
        (None, None, ()),
        (["LKL"], None, ()),
        (["LKL1", "E"], None, ()),
        (["LKL2"], None, ("LKL2",)),
        (None, ["LKL201"], ("LKL201",)),
    ],
)
def test_rules_that_are_off_must_be_asked_for(
    select: list[str] | None,
    extend_select: list[str] | None,
    asked_for: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Plugin, "asked_for", ())
    Plugin.parse_options(Namespace(select=select, extend_select=extend_select, leaklint_tests=False))
    assert Plugin.asked_for == asked_for


def test_rules_that_are_off_are_in_the_default_ignore_list(tmp_path: Path) -> None:
    done = run_module("flake8", "--isolated", "--bug-report", cwd=tmp_path)
    plugins = {plugin["plugin"]: plugin["version"] for plugin in json.loads(done.stdout)["plugins"]}
    assert "flake8-leaklint" in plugins

    class Manager:
        ignored: tuple[str, ...] = ()
        options: tuple[str, ...] = ()

        def extend_default_ignore(self, error_codes: list[str]) -> None:
            self.ignored += tuple(error_codes)

        def add_option(self, name: str, **settings: object) -> None:
            self.options += (name,)

    manager = Manager()
    Plugin.add_options(manager)
    assert (manager.ignored, manager.options) == (("LKL2",), ("--leaklint-tests",))


def test_nothing_heavy_is_imported_before_a_file_is_checked(tmp_path: Path) -> None:
    code = "import sys; import leaklint.flake8_plugin; print(*sys.modules)"
    script = tmp_path / "show.py"
    script.write_text(code, encoding="utf-8")
    modules = run_module("show", cwd=tmp_path).stdout.decode().split()
    assert "leaklint.flake8_plugin" in modules
    assert not {"libcst", "rich", "click", "msgspec", "leaklint.analyze"} & set(modules)
