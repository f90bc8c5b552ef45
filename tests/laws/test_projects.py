"""What is found in small projects: what the marks say of each file, whichever files are given, and in which order."""

from __future__ import annotations

import ast
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from laws import front_ends
from laws.fixtures import places
from laws.front_ends import Said
from laws.projects import PROJECTS, every_project, read_projects
from leaklint.analyze import check, repair
from leaklint.cli import main
from leaklint.project import Project
from leaklint.source import decode, offset, position, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from laws.projects import SmallProject
    from leaklint.model import FileReport, Finding

ALL_RULES = ("--select", "LKL")


@pytest.fixture(scope="module")
def all_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """The files of all projects, each project in a folder of its own."""
    top = tmp_path_factory.mktemp("projects")
    return tuple(path for name, project in PROJECTS for path in project.write(top / name))


@pytest.fixture(scope="module")
def in_process(all_files: tuple[Path, ...]) -> list[Said]:
    return sorted(said for path in all_files for said in _said(path, _report(path)))


def test_there_are_enough_projects_of_both_kinds() -> None:
    leaking = [project for _, project in PROJECTS if any(project.marks().values())]
    assert len(leaking) >= 15
    assert len(PROJECTS) - len(leaking) >= 10
    assert len({name for name, _ in PROJECTS}) == len(PROJECTS)


@every_project
def test_each_mark_has_its_finding_and_each_finding_its_mark(project: SmallProject, tmp_path: Path) -> None:
    written = project.write(tmp_path)
    found = {str(path.relative_to(tmp_path)): places(_report(path).findings) for path in written}
    assert found == project.marks()


@every_project
def test_what_was_read_before_changes_nothing(project: SmallProject, tmp_path: Path) -> None:
    written, shared = project.write(tmp_path), Project()
    for path in (*written, *reversed(written)):
        assert _report(path, shared) == _report(path)


@every_project
def test_each_step_of_a_trace_is_a_place_in_its_file(project: SmallProject, tmp_path: Path) -> None:
    for path in project.write(tmp_path):
        for finding in _report(path).findings:
            assert finding.path == str(path)
            assert finding.trace
            for step in finding.trace:
                source = read(step.path)
                assert 1 <= step.span.line <= step.span.end_line <= len(source.line_starts)
                assert step.path.startswith(str(tmp_path))


@every_project
def test_repairs_change_only_their_file_and_mend_it(project: SmallProject, tmp_path: Path) -> None:
    for path in project.write(tmp_path):
        report = _report(path)
        assert all((finding.fix is None) == bool(finding.fix_refused) for finding in report.findings)
        outcome = repair(read(str(path)), lambda finding: True, project=Project())
        ast.parse(outcome.data)
        assert _kinds((*outcome.fixed, *outcome.left)) == _kinds(report.findings)
        again = check(decode(str(path), outcome.data), project=Project())
        assert _kinds(again.findings) == _kinds(outcome.left)


@every_project
def test_standard_input_says_the_same(project: SmallProject, tmp_path: Path) -> None:
    for path in project.write(tmp_path):
        options = ["check", "--format", "json", "--isolated", "--quiet", *ALL_RULES, "--stdin-filename", str(path), "-"]
        data = path.read_bytes()
        # Only the other files are read from disk.
        path.write_bytes(b"raise SystemExit\n")
        result = CliRunner().invoke(main, options, input=data)
        path.write_bytes(data)
        assert sorted(front_ends.said_in_json(result.stdout)) == sorted(_said(path, _report(path)))


def test_the_command_line_says_what_the_analysis_says(all_files: tuple[Path, ...], in_process: list[Said]) -> None:
    assert sorted(front_ends.cli(all_files, "-j", "1", *ALL_RULES)) == in_process


def test_four_jobs_and_another_order_say_the_same(all_files: tuple[Path, ...], in_process: list[Said]) -> None:
    shuffled = random.Random(7).sample(all_files, len(all_files))
    assert sorted(front_ends.cli(shuffled, "-j", "4", *ALL_RULES)) == in_process


def test_subsets_say_their_part(all_files: tuple[Path, ...], in_process: list[Said]) -> None:
    shuffled = random.Random(8).sample(all_files, len(all_files))
    halves = (shuffled[::2], shuffled[1::2])
    said = [one for half in halves for one in front_ends.cli(half, "-j", "1", *ALL_RULES)]
    assert sorted(said) == in_process


def test_flake8_with_two_jobs_says_the_same(all_files: tuple[Path, ...], in_process: list[Said]) -> None:
    said = front_ends.flake8(reversed(all_files), "-j", "2", "--extend-select", "LKL2")
    assert sorted(said) == in_process


def test_flake8_says_the_same_of_standard_input(all_files: tuple[Path, ...]) -> None:
    path = next(path for path in all_files if path.name == "transform.py" and _report(path).findings)
    assert sorted(front_ends.flake8_stdin(path)) == sorted(_said(path, _report(path)))


def test_fixtures_are_read_file_by_file() -> None:
    text = "About.\n\n# === one\n# --- a.py\nx = 1\n\n\n# --- b/c.py\n# === two\n# --- d.py\ny = 2\n"
    assert read_projects(text) == [("one", {"a.py": "x = 1\n", "b/c.py": ""}), ("two", {"d.py": "y = 2\n"})]


def _report(path: Path, project: Project | None = None) -> FileReport:
    found = check(read(str(path)), project=project or Project())
    assert not found.errors, found.errors
    return found


def _said(path: Path, report: FileReport) -> list[Said]:
    source = read(str(path))
    found = []
    for finding in report.findings:
        line, column = position(source, offset(source, finding.span.line, finding.span.column))
        found.append(Said(path.name, line, column, finding.code, " ".join(finding.message.splitlines())))
    return found


def _kinds(findings: Iterable[Finding]) -> Counter[tuple[str, str, str]]:
    return Counter((finding.code, finding.symbol, finding.cache) for finding in findings)
