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

REAL = "A real one"
SECTIONS = ["What", "Why", "Bad", "Good", "Repair", REAL]

every_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


def sections(rule: Rule) -> dict[str, str]:
    summary, *parts = re.split(r"^## (.+)\n", rule.docs, flags=re.MULTILINE)
    return {"": summary, **dict(zip(parts[::2], parts[1::2], strict=True))}


def example(rule: Rule, section: str) -> Source:
    (block,) = blocks(sections(rule)[section])
    assert block.language == "python"
    return decode("example.py", block.text.encode())


def told_leak(text: str) -> re.Match[str] | None:
    """The link to a leak of one release, if a paragraph has one and names another release, which does not leak."""
    link = r"\[[\w.-]+ (\d+(?:\.\w+)+)\]\(https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull|commit)/\w+\)"
    for paragraph in text.split("\n\n"):
        found = re.search(link, paragraph)
        if found is not None and set(re.findall(r"(?<![\w.])\d+(?:\.\w+)+", paragraph)) - {found[1]}:
            return found
    return None


@every_rule
def test_the_page_has_its_sections(rule: Rule) -> None:
    assert list(sections(rule)) == ["", *SECTIONS]
    assert all(text.strip() for text in sections(rule).values())


@every_rule
def test_why_it_matters_is_told_with_numbers(rule: Rule) -> None:
    assert re.search(r"\d{2}", sections(rule)["Why"])


@every_rule
def test_a_release_that_leaks_is_told_with_its_cure_and_where_to_read_on(rule: Rule) -> None:
    assert told_leak(sections(rule)[REAL]) is not None


@every_rule
def test_of_every_release_it_is_told_whether_leaklint_reports_it(rule: Rule) -> None:
    for told in sections(rule)[REAL].strip().split("\n\n"):
        assert re.search(r"leaklint (does not report|reports)\b", " ".join(told.split())), told


@pytest.mark.parametrize(
    "told",
    [
        "[pool 1.2.0](https://github.com/owner/pool/issues/7): an entry stays. leaklint reports it.",
        "[pool 1.2.0](https://github.com/owner/pool/issues/7): an entry stays in 1.2.0. leaklint reports it.",
        "pool 1.2.0: an entry stays; 1.2.1 evicts it. leaklint reports it.",
        "[pool](https://github.com/owner/pool/issues/7): an entry stays; 1.2.1 evicts it. leaklint reports it.",
        "[pool 1.2.0](https://github.com/owner/pool): an entry stays; 1.2.1 evicts it. leaklint reports it.",
    ],
    ids=["no-cure", "the-same-release", "no-link", "no-release", "no-thread"],
)
def test_a_page_that_tells_less_would_be_noticed(told: str) -> None:
    assert told_leak(told) is None
    assert told_leak("[pool 1.2.0](https://github.com/owner/pool/issues/7): it stays; 1.2.1 evicts it.") is not None


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
