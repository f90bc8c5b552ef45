"""The harness itself: marks are strict, and renaming changes names only."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from laws.fixtures import FIXTURES, every_fixture
from laws.marks import MarkError, read_marks, with_noqa
from laws.renaming import rename_locals

if TYPE_CHECKING:
    from pathlib import Path


def test_marks_of_each_kind_are_read() -> None:
    text = "a = 1  # LKL101 LKL103\nb = 2  # todo LKL102\nc = 3  # todo-ok LKL104\nd = 4  # LKL102 # todo LKL101\n"
    marks = read_marks(text)
    assert marks.findings == ((1, "LKL101"), (1, "LKL103"), (4, "LKL102"))
    assert marks.missed_alarms == ((2, "LKL102"), (4, "LKL101"))
    assert marks.false_alarms == ((3, "LKL104"),)
    assert marks.reported == ((1, "LKL101"), (1, "LKL103"), (3, "LKL104"), (4, "LKL102"))


def test_marks_in_strings_are_none() -> None:
    assert read_marks('a = "# LKL101"\n').findings == ()


@pytest.mark.parametrize(
    "comment", ["#LKL101", "# lkl101", "# LKL101,LKL102", "# LKL101 here", "# todo", "# Todo LKL101"]
)
def test_what_only_looks_like_a_mark_is_refused(comment: str) -> None:
    with pytest.raises(MarkError, match="line 1: not a mark"):
        read_marks(f"a = 1  {comment}\n")


def test_marks_of_what_is_reported_become_noqa() -> None:
    text = "a = 1  # LKL101 LKL103\nb = 2  # todo LKL102\nc = 3  # todo-ok LKL104\n"
    assert with_noqa(text) == "a = 1  # noqa: LKL101,LKL103\nb = 2  # todo LKL102\nc = 3  # noqa: LKL104\n"


def test_locals_are_renamed_and_parameters_attributes_and_keywords_are_not() -> None:
    text = "def f(self, key):\n    row = g(row=key)\n    self.row = [row for part in row]\n    return lambda: row\n"
    renamed = (
        "def f(self, key):\n    local2 = g(row=key)\n"
        "    self.row = [local2 for local1 in local2]\n    return lambda: local2\n"
    )
    assert rename_locals(text) == renamed


def test_names_bound_in_other_ways_are_not_renamed() -> None:
    text = (
        "x = 1\ndef f():\n    global y\n    x, y = 1, 2\n"
        "    try: pass\n    except E as z: z = 3\n    import w\n    w = 4\n"
    )
    assert rename_locals(text) == text


@every_fixture
def test_renaming_a_fixture_keeps_its_shape(path: Path) -> None:
    text = path.read_text("utf-8")
    assert _names_cut(ast.parse(rename_locals(text))) == _names_cut(ast.parse(text))


def test_most_locals_of_the_fixtures_are_renamed() -> None:
    texts = [path.read_text("utf-8") for path in FIXTURES]
    changed = sum(rename_locals(text) != text for text in texts)
    assert changed > 0.8 * len(texts)


@every_fixture
def test_fixtures_are_single_files(path: Path) -> None:
    assert "\n# --- " not in path.read_text("utf-8")


def _names_cut(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = "_"
    return ast.dump(tree)
