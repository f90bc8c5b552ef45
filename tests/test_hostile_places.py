"""Hostile files, folders and disks: what cannot be done is named with its path, the rest is done, nothing is half done.

Each test has a room of its own, with a file in it that leaks and is found or repaired all the same.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from front_ends import CLEAN, LEAKING, environment, leaking_file, leaklint, run_module, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = pytest.mark.parametrize("command", ["check", "fix"])


def errors_of(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return [line for line in done.stderr.decode().splitlines() if ": error: " in line]


def is_done(command: str, done: subprocess.CompletedProcess[bytes], path: Path) -> bool:
    """Whether the leak in a file was found, or repaired."""
    return path.name in done.stdout.decode() if command == "check" else "keys" in path.read_text("utf-8")


@COMMANDS
def test_a_pipe_and_a_loop_of_links_are_named_and_not_waited_for(tmp_path: Path, command: str) -> None:
    leaking = leaking_file(tmp_path)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to("other.py")
    (tmp_path / "other.py").symlink_to("loop.py")
    (tmp_path / "down").symlink_to(".")
    done = leaklint(command, "pipe.py", "loop.py", ".", cwd=tmp_path)
    assert done.returncode == 2
    named = [line.partition(": error: ")[0] for line in errors_of(done)]
    assert set(named) == {"pipe.py", "loop.py", "other.py"}
    assert len(named) == 3
    assert is_done(command, done, leaking)


def test_flake8_passes_a_loop_of_links_and_does_the_rest(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "down").symlink_to(".")
    done = run_module("flake8", "--isolated", "--select", "LKL", "-j1", cwd=tmp_path)
    assert (done.stderr, done.returncode) == (b"", 1)
    assert b"./leaking.py:15:" in done.stdout


IMPORTS = {
    "a module that imports itself": {
        "own.py": "import own\nfrom own import *\nfrom own import Own\nfrom . import own as other\n\n\n"
        "class Own(Own, own.Own, other.Own):\n    pass\n"
    },
    "two that import each other": {
        "one.py": "from two import *\nfrom two import Two\n\n\nclass One(Two):\n    pass\n",
        "two.py": "from one import *\nfrom one import One\n\n\nclass Two(One):\n    pass\n",
    },
    "a package that is its own module": {
        "ring/__init__.py": "from .ring import Ring\nfrom ring import ring\nfrom . import *\n",
        "ring/ring.py": "from ring import Ring, ring\nfrom .ring import Ring as Old\n\n"
        "class Ring(Ring, Old):\n    pass\n",
    },
    "many in a circle": {
        f"m{number}.py": f"from m{(number + 1) % 30} import Base as Next\n\n\nclass Base(Next):\n    pass\n"
        for number in range(30)
    },
    "names that lead in a circle": {
        "one.py": "from two import name as name\nname = name\n",
        "two.py": "from one import name as name\nother = name = name.name\n",
    },
}
"""Modules; what each of them has is put before a class that leaks and derives from what it has."""


@COMMANDS
@pytest.mark.parametrize("room", IMPORTS)
def test_a_circle_of_imports_and_of_classes_ends(tmp_path: Path, command: str, room: str) -> None:
    (tmp_path / "pyproject.toml").touch()
    for name, text in IMPORTS[room].items():
        base = name.rpartition("/")[2].removesuffix(".py").title()
        leaking_file(tmp_path, name).write_text(f"{text}\n\n{LEAKING.replace('Transform', f'Transform({base})')}")
    done = leaklint(command, "-j1", cwd=tmp_path)
    assert errors_of(done) == []
    assert done.returncode == (1 if command == "check" else 0)
    assert all(is_done(command, done, tmp_path / name) for name in IMPORTS[room])


def test_flake8_ends_in_a_circle_too(tmp_path: Path) -> None:
    for room, files in IMPORTS.items():
        for name, text in files.items():
            leaking_file(tmp_path / room, name).write_text(f"{text}\n\n{LEAKING}")
    done = run_module("flake8", "--isolated", "--select", "LKL", "-j1", cwd=tmp_path)
    assert (done.stderr, done.returncode) == (b"", 1)
    assert len(done.stdout.splitlines()) == sum(map(len, IMPORTS.values()))


WITHOUT_PRIVILEGES = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search,-fowner",
    "--inh-caps=-all",
)
"""Root may read and write everything; an ordinary user needs no prefix."""


def test_a_folder_that_may_not_be_written_to_keeps_its_files(tmp_path: Path) -> None:
    prefix = WITHOUT_PRIVILEGES if os.geteuid() == 0 else ()
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("root writes everywhere, and setpriv is not there to give that up")
    locked = leaking_file(tmp_path / "locked")
    leaking = leaking_file(tmp_path)
    locked.parent.chmod(0o500)
    try:
        done = _fixed(tmp_path, prefix=prefix)
    finally:
        locked.parent.chmod(0o700)
    assert done.returncode == 2
    assert errors_of(done) == ["locked/leaking.py: error: cannot write: permission denied"]
    assert locked.read_text("utf-8") == LEAKING
    assert is_done("fix", done, leaking)


def _fixed(
    folder: Path, *, prefix: tuple[str, ...] = (), before: Callable[[], object] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [*prefix, sys.executable, "-m", "leaklint", "fix", "-j1"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, env=environment(), check=False, timeout=120, preexec_fn=before
    )


def test_a_full_disk_costs_what_does_not_fit_and_leaves_it_whole(tmp_path: Path) -> None:
    room = len(LEAKING) + 2_000
    large = leaking_file(tmp_path, "large.py")
    large.write_text(LEAKING + "\n# " + "a" * room, encoding="utf-8")
    before = large.read_bytes()
    leaking = leaking_file(tmp_path)
    # The cache does not fit either, which is nothing to speak of.
    done = _fixed(tmp_path, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    assert done.returncode == 2
    assert errors_of(done) == ["large.py: error: cannot write: file too large"]
    assert large.read_bytes() == before
    assert is_done("fix", done, leaking)
    assert {path.name for path in tmp_path.iterdir()} == {"large.py", "leaking.py"}


def test_a_report_that_does_not_fit_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    for number in range(20):
        leaking_file(tmp_path, f"m{number}.py")
    command = [sys.executable, "-m", "leaklint", "check", "-j1", "--no-cache", "--output-file", "report.txt"]
    # What measures coverage could not write either, and would say so.
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        env=unmeasured(),
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000)),
    )
    assert (done.returncode, done.stderr) == (2, b"Error: cannot write the report: File too large\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["check", "check --format json", "fix --diff", "fix --stdin-filename a.py -"])
def test_an_output_that_takes_nothing_is_an_error_and_no_traceback(tmp_path: Path, command: str) -> None:
    leaking_file(tmp_path)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "leaklint", *command.split()],
            cwd=tmp_path,
            input=LEAKING.encode(),
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (2, b"Error: cannot write the report: No space left on device\n")


def test_strange_names_of_files_are_told_as_they_are(tmp_path: Path) -> None:
    names = [b"\xff.py", "ключ.py".encode(), b"a b\t.py", b"line\nbreak.py", b"-j9.py", b"%s{0}.py", b"[red].py"]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for path in paths:
        path.write_text(LEAKING, encoding="utf-8")
    (tmp_path / "clean.py").write_text(CLEAN)
    done = leaklint("check", "-j1", "--format", "json", cwd=tmp_path)
    assert (errors_of(done), done.returncode) == ([], 1)
    assert len(json.loads(done.stdout)["findings"]) == len(names)
    assert leaklint("check", "-j1", cwd=tmp_path).returncode == 1
    assert leaklint("fix", "-j1", cwd=tmp_path).returncode == 0
    assert all(b"keys" in path.read_bytes() for path in paths)
