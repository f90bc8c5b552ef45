"""Does what README.md tells its reader to do: installs the wheel, and runs every command on the README's own example.

The wheel of this checkout stands in for the package index, a clone of it for the repository; all else is as written.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from distribution import (
    ROOT,
    UNREACHABLE,
    build_wheel,
    commit_all,
    copy_checkout,
    made_once,
    on_path,
    stand_in_for_venv,
    unmeasured,
)
from documents import Block, blocks

from leaklint import __version__

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(README)
CONFIGURATION = ".pre-commit-config.yaml"


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def commands(block: Block) -> list[str]:
    return block.text.splitlines()


INSTALL = [block for block in of("sh") if block.text.startswith("pip install")]
IN_CHECKOUT = [block for block in of("sh") if block.note == "in a checkout"]
PRE_COMMIT = [block for block in of("sh") if block.text.startswith("pre-commit")]
ORDINARY = [block for block in of("sh") if block not in (*INSTALL, *IN_CHECKOUT, *PRE_COMMIT)]


class Installation(NamedTuple):
    """Where the README's `pip install` has put leaklint, and the environment to use it from."""

    folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = made_once(tmp_path_factory, "installation", install)
    if (folder / "unreachable").exists():
        pytest.skip("the package index cannot be reached, so that nothing can be installed")
    return Installation(folder, installed(folder))


def installed(folder: Path) -> dict[str, str]:
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    # Named here, because this environment is made before any test has its own cache: `clean` must not reach the user's.
    cache = str(folder / "cache")
    return unmeasured(PATH=on_path(scripts), COLUMNS="80", VIRTUAL_ENV=str(folder / "venv"), LEAKLINT_CACHE_DIR=cache)


def install(folder: Path) -> None:
    """Do what the README says, in a new environment."""
    wheel = build_wheel(folder / "dist")
    constraint = folder / "constraint.txt"
    constraint.write_text(f"flake8-leaklint @ {wheel.as_uri()}\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    (block,) = INSTALL
    environment = {**installed(folder), "PIP_CONSTRAINT": str(constraint), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = run(block.text, folder, environment)
    if done.returncode and any(word in done.stdout for word in UNREACHABLE):
        (folder / "unreachable").touch()
    else:
        assert done.returncode == 0, done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the README's example in it."""
    example = of("python")[0]
    path = tmp_path / example.above
    path.parent.mkdir(parents=True)
    path.write_text(example.text, encoding="utf-8")
    return tmp_path


def run(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=600,
    )


def exit_code(block: Block) -> int:
    """What the comment above the block says, which a reader does not see."""
    return int(block.note.removeprefix("exits with ")) if block.note.startswith("exits with ") else 0


def test_it_begins_as_a_user_does() -> None:
    begun = [commands(block)[0] for block in (*INSTALL, *ORDINARY[:1])]
    assert begun == ["pip install flake8-leaklint", "flake8 --select LKL src"]
    shown = [block.text.splitlines()[0] for block in of("console")]
    assert shown == ["$ leaklint check src", "$ leaklint fix --diff"]
    order = ["pip install flake8-leaklint", "flake8 --select LKL src", "  - repo: ", "$ leaklint fix --diff"]
    places = [README.index(f"\n{line}") for line in order]
    assert places == sorted(places)


def test_every_block_of_code_is_tried() -> None:
    assert {block.language for block in BLOCKS} == {"python", "console", "sh", "yaml", "toml"}
    assert len(INSTALL) == len(IN_CHECKOUT) == len(PRE_COMMIT) == len(of("yaml")) == len(of("toml")) == 1
    assert len(of("python")) == 2


@pytest.mark.parametrize("block", of("console"), ids=lambda block: commands(block)[0])
def test_what_is_shown_is_what_is_printed(block: Block, project: Path, installation: Installation) -> None:
    command, *shown = commands(block)
    done = run(command.removeprefix("$ "), project, installation.environment)
    assert [line.rstrip() for line in done.stdout.splitlines()] == shown
    assert done.returncode == 1


@pytest.mark.parametrize("block", ORDINARY, ids=lambda block: commands(block)[0])
def test_commands_do_their_work(block: Block, project: Path, installation: Installation) -> None:
    done = run(block.text, project, installation.environment)
    assert done.returncode == exit_code(block), done.stdout
    assert "Traceback" not in done.stdout
    if exit_code(block) == 1 and "--output-file" not in block.text:
        assert "LKL101" in done.stdout
    for path in project.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["findings"]


def test_results_are_kept_where_the_readme_says(project: Path, installation: Installation, tmp_path: Path) -> None:
    (named,) = (command for block in of("sh") for command in commands(block) if "--cache-dir" in command)
    (without,) = (command for block in of("sh") for command in commands(block) if "--no-cache" in command)
    plain = "leaklint check src"
    home = {"HOME": str(tmp_path / "home"), "LEAKLINT_CACHE_DIR": "", "XDG_CACHE_HOME": ""}
    places = {
        "--cache-dir": (named, {**home, "LEAKLINT_CACHE_DIR": str(tmp_path / "not here")}, project / ".cache/leaklint"),
        "LEAKLINT_CACHE_DIR": (
            "leaklint check src",
            {**home, "LEAKLINT_CACHE_DIR": str(tmp_path / "v")},
            tmp_path / "v",
        ),
        "$XDG_CACHE_HOME": (
            "leaklint check src",
            {**home, "XDG_CACHE_HOME": str(tmp_path / "x")},
            tmp_path / "x/leaklint",
        ),
        "~/.cache": (plain, home, tmp_path / "home/.cache/leaklint"),
    }
    for word, (command, settings, place) in places.items():
        assert word in README
        assert run(command, project, {**installation.environment, **settings}).returncode == 1
        assert [path.suffix for path in place.iterdir()] == [".leaklint"]
    assert not (tmp_path / "not here").exists()
    assert "Removed the results from" in run("leaklint clean", project, {**installation.environment, **home}).stdout
    assert not (tmp_path / "home/.cache/leaklint").exists()
    assert run(without, project, {**installation.environment, **home}).returncode == 1
    assert not (tmp_path / "home/.cache/leaklint").exists()


@pytest.mark.parametrize(
    "command",
    [command for block in of("sh") for command in commands(block) if " fix src" in command or "codemod" in command],
)
def test_repairing_commands_leave_nothing(command: str, project: Path, installation: Installation) -> None:
    assert run(command, project, installation.environment).returncode == 0
    done = run("leaklint check src", project, installation.environment)
    assert done.returncode == 0, done.stdout


def test_the_settings_are_understood(project: Path, installation: Installation) -> None:
    (block,) = of("toml")
    (project / "pyproject.toml").write_text(block.text, encoding="utf-8")
    assert "no such baseline" in run("leaklint check src", project, installation.environment).stdout
    empty = "mkdir empty && leaklint check --write-baseline .leaklint-baseline.json empty"
    assert run(empty, project, installation.environment).returncode == 0
    assert "LKL101" in run("leaklint check src", project, installation.environment).stdout
    vendored = project / "vendored"
    (project / "src").rename(vendored)
    done = run("leaklint check", project, installation.environment)
    assert done.returncode == 0, done.stdout


def test_the_comment_silences(project: Path, installation: Installation) -> None:
    comment = of("python")[1].text.partition("#")[2].rstrip()
    path = project / of("python")[0].above
    lines = path.read_text(encoding="utf-8").splitlines()
    marked = [f"{line}  #{comment}" if "row_id = " in line else line for line in lines]
    path.write_text("\n".join([*marked, ""]), encoding="utf-8")
    for command in ("leaklint check src", "flake8 --select LKL src"):
        assert run(command, project, installation.environment).returncode == 0
    path.write_text("\n".join(["# flake8: noqa", *lines, ""]), encoding="utf-8")
    for command in ("leaklint check src", "flake8 --select LKL src"):
        assert run(command, project, installation.environment).returncode == 0


def redirected(address: str, checkout: Path) -> dict[str, str]:
    """Settings that make git take a repository from `checkout` instead of from `address`."""
    settings = {"GIT_CONFIG_COUNT": "2"}
    pairs = [(f"url.file://{checkout}.insteadOf", address), ("protocol.file.allow", "always")]
    for number, (key, value) in enumerate(pairs):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return settings


def test_the_hook_reports_the_leak(
    project: Path, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (snippet,), (block,) = of("yaml"), PRE_COMMIT
    assert snippet.above == CONFIGURATION
    (project / CONFIGURATION).write_text(snippet.text, encoding="utf-8")
    commit_all(project)
    checkout = copy_checkout(tmp_path_factory.mktemp("clone"))
    commit_all(checkout, tag=f"v{__version__}")
    (address,) = [word for word in shlex.split(snippet.text) if "://" in word]
    environment = {
        **installation.environment,
        **redirected(address, checkout),
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("home")),
        "PRE_COMMIT_COLOR": "never",
    }
    done = run(block.text, project, environment)
    if any(word in done.stdout for word in UNREACHABLE):
        pytest.skip("the package index cannot be reached, so pre-commit cannot install the hook")
    assert done.returncode == exit_code(block), done.stdout
    assert "LKL101" in done.stdout


def test_the_demonstration_runs_in_a_checkout(tmp_path: Path) -> None:
    (block,) = IN_CHECKOUT
    checkout = copy_checkout(tmp_path / "checkout")
    stand_in_for_venv(checkout)
    done = run(block.text, checkout, unmeasured(COLUMNS="100"))
    assert done.returncode == 0, done.stdout
    assert "LKL101" in done.stdout
    assert "4,000" in done.stdout
    assert list((checkout / "build" / "demo").iterdir())
