"""The page of each rule: its Bad example is bad, its Good one is good, and what it says of the repair is so."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from documents import blocks

from leaklint.analyze import check, repair
from leaklint.rules import all_rules
from leaklint.source import decode

if TYPE_CHECKING:
    from leaklint.rule import Rule
    from leaklint.source import Source

SECTIONS = ["What", "Why", "Bad", "Good", "Repair"]
REAL = "A real one"
"""The last section, of rules for which a released package is known."""

every_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


def sections(rule: Rule) -> dict[str, str]:
    summary, *parts = re.split(r"^## (.+)\n", rule.docs, flags=re.MULTILINE)
    return {"": summary, **dict(zip(parts[::2], parts[1::2], strict=True))}


def example(rule: Rule, section: str) -> Source:
    (block,) = blocks(sections(rule)[section])
    assert block.language == "python"
    return decode("example.py", block.text.encode())


@every_rule
def test_the_page_has_its_sections(rule: Rule) -> None:
    assert list(sections(rule)) in (["", *SECTIONS], ["", *SECTIONS, REAL])
    assert all(text.strip() for text in sections(rule).values())


def test_most_rules_on_by_default_tell_of_a_released_package_and_where_to_read_on() -> None:
    told = [sections(rule)[REAL] for rule in all_rules() if REAL in sections(rule)]
    links = [re.search(r"\[[\w-]+ \d+(\.\w+)+\]\(https://github\.com/[^)]+\)", text) for text in told]
    assert len([link for link in links if link]) >= 5


@every_rule
def test_code_and_name_are_in_their_form(rule: Rule) -> None:
    assert re.fullmatch(r"LKL[12]\d\d", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
    assert rule.default == rule.code.startswith("LKL1")
    assert not rule.summary.endswith(".")


def test_codes_and_names_are_all_different() -> None:
    rules = all_rules()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)


@every_rule
def test_bad_is_found_by_this_rule_alone(rule: Rule) -> None:
    report = check(example(rule, "Bad"))
    assert not report.errors
    assert [finding.code for finding in report.findings] == [rule.code]


@every_rule
def test_good_is_silent(rule: Rule) -> None:
    report = check(example(rule, "Good"))
    assert not report.errors
    assert [finding.message for finding in report.findings] == []


@every_rule
def test_bad_is_repaired_as_the_page_says(rule: Rule) -> None:
    bad, said = example(rule, "Bad"), sections(rule)["Repair"].strip()
    (finding,) = check(bad).findings
    repaired = repair(bad, lambda finding: True)
    if said.startswith("Safe"):
        compile(ast.parse(repaired.data), "example.py", "exec")
        assert [fixed.code for fixed in repaired.fixed] == [rule.code]
        assert check(decode("example.py", repaired.data)).findings == ()
    elif said.startswith("Unsafe"):
        assert finding.fix is not None
        assert finding.fix.safety == "unsafe"
    else:
        assert said.startswith("None")
        assert finding.fix is None
    assert (repaired.data == bad.data) != said.startswith("Safe")
