"""However the bytes of a fixture are written: the findings are the same, and a repair keeps what it does not mend.

Each fixture is checked in some of the forms, with `LEAKLINT_ALL_FORMS=1` in all. As repairs take long, the shorter
fixtures are repaired in one form each, the next in the next; forms that :mod:`laws.test_repairs` has for all fixtures
are left to it.
"""

from __future__ import annotations

import functools
import os
import re
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from laws.fixtures import FIXED, FIXTURES, repaired, report_of
from leaklint.analyze import repair
from leaklint.source import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from leaklint.model import Finding

_END = re.compile(rb"\r\n|\r|\n")
_ENDS = (b"\n", b"\r\n", b"\r", b"\r\n", b"\r\n")
_MARK = b"\xef\xbb\xbf"


def _with_ends(*ends: bytes) -> Callable[[bytes], bytes]:
    def written(data: bytes) -> bytes:
        turns = cycle(ends)
        return _END.sub(lambda _: next(turns), data)

    return written


def _with_cookie(name: str) -> Callable[[bytes], bytes]:
    return lambda data: f"# coding: {name}\n".encode() + data.decode().encode(name)


def _with_form_feeds(data: bytes) -> bytes:
    return b"\x0c" + data.replace(b"\n\n\n", b"\n\x0c\n\n").replace(b"\n\n    def ", b"\n    \x0c\n    def ")


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "carriage returns and line feeds": _with_ends(b"\r\n"),
    "carriage returns": _with_ends(b"\r"),
    "mixed ends of lines": _with_ends(*_ENDS),
    "a byte order mark": lambda data: _MARK + data,
    "Latin-1": _with_cookie("latin-1"),
    "KOI8-R": _with_cookie("koi8-r"),
    "UTF-8 with a cookie": _with_cookie("utf-8"),
    "form feeds": _with_form_feeds,
    "no newline at the end": lambda data: data.rstrip(b"\n"),
}
REPAIRED = ("carriage returns", "mixed ends of lines", "Latin-1", "KOI8-R", "mixed ends of lines", "form feeds")
LONGEST = 7_500
COOKIES = frozenset(["Latin-1", "KOI8-R", "UTF-8 with a cookie"])


def _written(path: Path, form: str) -> bytes:
    try:
        return FORMS[form](path.read_bytes())
    except UnicodeEncodeError:
        pytest.skip("has characters that this encoding does not have")


@functools.cache
def _plain(path: Path) -> tuple[Finding, ...]:
    return report_of(path.read_bytes()).findings


def _told(findings: Sequence[Finding], added_lines: int = 0) -> list[tuple[str, int, int, int, str, str]]:
    return [
        (one.code, one.span.line - added_lines, one.span.column, one.span.end_column, one.message, one.key)
        for one in findings
    ]


EVERY = 1 if os.environ.get("LEAKLINT_ALL_FORMS") == "1" else 4
CHECKED = [(path, form) for path in FIXTURES for form in FORMS][::EVERY]
SHORT = [path for path in FIXTURES if (FIXED / path.name).exists() and path.stat().st_size < LONGEST]
PAIRS = list(zip(SHORT, cycle(REPAIRED), strict=False))


@pytest.mark.no_cover
@pytest.mark.parametrize(("path", "form"), CHECKED, ids=[f"{path.stem}, {form}" for path, form in CHECKED])
def test_the_findings_are_the_same(path: Path, form: str) -> None:
    found = report_of(_written(path, form)).findings
    assert _told(found, int(form in COOKIES)) == _told(_plain(path))


@pytest.mark.no_cover
@pytest.mark.parametrize(("path", "form"), PAIRS, ids=[f"{path.stem}, {form}" for path, form in PAIRS])
def test_a_repair_keeps_how_the_bytes_are_written_or_says_why_it_is_none(path: Path, form: str) -> None:
    data = _written(path, form)
    outcome = repair(decode(str(path), data), lambda finding: True)
    if outcome.data == data and repaired(path).fixed:
        assert all(finding.fix_refused for finding in outcome.left)
        return
    assert _told(outcome.fixed, int(form in COOKIES)) == _told(repaired(path).fixed)
    _require_kept(data, outcome.data, repaired(path).data, path.read_bytes(), form)


def _require_kept(before: bytes, after: bytes, golden: bytes, plain: bytes, form: str) -> None:
    if form == "form feeds":
        assert after.count(b"\x0c") == before.count(b"\x0c")
        assert re.sub(rb"\n +\n", b"\n\n", after.replace(b"\x0c", b"")) == re.sub(rb"\n +\n", b"\n\n", golden)
    elif form == "mixed ends of lines":
        assert _END.split(after) == _END.split(golden)
        same = _same_lines(_END.split(plain), _END.split(golden))
        assert _lines(after)[:same] == _lines(before)[:same]
        same = _same_lines(_END.split(plain)[::-1], _END.split(golden)[::-1])
        assert _lines(after)[::-1][: same - 1] == _lines(before)[::-1][: same - 1]
    else:
        assert after == FORMS[form](golden)


def _lines(data: bytes) -> list[bytes]:
    return re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)", data)


def _same_lines(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    return next((number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one) - 1)


def test_every_form_is_repaired_somewhere() -> None:
    assert {form for _, form in PAIRS} == set(REPAIRED)
