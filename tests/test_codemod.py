from __future__ import annotations

from typing import TYPE_CHECKING

import libcst
import pytest
from front_ends import CLEAN, LEAKING, leaking_file, leaklint, run_module
from libcst.codemod import CodemodContext, SkipFile

from leaklint.codemod import EvictDerivedKeys

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def codemod(*arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ("codemod", "-x", "leaklint.codemod.EvictDerivedKeys", "--hide-progress", "--no-format", *arguments)
    return run_module("libcst.tool", *command, cwd=cwd, stdin=stdin)


def twins(folder: Path) -> tuple[Path, Path]:
    """Two directories with the same files: leaking ones in several encodings, clean ones, bad ones."""
    contents = {
        "plain.py": LEAKING.encode(),
        "crlf.py": LEAKING.replace("\n", "\r\n").encode(),
        "bom.py": b"\xef\xbb\xbf" + LEAKING.encode(),
        "latin.py": "# coding: latin-1\nx = 'é'\n".encode("latin-1") + LEAKING.encode(),
        "tabs.py": LEAKING.replace("    ", "\t").encode(),
        "cut.py": LEAKING.rstrip().encode(),
        "clean.py": CLEAN.encode(),
        "silent.py": LEAKING.replace('index}"\n', 'index}"  # noqa\n').encode(),
    }
    one, other = folder / "one", folder / "other"
    for clone in (one, other):
        clone.mkdir()
        for name, data in contents.items():
            (clone / name).write_bytes(data)
    return one, other


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_it_makes_the_same_bytes_as_leaklint_fix(tmp_path: Path, jobs: str) -> None:
    one, other = twins(tmp_path)
    assert leaklint("fix", cwd=one).returncode == 0
    done = codemod("-j", jobs, ".", cwd=other)
    assert done.returncode == 0, done.stderr
    assert b"Transformed 8 files successfully" in done.stderr
    assert b"0 warnings were generated" in done.stderr
    for path in sorted(one.iterdir()):
        assert (other / path.name).read_bytes() == path.read_bytes(), path.name
    assert (one / "plain.py").read_text(encoding="utf-8") != LEAKING
    assert (one / "silent.py").read_bytes() == LEAKING.replace('index}"\n', 'index}"  # noqa\n').encode()


def test_it_obeys_the_settings(tmp_path: Path) -> None:
    for name in ("a.py", "ignored.py", "excluded/b.py", "build/c.py"):
        leaking_file(tmp_path, name)
    settings = '[tool.leaklint]\nexclude = ["excluded/"]\nper-file-ignores = { "ignored.py" = ["LKL101"] }\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    done = codemod("-j", "1", ".", cwd=tmp_path)
    assert done.returncode == 0
    assert b"Skipped 2 files" in done.stderr
    changed = [path.name for path in tmp_path.rglob("*.py") if path.read_text(encoding="utf-8") != LEAKING]
    assert changed == ["a.py"]


def test_it_repairs_chosen_rules_only(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    assert codemod("--select", "LKL102", ".", cwd=tmp_path).returncode == 0
    assert path.read_text(encoding="utf-8") == LEAKING
    done = codemod("--select", "LKL1O1", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert b"no rule is called 'LKL1O1'; did you mean 'LKL101'?" in done.stderr
    assert codemod("--select", "LKL102,LKL101", "--unsafe-fixes", ".", cwd=tmp_path).returncode == 0
    assert path.read_text(encoding="utf-8") != LEAKING


@pytest.mark.parametrize("jobs", ["1", "4"])
@pytest.mark.parametrize(
    "options",
    [(), ("--isolated",), ("--ignore", "LKL101"), ("--extend-select", "LKL101"), ("--isolated", "--ignore", "LKL102")],
    ids=" ".join,
)
def test_its_options_mean_what_they_mean_to_leaklint_fix(tmp_path: Path, options: tuple[str, ...], jobs: str) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        leaking_file(folder, "a.py")
        leaking_file(folder, "b.py")
        (folder / "pyproject.toml").write_text('[tool.leaklint]\nignore = ["LKL101"]\n', encoding="utf-8")
    assert leaklint("fix", "--exit-zero", "-j", jobs, *options, cwd=folders[0]).returncode == 0
    assert codemod("-j", jobs, *options, ".", cwd=folders[1]).returncode == 0
    for name in ("a.py", "b.py"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    is_repaired = (folders[1] / "a.py").read_text(encoding="utf-8") != LEAKING
    assert is_repaired == ("--isolated" in options or "--extend-select" in options)


def test_it_reads_standard_input(tmp_path: Path) -> None:
    text = f"# coding: latin-1\nx = 'é€'\n{LEAKING}"
    expected = leaklint("fix", "-", cwd=tmp_path, stdin=text.replace("€", "").encode("latin-1")).stdout
    done = codemod("-", cwd=tmp_path, stdin=text.replace("€", "").encode())
    assert done.returncode == 0
    assert done.stdout.decode() == expected.decode("latin-1") + "\n"


def test_what_is_left_is_a_warning(tmp_path: Path) -> None:
    text = LEAKING.replace("key = f", "key = (lambda: f").replace('index}"\n', 'index}")()\n')
    left = leaklint("fix", "-", "--format", "concise", cwd=tmp_path, stdin=text.encode())
    done = codemod("-", cwd=tmp_path, stdin=text.encode())
    found = left.stderr.decode().splitlines()[:-1]
    assert [line.removeprefix("WARNING: ") for line in done.stderr.decode().splitlines()[1:]] == found


def test_a_file_that_libcst_would_change_elsewhere_is_skipped(tmp_path: Path) -> None:
    data = b"\x0c" + LEAKING.encode()
    (tmp_path / "feed.py").write_bytes(data)
    done = codemod("-j", "1", ".", cwd=tmp_path)
    assert done.returncode == 0
    assert b"Skipped 1 files" in done.stderr
    assert (tmp_path / "feed.py").read_bytes() == data


def test_a_broken_configuration_skips_the_file(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.leaklint", encoding="utf-8")
    command = EvictDerivedKeys(CodemodContext(filename=str(path)))
    with pytest.raises(SkipFile, match=r"pyproject\.toml:1.*not valid TOML"):
        command.transform_module(libcst.parse_module(LEAKING))


def test_a_module_that_is_not_the_file_is_skipped(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    command = EvictDerivedKeys(CodemodContext(filename=str(path)))
    with pytest.raises(SkipFile, match="other bytes"):
        command.transform_module(libcst.parse_module(CLEAN))


def test_a_file_that_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    command = EvictDerivedKeys(CodemodContext(filename=str(tmp_path / "nowhere.py")))
    with pytest.raises(SkipFile, match="no such file"):
        command.transform_module(libcst.parse_module(CLEAN))


def test_a_clean_module_comes_back_as_it_is() -> None:
    tree = libcst.parse_module(CLEAN)
    assert EvictDerivedKeys(CodemodContext()).transform_module(tree) is tree
