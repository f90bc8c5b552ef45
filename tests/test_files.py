from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from leaklint.config import ConfigError, Settings, settings_for
from leaklint.files import Discovery, discover
from leaklint.model import FileError


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tree(*paths: str) -> None:
    for path in paths:
        place = Path(path)
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def ignore(path: str, *lines: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def found(*paths: str, exclude: tuple[str, ...] = (), force_exclude: bool = False) -> Discovery:
    def settings_in(directory: str) -> Settings:
        known = settings_for(directory, tuple, {})
        return Settings(known.root, known.repository, exclude=exclude or known.exclude)

    return discover(paths or (".",), settings_in, force_exclude=force_exclude)


def names(*paths: str, exclude: tuple[str, ...] = (), force_exclude: bool = False) -> list[str]:
    discovery = found(*paths, exclude=exclude, force_exclude=force_exclude)
    assert discovery.errors == ()
    return [file.path for file in discovery.files]


def test_python_files_are_found_in_order() -> None:
    tree("b.py", "a.py", "a/z.py", "a/b.py", "a-b/c.py", "README.md", "stub.pyi", "script", "x.pyc")
    assert names() == ["a/b.py", "a/z.py", "a-b/c.py", "a.py", "b.py"]


def test_paths_come_in_their_order_and_each_file_once() -> None:
    tree("a.py", "b/c.py")
    assert names("b", ".", "a.py") == ["b/c.py", "a.py"]


def test_a_named_file_needs_no_suffix() -> None:
    tree("script", "stub.pyi")
    assert names("script", "stub.pyi") == ["script", "stub.pyi"]


def test_a_missing_path_is_an_error() -> None:
    tree("a.py")
    discovery = found("nowhere", "a.py", "")
    assert [file.path for file in discovery.files] == ["a.py"]
    assert discovery.errors == (
        FileError("nowhere", "no such file or directory"),
        FileError("", "no such file or directory"),
    )


@pytest.mark.parametrize(
    "directory", [".git", ".venv", "venv", "node_modules", "build", "dist", "__pycache__", ".tox", ".nox", ".eggs"]
)
def test_what_is_never_source_is_left_out(directory: str) -> None:
    tree(f"{directory}/a.py", f"deep/{directory}/a.py", "lib/site-packages/a.py", "a.py")
    assert names() == ["a.py"]


def test_a_file_may_be_called_like_such_a_directory() -> None:
    tree("build.py", "dist.py")
    assert names() == ["build.py", "dist.py"]


def test_what_is_named_is_taken_and_so_is_what_lies_below() -> None:
    tree(".venv/lib/a.py", ".venv/lib/__pycache__/b.py", ".venv/c.py")
    ignore(".gitignore", ".venv/")
    tree(".git/")
    assert names(".venv/c.py", ".venv/lib") == [".venv/c.py", ".venv/lib/a.py"]


def test_force_exclude_leaves_out_what_is_named() -> None:
    tree("build/a.py", "generated/b.py", "c.py", "generated/deep/")
    paths = ("build/a.py", "build", "generated/b.py", "generated/deep", "c.py")
    assert names(*paths, exclude=("generated/",), force_exclude=True) == ["c.py"]
    assert names(*paths, exclude=("generated/",)) == ["build/a.py", "generated/b.py", "c.py"]


def test_excludes_are_patterns_relative_to_the_settings_and_can_take_defaults_back() -> None:
    tree("build/a.py", "src/b.py", "src/deep/b.py", "b.py")
    assert names(exclude=("/b.py", "src/*/b.py", "!build/")) == ["build/a.py", "src/b.py"]


def test_test_code_is_left_out_unless_it_is_named_or_taken_back() -> None:
    tree("src/a.py", "tests/pool.py", "src/test/b.py", "src/test_c.py", "src/c_test.py", "conftest.py", "contest/d.py")
    assert names() == ["contest/d.py", "src/a.py"]
    assert names("tests", "src/test_c.py") == ["tests/pool.py", "src/test_c.py"]
    assert names("tests", "src/a.py", force_exclude=True) == ["src/a.py"]
    assert names(exclude=("!tests/", "!test_*.py")) == ["contest/d.py", "src/a.py", "src/test_c.py", "tests/pool.py"]


def test_each_directory_has_its_own_settings() -> None:
    tree("one/a.py", "one/skip/b.py", "two/a.py", "two/skip/b.py")
    ignore("one/pyproject.toml", "[tool.leaklint]", 'exclude = ["skip/"]')
    discovery = found()
    assert [file.path for file in discovery.files] == ["one/a.py", "two/a.py", "two/skip/b.py"]
    assert discovery.files[0].settings.root == str(Path("one").absolute())


def test_a_broken_configuration_costs_only_its_own_files() -> None:
    tree("one/a.py", "one/deep/b.py", "two/a.py")
    ignore("one/pyproject.toml", "[tool.leaklint")
    for paths in ((".",), ("one", "two"), ("one/a.py", "two/a.py")):
        discovery = found(*paths)
        assert [file.path for file in discovery.files] == ["two/a.py"]
        assert [error.path for error in discovery.errors] == ["one/pyproject.toml"]


def test_nested_ignore_files_add_and_take_back() -> None:
    tree(".git/", "a.py", "gen_a.py", "deep/gen_b.py", "deep/keep/gen_c.py", "deep/local.py", "local.py")
    ignore(".gitignore", "gen_*.py")
    ignore("deep/.gitignore", "/local.py")
    ignore("deep/keep/.gitignore", "!gen_c.py")
    assert names() == ["a.py", "deep/keep/gen_c.py", "local.py"]
    assert names("deep") == ["deep/keep/gen_c.py"]
    assert names("deep/keep") == ["deep/keep/gen_c.py"]


def test_the_repository_s_own_exclude_file_counts() -> None:
    tree("a.py", "private.py", "taken/private.py")
    ignore(".git/info/exclude", "private.py")
    ignore("taken/.gitignore", "!private.py")
    assert names() == ["a.py", "taken/private.py"]


@pytest.mark.parametrize("pointer", ["gitdir: ../data/worktrees/tree", "gitdir: {absolute}/data/worktrees/tree\n"])
def test_a_linked_working_tree_has_the_exclude_file_of_its_repository(pointer: str) -> None:
    tree("tree/a.py", "tree/private.py", "data/worktrees/tree/")
    ignore("data/info/exclude", "private.py")
    ignore("data/worktrees/tree/commondir", "../..")
    Path("tree/.git").write_text(pointer.format(absolute=Path.cwd()), encoding="utf-8")
    assert names("tree") == ["tree/a.py"]


def test_a_submodule_has_an_exclude_file_of_its_own() -> None:
    tree("module/a.py", "module/private.py")
    ignore(".git/modules/module/info/exclude", "private.py")
    ignore("module/.git", "gitdir: ../.git/modules/module")
    assert names() == ["module/a.py"]


def test_an_outer_repository_does_not_rule_an_inner_one() -> None:
    tree(".git/", "inner/.git/", "inner/gen.py", "gen.py")
    ignore(".gitignore", "gen.py")
    assert names() == ["inner/gen.py"]
    assert names("inner") == ["inner/gen.py"]


def test_ignore_files_count_without_a_repository_too() -> None:
    tree("a.py", "gen.py")
    ignore(".gitignore", "gen.py")
    assert names() == ["a.py"]


def test_lines_that_are_no_patterns_and_bytes_that_are_no_text_are_passed_over() -> None:
    tree("a.py", "gen.py")
    Path(".gitignore").write_bytes(b"!\n/\n\xff\xfe\n***/x\ngen.py\n")
    assert names() == ["a.py"]


def test_the_same_files_as_git(tmp_path: Path) -> None:
    lines = [
        "*.gen.py",
        "/top.py",
        "sub/dir/",
        "!keep.gen.py",
        "a/**/z.py",
        "**/q/*.py",
        "!a/q/r.py",
        "x[12].py",
        "\\#b.py",
    ]
    ignore(".gitignore", "# a comment", "", *lines, "spaces.py  ")
    ignore("a/.gitignore", "*.py", "!b.py", "!/c/", "/c/*", "!/c/d.py")
    tree("top.py", "sub/top.py", "sub/dir/a.py", "other/sub/dir/a.py", "x.gen.py", "keep.gen.py", "sub/keep.gen.py")
    tree("a/z.py", "a/1/2/z.py", "a/b.py", "a/c/b.py", "a/c/d.py", "a/c/e/d.py", "a/q/r.py", "q/a.py", "s/q/b.py")
    tree("x1.py", "x3.py", "#b.py", "spaces.py", "d/spaces.py", "sub/dir.py")
    subprocess.run(["git", "init", "-q", "."], check=True, cwd=tmp_path)
    listed = subprocess.run(
        ["git", "-c", "core.quotePath=off", "-c", "core.excludesFile=", "ls-files", "-o", "--exclude-standard", "*.py"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert sorted(names()) == sorted(listed.stdout.splitlines())
    assert len(names()) == 8


def test_a_loop_of_links_is_not_entered() -> None:
    tree("a/b/c.py")
    Path("a/b/up").symlink_to("../..")
    Path("a/self").symlink_to("self")
    Path("a/directory.py").symlink_to("b")
    assert names() == ["a/b/c.py"]
    assert names("a/b/up") == ["a/b/up/a/b/c.py"]


def test_a_link_to_a_file_is_followed_but_no_file_is_checked_twice() -> None:
    tree("a.py", "outside/real.py")
    Path("b.py").symlink_to("a.py")
    tree("inside/")
    Path("inside/linked.py").symlink_to("../outside/real.py")
    assert names() == ["a.py", "inside/linked.py"]


def test_an_editor_s_lock_file_is_not_read_but_another_dangling_link_is() -> None:
    Path(".#a.py").symlink_to("user@host.1234")
    Path("dangling.py").symlink_to("nowhere.py")
    assert names() == ["dangling.py"]


def test_a_directory_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    tree("a.py", "locked/b.py")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    discovery = found()
    assert [file.path for file in discovery.files] == ["a.py"]
    assert discovery.errors == (FileError("locked", "cannot read the directory: Permission denied"),)


def test_paths_outside_of_the_working_directory_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree("one/a.py", "two/")
    monkeypatch.chdir(tmp_path / "two")
    assert names("../one/a.py") == ["../one/a.py"]
    assert names(str(tmp_path / "one")) == [str(tmp_path / "one" / "a.py")]
    monkeypatch.chdir(tmp_path)
    assert names(str(tmp_path / "one")) == ["one/a.py"]
    assert names("two/../one") == ["one/a.py"]


def test_a_configuration_error_is_the_answer_for_a_named_file() -> None:
    tree("a.py")

    def refuse(directory: str) -> Settings:
        raise ConfigError(FileError("pyproject.toml", "broken"))

    assert discover(["a.py"], refuse).errors == (FileError("pyproject.toml", "broken"),)
