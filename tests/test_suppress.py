from __future__ import annotations

import pytest

from leaklint.suppress import suppressions


def silenced(text: str, code: str = "LKL101") -> set[int]:
    found = suppressions(text)
    return {line for line in range(1, 6) if found.silences(code, line)}


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NoQA",
        "# noqa: LKL101",
        "# noqa:LKL101",
        "# noqa: E501,LKL101",
        "# noqa: E501 LKL101",
        "# noqa: LKL1",
        "# noqa: lkl101",
        "# noqa: LKL101  the cache is cleared by the caller",
        "# type: ignore  # noqa: LKL101",
        "# noqa : LKL102",
        "# noqa: LKL",
    ],
)
def test_a_comment_silences_its_line(comment: str) -> None:
    assert silenced(f"a = 1\nb = 2  {comment}\nc = 3\n") == {2}


@pytest.mark.parametrize("comment", ["# noqa: LKL102", "# noqa: E501", "# no qa", "# noqa: LKL1012", ""])
def test_other_comments_silence_nothing(comment: str) -> None:
    assert silenced(f"a = 1  {comment}\n") == set()


def test_text_in_a_string_is_no_comment() -> None:
    assert silenced('a = "# noqa"\nb = """\n# flake8: noqa\n"""\n') == set()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('a = """\ntext\n"""  # noqa\nb = 1\n', {1, 2, 3}),
        ("a = 1 + \\\n    2  # noqa\nb = 1\n", {1, 2}),
        ("a = f(\n    1,  # noqa\n    2,\n)\n", {2}),
        ("a = f(\n    1,\n)  # noqa\n", {3}),
        ("def f():\n    return 1  # noqa\nb = 1\n", {2}),
        ("if a:\n\n    # noqa\n    b = 1\n", {3}),
        ("a = 1  # noqa", {1}),
        ("a = 1\r\nb = 2  # noqa\r\nc = 3\r\n", {2}),
        ("a = 1\rb = 2  # noqa\rc = 3\r", {2}),
        ("a = 1\n\x0cb = 2  # noqa\nc = 3\n", {2}),
    ],
    ids=["string", "backslash", "argument", "bracket", "block", "own line", "no newline", "CR LF", "CR", "form feed"],
)
def test_a_comment_holds_for_the_lines_that_flake8_joins(text: str, lines: set[int]) -> None:
    assert silenced(text) == lines


@pytest.mark.parametrize("comment", ["# flake8: noqa", "# ruff: noqa", "#flake8:noqa", "# flake8: noqa: LKL101, E501"])
def test_a_comment_silences_the_whole_file(comment: str) -> None:
    assert silenced(f"a = 1\n{comment}\nb = 2\n") == {1, 2, 3, 4, 5}


def test_a_comment_behind_code_silences_no_file() -> None:
    # Neither its line: flake8 takes it for a mistake.
    assert silenced("a = 1\nb = 2  # flake8: noqa\nc = 3\n") == set()


def test_a_whole_file_can_be_silenced_for_some_codes_only() -> None:
    text = "# ruff: noqa: LKL102\na = 1\n"
    assert silenced(text) == set()
    assert silenced(text, "LKL102") == {1, 2, 3, 4, 5}


def test_several_comments_add_up() -> None:
    text = 'a = """\n"""; b = (1,  # noqa: LKL101\n2)  # noqa: LKL102\n'
    assert silenced(text) == {1, 2}
    assert silenced(text, "LKL102") == {3}


@pytest.mark.parametrize("text", ["a = (  # noqa\n", "  a = 1\n b = 2  # noqa\n", 'a = """ # noqa\n'])
def test_a_file_that_cannot_be_split_into_tokens_has_none(text: str) -> None:
    assert silenced(text) == set()
