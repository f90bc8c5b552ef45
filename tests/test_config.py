from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from leaklint.config import Choice, ConfigError, Settings, settings_for

if TYPE_CHECKING:
    from pathlib import Path


def codes() -> tuple[str, ...]:
    return "LKL101", "LKL102", "LKL103", "LKL104"


def configure(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path, **options: bool) -> Settings:
    return settings_for(str(folder), codes, {}, **options)


def error(folder: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings(folder)
    return caught.value


def test_every_key_is_read(tmp_path: Path) -> None:
    configure(
        tmp_path,
        """
        [tool.leaklint]
        select = ["LKL1"]
        extend-select = ["LKL104"]
        ignore = ["LKL102"]
        exclude = ["generated/"]
        per-file-ignores = { "tests/*" = ["LKL101", "LKL103"] }
        """,
    )
    found = settings(tmp_path)
    assert found.choices == (Choice(("LKL1",), ("LKL104",), ("LKL102",)),)
    assert found.exclude == ("generated/",)
    assert found.per_file_ignores == (("tests/*", ("LKL101", "LKL103")),)
    assert found.root == found.repository == str(tmp_path)


def test_the_nearest_file_with_a_table_counts(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.leaklint]\nselect = ["LKL101"]\n')
    configure(tmp_path / "inner", '[project]\nname = "inner"\n')
    configure(tmp_path / "inner" / "innermost", '[tool.leaklint]\nselect = ["LKL102"]\n')
    assert settings(tmp_path / "inner").root == str(tmp_path)
    assert settings(tmp_path / "inner" / "innermost" / "no" / "file").choices == (Choice(("LKL102",)),)


def test_a_repository_is_not_governed_from_outside(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.leaklint]\nselect = ["LKL101"]\n')
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    found = settings(repository / "package")
    assert found.choices == ()
    assert found.root == found.repository == str(repository)


def test_fingerprints_are_relative_to_the_repository_even_with_a_table_further_down(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    configure(tmp_path / "service", "[tool.leaklint]\n")
    found = settings(tmp_path / "service")
    assert (found.root, found.repository) == (str(tmp_path / "service"), str(tmp_path))


def test_isolated_reads_nothing(tmp_path: Path) -> None:
    configure(tmp_path, "this is not TOML")
    assert settings(tmp_path, isolated=True).choices == ()


def test_answers_are_remembered_for_all_directories_on_the_way(tmp_path: Path) -> None:
    path = configure(tmp_path, '[tool.leaklint]\nignore = ["LKL101"]\n')
    known: dict[str, Settings | ConfigError] = {}
    first = settings_for(str(tmp_path / "a" / "b"), codes, known)
    path.unlink()
    assert settings_for(str(tmp_path / "a"), codes, known) == first
    assert settings(tmp_path / "a") != first


def test_an_error_is_remembered_too(tmp_path: Path) -> None:
    path = configure(tmp_path, "[tool.leaklint")
    known: dict[str, Settings | ConfigError] = {}
    for _ in range(2):
        with pytest.raises(ConfigError):
            settings_for(str(tmp_path / "a"), codes, known)
        path.unlink(missing_ok=True)


def test_an_unknown_key_names_the_nearest_right_one(tmp_path: Path) -> None:
    path = configure(tmp_path, '[tool.other]\nextend = 1\n[tool.leaklint]\nextend-selct = ["LKL101"]\n')
    found = error(tmp_path).error
    assert found.path == str(path)
    assert found.message == "[tool.leaklint] has no key 'extend-selct'; did you mean 'extend-select'?"
    assert found.line == 4


def test_a_key_like_no_other_gets_no_suggestion(tmp_path: Path) -> None:
    configure(tmp_path, "[tool.leaklint]\nqqq = 1\n")
    assert error(tmp_path).error.message == "[tool.leaklint] has no key 'qqq'"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('select = ["LKL901"]', "[tool.leaklint] select: no rule is called 'LKL901'; did you mean 'LKL101'?"),
        ('select = ["LKL9"]', "[tool.leaklint] select: no rule is called 'LKL9'; `leaklint rules` lists them"),
        ('ignore = ["E501"]', "[tool.leaklint] ignore: no rule is called 'E501'; `leaklint rules` lists them"),
        ('ignore = [""]', "[tool.leaklint] ignore: no rule is called ''; `leaklint rules` lists them"),
        (
            'per-file-ignores = { "a.py" = ["lkl102"] }',
            "[tool.leaklint] per-file-ignores 'a.py': no rule is called 'lkl102'; did you mean 'LKL102'?",
        ),
    ],
)
def test_an_unknown_code_names_the_nearest_right_one(tmp_path: Path, line: str, message: str) -> None:
    configure(tmp_path, f"[tool.leaklint]\n{line}\n")
    assert error(tmp_path).error.message == message


@pytest.mark.parametrize("selector", ["ALL", "L", "LKL", "LKL1", "LKL101"])
def test_the_beginning_of_a_code_is_a_selector(tmp_path: Path, selector: str) -> None:
    configure(tmp_path, f'[tool.leaklint]\nselect = ["{selector}"]\n')
    assert settings(tmp_path).choices == (Choice((selector,)),)


@pytest.mark.parametrize(
    ("table", "message", "line"),
    [
        ('[tool.leaklint]\n\nselect = "LKL101"', "[tool.leaklint] select: expected a list, got a string", 3),
        ("[tool.leaklint]\nignore = [1]", "[tool.leaklint] ignore: expected a string, got a number", 2),
        ("[tool]\nleaklint = 3", "[tool.leaklint]: expected a table, got a number", 2),
        ("[tool.leaklint]\nselect = true", "[tool.leaklint] select: expected a list, got true or false", 2),
        ("[tool.leaklint]\nexclude = 2020-01-01", "[tool.leaklint] exclude: expected a list, got a date", 2),
    ],
)
def test_a_wrong_type_names_the_key(tmp_path: Path, table: str, message: str, line: int | None) -> None:
    configure(tmp_path, table)
    found = error(tmp_path).error
    assert (found.message, found.line) == (message, line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('dev = ["flake8-leaklint"]\n[tool.ruff.lint]\nselect = ["E"]\n[tool.leaklint]\nselect = 1\n', 5),
        ("[tool]\nleaklint.select = 1\n", 2),
        ("[tool]\nleaklint = { select = 1 }\n", 2),
        ("[ tool . 'leaklint' ]\nselect = 1\n", 2),
        ("[tool.leaklint]\nselect = []\nper-file-ignores = { a = 1 }\n", 3),
        ("[tool.leaklint.per-file-ignores]\na = 1\n", 1),
    ],
)
def test_the_line_is_one_of_the_table(tmp_path: Path, text: str, line: int) -> None:
    configure(tmp_path, text)
    assert error(tmp_path).error.line == line


def test_broken_toml_names_line_and_column(tmp_path: Path) -> None:
    path = configure(tmp_path, '[tool.leaklint]\nselect = ["LKL101"\nignore = []\n')
    found = error(tmp_path).error
    assert found.path == str(path)
    assert found.line == 3
    assert found.column == 1
    assert found.message.startswith("not valid TOML: ")
    assert "(at line" not in found.message


def test_toml_that_ends_too_early_names_the_last_line(tmp_path: Path) -> None:
    configure(tmp_path, '[tool.leaklint]\nselect = ["LKL101",')
    assert error(tmp_path).error.line == 2


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"# \xff\n[tool.leaklint]\n")
    assert "it is not UTF-8 (invalid start byte at byte 2)" in error(tmp_path).error.message


def test_a_directory_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    assert error(tmp_path).error.message == "cannot be read: Is a directory"


def test_a_path_in_the_working_directory_is_shown_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path / "repository", "[tool.leaklint]\nx = 1\n")
    monkeypatch.chdir(tmp_path)
    assert error(tmp_path / "repository").error.path == "repository/pyproject.toml"
