"""Every front end says the same of every fixture, in any order and with any number of jobs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from laws import front_ends
from laws.fixtures import FIXTURES, every_fixture, found, reported
from laws.front_ends import Said
from laws.marks import with_noqa
from leaklint.cli import main
from leaklint.source import decode, offset, position

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def in_process() -> list[Said]:
    return sorted(said for path in FIXTURES for said in _said(path))


@pytest.fixture(scope="module")
def silenced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The fixtures with ``# noqa`` in the place of marks."""
    folder = tmp_path_factory.mktemp("noqa")
    for path in FIXTURES:
        (folder / path.name).write_text(with_noqa(path.read_text("utf-8")), "utf-8")
    return tuple(sorted(folder.iterdir()))


def test_something_is_said(in_process: list[Said]) -> None:
    assert {said.code for said in in_process} >= {"LKL101", "LKL102", "LKL103", "LKL104"}


def test_the_command_line_says_what_the_analysis_says(in_process: list[Said]) -> None:
    assert sorted(front_ends.cli(FIXTURES, "-j", "1")) == in_process


def test_four_jobs_and_another_order_say_the_same(in_process: list[Said]) -> None:
    shuffled = random.Random(101).sample(FIXTURES, len(FIXTURES))
    assert sorted(front_ends.cli(shuffled, "-j", "4")) == in_process


def test_flake8_says_the_same(in_process: list[Said]) -> None:
    assert sorted(front_ends.flake8(reversed(FIXTURES), "-j", "2")) == in_process


@every_fixture
def test_standard_input_says_the_same(path: Path) -> None:
    settings = ["--isolated", "--quiet", "--select", "ALL", "--stdin-filename", str(path)]
    result = CliRunner().invoke(main, ["check", "--format", "json", *settings, "-"], input=path.read_bytes())
    assert sorted(front_ends.said_in_json(result.stdout)) == _said(path)
    assert result.exit_code == (1 if _said(path) else 0)


def test_standard_input_of_processes_says_the_same() -> None:
    path = max(FIXTURES, key=lambda path: len(reported(path)))
    assert sorted(front_ends.cli_stdin(path)) == _said(path)
    assert sorted(front_ends.flake8_stdin(path)) == _said(path)


def test_noqa_silences_the_command_line(silenced: tuple[Path, ...]) -> None:
    assert front_ends.cli(silenced) == []


def test_noqa_silences_flake8(silenced: tuple[Path, ...]) -> None:
    assert front_ends.flake8(silenced) == []


def test_noqa_of_one_line_leaves_the_others(silenced: tuple[Path, ...], tmp_path: Path) -> None:
    path = max(silenced, key=lambda path: path.read_text("utf-8").count("# noqa"))
    text = path.read_text("utf-8")
    first = text.index("  # noqa")
    (tmp_path / path.name).write_text(text[:first] + text[text.index("\n", first) :], "utf-8")
    line = text.count("\n", 0, first) + 1
    assert {said.line for said in front_ends.cli([tmp_path / path.name])} == {line}


def _said(path: Path) -> list[Said]:
    source = decode(str(path), path.read_bytes())
    told = []
    for finding in found(path):
        line, column = position(source, offset(source, finding.span.line, finding.span.column))
        told.append(Said(path.name, line, column, finding.code, " ".join(finding.message.splitlines())))
    return sorted(told)
