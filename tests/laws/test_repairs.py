"""What repairs do to each fixture: the golden file, stable, clean, and every other byte as it was.

``LEAKLINT_UPDATE_GOLDEN=1 pytest tests/laws/test_repairs.py`` writes the golden files anew; read the difference.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from laws.fixtures import (
    FIXED,
    FIXED_UNSAFELY,
    FIXTURES,
    every_fixture,
    repaired,
    repaired_of,
    repaired_unsafely,
    repaired_unsafely_of,
    report,
    report_of,
    rule_of,
)
from leaklint.analyze import repair
from leaklint.source import decode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from leaklint.model import Edit, Finding


UPDATE = os.environ.get("LEAKLINT_UPDATE_GOLDEN") == "1"
UNSAFE_ONLY = ("LKL105", "LKL204")
"""Rules all of whose repairs are unsafe."""
every_unsafe_fixture = pytest.mark.parametrize(
    "path", [path for path in FIXTURES if rule_of(path) in UNSAFE_ONLY], ids=lambda path: path.stem
)
BOM = b"\xef\xbb\xbf"


@every_fixture
def test_the_repaired_file_is_the_golden_one(path: Path) -> None:
    golden, data = FIXED / path.name, repaired(path).data
    if UPDATE:
        _write_golden(golden, data, is_changed=data != path.read_bytes())
    expected = golden.read_bytes() if golden.exists() else path.read_bytes()
    assert data.decode().splitlines() == expected.decode().splitlines()
    assert data == expected


@every_fixture
def test_what_is_repaired_has_a_golden_file_and_nothing_else_has(path: Path) -> None:
    assert (FIXED / path.name).exists() == bool(repaired(path).fixed)


def test_each_golden_file_has_its_fixture() -> None:
    assert {path.name for path in FIXED.glob("*")} <= {path.name for path in FIXTURES[0].parent.glob("*.py")}


@pytest.mark.no_cover
@every_fixture
def test_repairing_twice_is_repairing_once(path: Path) -> None:
    once = repaired(path).data
    again = repaired_of(once, str(path))
    assert again.data == once
    assert not again.fixed


@every_fixture
def test_the_repaired_file_is_clean_of_what_was_repaired(path: Path) -> None:
    outcome = repaired(path)
    compile(ast.parse(outcome.data), path.name, "exec")
    assert _kinds(report_of(outcome.data, str(path)).findings) == _kinds(outcome.left)


@every_fixture
def test_each_finding_is_repaired_or_left(path: Path) -> None:
    outcome, findings = repaired(path), report(path).findings
    assert _kinds((*outcome.fixed, *outcome.left)) == _kinds(findings)
    safe = [finding for finding in findings if finding.fix is not None and finding.fix.safety == "safe"]
    assert not _kinds(safe) - _kinds(outcome.fixed)


@every_fixture
def test_each_finding_has_a_repair_or_says_why_not(path: Path) -> None:
    for finding in report(path).findings:
        assert (finding.fix is None) == bool(finding.fix_refused), finding.message


@pytest.mark.no_cover
@every_fixture
def test_one_repair_alone_changes_its_own_edits_only(path: Path) -> None:
    source = decode(str(path), path.read_bytes())
    safe = [finding for finding in report(path).findings if finding.fix is not None and finding.fix.safety == "safe"]
    for chosen in safe[len(safe) // 2 :][:1]:
        alone = repair(source, chosen.__eq__)
        assert chosen.fix is not None
        assert alone.data.decode() == _spliced(source.text, chosen.fix.edits)
        assert len(alone.fixed) == 1


@every_fixture
def test_lines_that_no_edit_touches_stay_in_their_order(path: Path) -> None:
    text = path.read_text("utf-8")
    touched = {
        line
        for finding in report(path).findings
        if finding.fix is not None
        for edit in finding.fix.edits
        for line in range(text.count("\n", 0, edit.start), text.count("\n", 0, edit.end) + 1)
    }
    kept = [line for number, line in enumerate(text.splitlines()) if number not in touched]
    _require_subsequence(kept, repaired(path).data.decode().splitlines())


@every_fixture
def test_comments_stay(path: Path) -> None:
    def comments(data: bytes) -> Counter[str]:
        return Counter(line.partition("  # ")[2] for line in data.decode().splitlines())

    lost = comments(path.read_bytes()) - comments(repaired(path).data)
    assert not {comment for comment in lost if comment}


@every_fixture
def test_carriage_returns_stay(path: Path) -> None:
    with_carriage_returns = path.read_bytes().replace(b"\n", b"\r\n")
    outcome = repaired_of(with_carriage_returns, str(path))
    assert outcome.data == repaired(path).data.replace(b"\n", b"\r\n")


@every_fixture
def test_byte_order_mark_and_missing_final_newline_stay(path: Path) -> None:
    bare = path.read_bytes().rstrip(b"\n")
    outcome = repaired_of(BOM + bare, str(path))
    assert outcome.data == BOM + repaired(path).data.rstrip(b"\n")


@every_unsafe_fixture
def test_the_unsafely_repaired_file_is_the_golden_one(path: Path) -> None:
    golden, data = FIXED_UNSAFELY / path.name, repaired_unsafely(path).data
    if UPDATE:
        _write_golden(golden, data, is_changed=data != path.read_bytes())
    assert golden.exists() == bool(repaired_unsafely(path).fixed)
    assert data == (golden.read_bytes() if golden.exists() else path.read_bytes())


def test_each_unsafe_golden_file_has_its_fixture() -> None:
    assert {path.name for path in FIXED_UNSAFELY.glob("*")} <= {path.name for path in FIXTURES}


@every_unsafe_fixture
def test_repairs_of_rules_that_have_no_safe_one_are_unsafe_and_say_why(path: Path) -> None:
    for finding in report(path).findings:
        if finding.code == rule_of(path) and finding.fix is not None:
            assert finding.fix.safety == "unsafe"
            assert finding.fix.risk


@every_unsafe_fixture
def test_the_unsafely_repaired_file_is_clean_of_that_and_repairing_twice_is_repairing_once(path: Path) -> None:
    outcome = repaired_unsafely(path)
    compile(ast.parse(outcome.data), path.name, "exec")
    assert _kinds(report_of(outcome.data, str(path)).findings) == _kinds(outcome.left)
    again = repaired_unsafely_of(outcome.data, path)
    assert again.data == outcome.data
    assert not again.fixed


@every_unsafe_fixture
def test_an_unsafe_repair_keeps_comments_and_carriage_returns(path: Path) -> None:
    outcome, old = repaired_unsafely(path), path.read_bytes()
    assert Counter(re.findall(rb"#.*", old)) == Counter(re.findall(rb"#.*", outcome.data))
    with_carriage_returns = repaired_unsafely_of(old.replace(b"\n", b"\r\n"), path)
    assert with_carriage_returns.data == outcome.data.replace(b"\n", b"\r\n")


def _write_golden(golden: Path, data: bytes, *, is_changed: bool) -> None:
    if is_changed:
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(data)
    else:
        golden.unlink(missing_ok=True)


def _kinds(findings: Iterable[Finding]) -> Counter[tuple[str, str, str]]:
    return Counter((finding.code, finding.symbol, finding.cache) for finding in findings)


def _spliced(text: str, edits: tuple[Edit, ...]) -> str:
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _require_subsequence(kept: list[str], lines: list[str]) -> None:
    remaining = iter(lines)
    for line in kept:
        assert line in remaining, f"lost or moved: {line}"
