"""Settings from `[tool.leaklint]` of the nearest `pyproject.toml` that has this table.

The search goes up from a file's directory and ends at the root of its repository, so that no repository is governed
by a file outside of it.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from leaklint.ignore_files import is_repository
from leaklint.model import FileError
from leaklint.paths import absolute, inside, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ALL = "ALL"
"""The selector that stands for every rule."""

LIKE_ENOUGH = 0.62
"""How like another word must be to be suggested: two codes that have no more than their letters in common are not."""

_TOML_WORDS = {
    "array": "a list",
    "str": "a string",
    "object": "a table",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "date": "a date",
    "datetime": "a date",
    "time": "a time",
}
"""What types are called in a file's own terms."""

_HEADER = re.compile(r"\s*\[")
_OWN_TABLE = re.compile(r"""\s*(\[+\s*)?(['"]?tool['"]?\s*\.\s*)?['"]?leaklint['"]?\s*[].=]""")


class ConfigError(Exception):
    """A configuration that cannot be used; says in which file, and where it can on which line."""

    def __init__(self, error: FileError) -> None:
        super().__init__(error.message)
        self.error = error


class Choice(msgspec.Struct, frozen=True):
    """Which rules somebody asks for. `select` replaces what was chosen before, the others add to it."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """What holds for the files of one directory.

    `root` is the absolute directory that patterns are relative to, `repository` the one that fingerprints are
    relative to. A later choice overrides an earlier one.
    """

    root: str
    repository: str
    choices: tuple[Choice, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    baseline: str | None = None
    """The absolute path of the file with the findings that are known."""

    def overridden(self, choice: Choice) -> Settings:
        """Give `choice` the last word."""
        return msgspec.structs.replace(self, choices=(*self.choices, choice))


class Table(msgspec.Struct, frozen=True, rename="kebab"):
    """`[tool.leaklint]` as written."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = {}
    baseline: str | None = None


Codes: TypeAlias = "Callable[[], Sequence[str]]"
"""Gives the codes of the rules, which takes as long to load as the analysis."""

Known: TypeAlias = dict[str, Settings | ConfigError]
"""The answers of :func:`settings_for` so far, by directory. Make one for a run and hand it to every call."""


def settings_for(directory: str, codes: Codes, known: Known, *, isolated: bool = False) -> Settings:
    """Look up what holds for the files in `directory`, an absolute path.

    `codes` gives those of the rules that exist; it is only asked where a selector names one.
    `isolated` reads no configuration. Raises :class:`ConfigError`.
    """
    if directory not in known:
        try:
            known[directory] = _look_up(directory, codes, known, isolated=isolated)
        except ConfigError as error:
            known[directory] = error
    answer = known[directory]
    if isinstance(answer, ConfigError):
        raise answer
    return answer


def _look_up(directory: str, codes: Codes, known: Known, *, isolated: bool) -> Settings:
    above = _from_above(directory, codes, known, isolated=isolated)
    is_in_repository = is_repository(above.repository) and (
        Path(above.repository) in (Path(directory), *Path(directory).parents)
    )
    repository = above.repository if is_in_repository else directory
    own = None if isolated else load(Path(directory, "pyproject.toml"), codes, repository)
    return above if own is None else own


def _from_above(directory: str, codes: Codes, known: Known, *, isolated: bool) -> Settings:
    parent = str(Path(directory).parent)
    if is_repository(directory):
        return Settings(root=directory, repository=directory)
    if parent == directory:
        here = str(Path.cwd())
        return Settings(root=here, repository=here)
    return settings_for(parent, codes, known, isolated=isolated)


def load(path: Path, codes: Codes, repository: str) -> Settings | None:
    """Read one `pyproject.toml` of a repository; None if it is missing or has no `[tool.leaklint]`.

    Raises :class:`ConfigError`.
    """
    text = _read(path)
    if text is None:
        return None
    written = _parse(path, text).get("tool", {})
    if not isinstance(written, dict) or "leaklint" not in written:
        return None
    table = _convert(path, text, written["leaklint"])
    root = absolute(str(path.parent))
    _check_codes(path, text, table, codes)
    return Settings(
        root=root,
        repository=repository,
        choices=(Choice(table.select, table.extend_select, table.ignore),),
        exclude=table.exclude,
        per_file_ignores=tuple(table.per_file_ignores.items()),
        baseline=None if table.baseline is None else _baseline(path, text, table.baseline, repository),
    )


def _baseline(path: Path, text: str, written: str, repository: str) -> str:
    """The absolute path of a baseline, which is relative to its `pyproject.toml` and lies in the same repository."""
    place = absolute(str(path.parent / written))
    # Nobody who checks another's repository wants to read what a link in it leads to.
    if "\0" in written or not (_lies_in(place, repository) and _lies_in(os.path.realpath(place), repository)):
        message = f"[tool.leaklint] baseline: '{written}' does not lie in the repository"
        raise _error(path, message, _line_of(text, "baseline"))
    return place


def _lies_in(path: str, repository: str) -> bool:
    return inside(path, repository) is not None or inside(path, os.path.realpath(repository)) is not None


def baseline_in(path: Path) -> str | None:
    """What a `pyproject.toml` names as its baseline, whatever else is wrong with it."""
    try:
        written: object = _parse(path, _read(path) or "")
    except ConfigError:
        return None
    for key in ("tool", "leaklint", "baseline"):
        written = written.get(key) if isinstance(written, dict) else None
    return written if isinstance(written, str) else None


def nearest(word: str, words: Sequence[str]) -> str:
    """Suggest the one of `words` that is most like `word`: `; did you mean 'x'?`, or nothing."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=LIKE_ENOUGH)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown_code(selector: str, codes: Sequence[str]) -> str | None:
    """Say what is wrong with a selector, which must be `ALL`, a code, or the beginning of a code; None if nothing."""
    if selector == ALL or (selector and any(code.startswith(selector) for code in codes)):
        return None
    more = nearest(selector.upper(), codes) or "; `leaklint rules` lists them"
    return f"no rule is called '{selector}'{more}"


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise _error(path, f"not valid TOML: it is not UTF-8 ({error.reason} at byte {error.start})") from error
    except OSError as error:
        if not os.access(path.parent, os.X_OK):
            # Whether there is one cannot be known; whoever lists the directory says that it is closed.
            return None
        raise _error(path, f"cannot be read: {error.strerror}") from error


def _parse(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        if place is None:
            last_line = len(text.splitlines())
            raise _error(path, f"not valid TOML: {error}", last_line) from error
        reason = str(error)[: place.start()]
        raise _error(path, f"not valid TOML: {reason}", int(place[1]), int(place[2])) from error


def _convert(path: Path, text: str, written: object) -> Table:
    if isinstance(written, dict):
        keys = Table.__struct_encode_fields__
        for key in written:
            if key not in keys:
                message = f"[tool.leaklint] has no key '{key}'{nearest(key, keys)}"
                raise _error(path, message, _line_of(text, key))
    try:
        return msgspec.convert(written, Table)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).replace(" | null", "").partition(" - at `$.")
        reason = re.sub(r"`(\w+)`", lambda match: _TOML_WORDS.get(match[1], match[1]), reason)
        key = re.match(r"[\w-]*", where)
        name = key[0] if key else ""
        subject = f"[tool.leaklint] {name}: " if name else "[tool.leaklint]: "
        line = _line_of(text, name or "leaklint")
        raise _error(path, f"{subject}{reason[:1].lower()}{reason[1:]}", line) from error


def _check_codes(path: Path, text: str, table: Table, codes: Codes) -> None:
    lists: list[tuple[str, tuple[str, ...]]] = [
        ("select", table.select or ()),
        ("extend-select", table.extend_select),
        ("ignore", table.ignore),
        *((f"per-file-ignores '{pattern}'", ignored) for pattern, ignored in table.per_file_ignores.items()),
    ]
    for key, selectors in lists:
        for selector in selectors:
            problem = unknown_code(selector, codes())
            if problem is not None:
                raise _error(path, f"[tool.leaklint] {key}: {problem}", _line_of(text, selector))


def _line_of(text: str, word: str) -> int | None:
    """Find the first line of the table that mentions `word`; the TOML parser keeps no positions."""
    in_table = False
    for number, line in enumerate(text.splitlines(), start=1):
        in_table = bool(_OWN_TABLE.match(line)) or (in_table and not _HEADER.match(line))
        if in_table and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line):
            return number
    return None


def _error(path: Path, message: str, line: int | None = None, column: int | None = None) -> ConfigError:
    return ConfigError(FileError(shown(str(path)), message, line, column))
