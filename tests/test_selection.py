from __future__ import annotations

import pytest

from leaklint.config import Choice, Settings
from leaklint.selection import chosen_codes, is_chosen

DEFAULTS = {"LKL101": True, "LKL102": True, "LKL201": False, "LKL202": False}


def chosen(*choices: Choice, path: str = "a.py", **ignores: tuple[str, ...]) -> set[str]:
    settings = Settings("/project", "/project", choices, per_file_ignores=tuple(ignores.items()))
    return set(chosen_codes(f"/project/{path}", settings, DEFAULTS))


def test_without_a_choice_the_defaults_hold() -> None:
    assert chosen() == {"LKL101", "LKL102"}


@pytest.mark.parametrize(
    ("choice", "codes"),
    [
        (Choice(("LKL201",)), {"LKL201"}),
        (Choice(("LKL2",)), {"LKL201", "LKL202"}),
        (Choice(("ALL",)), set(DEFAULTS)),
        (Choice(("LKL",)), set(DEFAULTS)),
        (Choice(()), set()),
        (Choice(None, ("LKL201",)), {"LKL101", "LKL102", "LKL201"}),
        (Choice(None, (), ("LKL101",)), {"LKL102"}),
        (Choice(None, (), ("ALL",)), set()),
    ],
    ids=lambda value: str(value) if isinstance(value, Choice) else "codes",
)
def test_a_choice_selects_extends_and_ignores(choice: Choice, codes: set[str]) -> None:
    assert chosen(choice) == codes


@pytest.mark.parametrize(
    ("choice", "codes"),
    [
        (Choice(("LKL101",), (), ("LKL1",)), {"LKL101"}),
        (Choice(("LKL1",), (), ("LKL101",)), {"LKL102"}),
        (Choice(("ALL",), (), ("LKL2",)), {"LKL101", "LKL102"}),
        (Choice(("LKL1",), (), ("LKL1",)), set()),
        (Choice(None, ("LKL201",), ("LKL2",)), {"LKL101", "LKL102", "LKL201"}),
    ],
    ids=lambda value: str(value) if isinstance(value, Choice) else "codes",
)
def test_the_longest_match_wins_and_ignore_wins_a_draw(choice: Choice, codes: set[str]) -> None:
    assert chosen(choice) == codes


def test_a_later_choice_has_the_last_word() -> None:
    configured = Choice(None, (), ("LKL101", "LKL201"))
    assert chosen(configured, Choice(("LKL101",))) == {"LKL101"}
    assert chosen(configured, Choice(None, ("LKL201",))) == {"LKL102", "LKL201"}
    assert chosen(configured, Choice(None, (), ("LKL102",))) == set()
    assert not is_chosen("LKL201", [Choice(("LKL201",)), Choice(("LKL101",))], default=False)


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("tests/*", "tests/test_a.py", True),
        ("tests/*", "tests/deep/test_a.py", True),
        ("tests", "package/tests/test_a.py", True),
        ("/tests", "package/tests/test_a.py", False),
        ("__init__.py", "package/__init__.py", True),
        ("**/generated_*.py", "a/b/generated_c.py", True),
        ("*.py", "a.py", True),
        ("src/a.py", "other/src/a.py", False),
    ],
)
def test_per_file_ignores_take_the_patterns_of_gitignore(pattern: str, path: str, is_ignored: bool) -> None:
    codes = chosen(Choice(("LKL1",)), path=path, **{pattern: ("LKL101",)})
    assert codes == ({"LKL102"} if is_ignored else {"LKL101", "LKL102"})


def test_per_file_ignores_hold_against_a_longer_selector() -> None:
    assert chosen(Choice(("LKL101",)), **{"a.py": ("ALL",)}) == set()


def test_per_file_ignores_do_not_reach_outside_of_their_root() -> None:
    settings = Settings("/project", "/project", per_file_ignores=(("*.py", ("ALL",)),))
    assert chosen_codes("/elsewhere/a.py", settings, DEFAULTS) == {"LKL101", "LKL102"}
