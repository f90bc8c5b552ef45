from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from front_ends import LEAK_COLUMN, LEAK_LINE, LEAKING, leak, report_on, span
from rich.cells import cell_len
from rich.console import Console

from leaklint.fingerprint import fingerprints
from leaklint.model import Edit, FileError, FileReport, Finding, Fix, Span, Step
from leaklint.outcome import Outcome
from leaklint.report import concise, full, github, json_format, sarif
from leaklint.report.document import Document, document
from leaklint.report.words import check_summary, error_line, fix_summary, statistics

if TYPE_CHECKING:
    from pathlib import Path

replace = msgspec.structs.replace


def printed(report: Document, width: int = 80, **options: Any) -> str:
    stream = io.StringIO()
    full.write(report, Console(file=stream, width=width, **options))
    return stream.getvalue()


def moved(finding: Finding, text: str, line: int, part: str, path: str | None = None) -> Finding:
    """The same finding with one step, at another place."""
    at = span(text, line, part)
    return replace(finding, span=at, path=path or finding.path, trace=(Step(path or finding.path, at, "here"),))


def test_full_shows_the_code_with_the_way_of_the_key() -> None:
    assert printed(report_on(leak("leaking.py"))) == (
        """\
LKL101 derived-key-leak: `self._clients` keeps `f"{state_id}_r{index}"`:
  `process` evicts only `state_id`
  --> leaking.py:15:17 in Transform.process
   |
14 |             for index, row in enumerate(rows):
15 |                 key = f"{state_id}_r{index}"
   |                       ^^^^^^^^^^^^^^^^^^^^^^
   |                       1. the key is built, one for each row
16 |                 self._get_client(key).send(row)
   |                 ---------------------
   |                 2. handed to `_get_client` as `state_id`
17 |         finally:
   |
  ::: leaking.py:9:13
   |
 8 |         if state_id not in self._clients:
 9 |             self._clients[state_id] = self._factory(state_id)
   |             ----------------------- 3. inserted into `self._clients`
10 |         return self._clients[state_id]
...
17 |         finally:
18 |             self._clients.pop(state_id, None)
   |             --------------------------------- 4. only `state_id` is evicted
   |
   = help: collect the keys and evict each of them in a `finally`
   = repair: `leaklint fix` does it

"""
    )


def test_full_fits_into_narrow_terminals() -> None:
    for width in (40, 60, 80):
        for line in printed(report_on(leak("leaking.py")), width).splitlines():
            assert cell_len(line) <= width or line.lstrip().startswith(("-->", ":::"))


def test_a_function_that_does_not_fit_beside_its_place_has_a_line_of_its_own() -> None:
    text = printed(report_on(replace(leak("leaking.py"), symbol=f"Transform.{'process_' * 6}all")))
    assert "\n  --> leaking.py:15:17\n      in Transform.process_process_" in text
    assert max(map(len, text.splitlines())) <= 80


def test_colour_adds_nothing_but_colour() -> None:
    coloured = printed(report_on(leak("leaking.py")), force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured
    stream = io.StringIO()
    Console(file=stream, width=200).print(coloured, end="", markup=False, highlight=False)
    plain = "".join(part.split("m", 1)[-1] if part[:1] == "[" else part for part in coloured.split("\x1b"))
    assert plain == printed(report_on(leak("leaking.py")))


@pytest.mark.parametrize(
    ("fix", "refused", "words"),
    [
        (Fix("safe", ()), None, "`leaklint fix` does it"),
        (Fix("unsafe", ()), None, "`leaklint fix --unsafe-fixes` does it; read the result"),
        (None, "the key is built in a lambda", "none that is certain: the key is built in a lambda"),
        (None, None, "none that is certain\n"),
    ],
)
def test_full_says_what_can_be_repaired(fix: Fix | None, refused: str | None, words: str) -> None:
    assert f"= repair: {words}" in printed(report_on(replace(leak("a.py"), fix=fix, fix_refused=refused)))


def test_full_says_why_a_repair_is_unsafe() -> None:
    fix = Fix("unsafe", (), "somebody asks for the entry")
    text = printed(report_on(replace(leak("a.py"), fix=fix)), width=200)
    assert "it may change what the code does: somebody asks for the entry\n" in text
    written = json.loads(json_format.text(report_on(replace(leak("leaking.py"), fix=fix))))
    assert written["findings"][0]["fix"] == {"safety": "unsafe", "risk": "somebody asks for the entry", "edits": []}


def test_a_finding_without_a_trace_still_shows_its_line() -> None:
    text = printed(report_on(replace(leak("leaking.py"), trace=(), advice="", symbol="")))
    assert "  --> leaking.py:15:17\n" in text
    assert "\n   |                 ^^^\n" in text
    assert "= help" not in text


def test_a_finding_away_from_its_trace_is_shown_first() -> None:
    finding = replace(leak("leaking.py"), span=span(LEAKING, 13, "try"))
    text = printed(report_on(finding))
    assert text.index("13 |         try:") < text.index("1. the key is built")
    assert "   |         ^^^\n" in text


def test_steps_in_other_files_show_their_code(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("def take(key):\n    cache[key] = 1\n", encoding="utf-8")
    step = Step(str(other), Span(2, 4, 2, 18), "inserted")
    text = printed(report_on(replace(leak("leaking.py"), trace=(*leak("leaking.py").trace, step))))
    assert f"::: {other}:2:5\n" in text
    assert " 2 |     cache[key] = 1\n   |     -------------- 5. inserted\n" in text


def test_a_step_in_a_file_that_vanished_is_told_without_code() -> None:
    step = Step("vanished.py", Span(70, 4, 70, 18), "inserted")
    text = printed(report_on(replace(leak("leaking.py"), trace=(step,))))
    assert "70 |\n   | - 1. inserted\n" in text


def test_a_step_behind_the_end_of_a_file_that_shrank_is_told_at_its_end() -> None:
    step = Step("leaking.py", Span(70, 4, 70, 18), "inserted")
    text = printed(report_on(replace(leak("leaking.py"), trace=(step,))))
    assert "1. inserted\n" in text


@pytest.mark.parametrize(
    ("code", "part", "shown", "mark"),
    [
        ("\tx = key()", "key", "    x = key()", "        ^^^ 1. here"),
        ("  \tx = 'ü€😀' + key()", "key", "    x = 'ü€😀' + key()", " " * 17 + "^^^ 1. here"),
        ("x = '\x1b[31m' + key()", "key", "x = '�[31m' + key()", " " * 14 + "^^^ 1. here"),
        ("x = 1;\x0c key()", "key", "x = 1;� key()", " " * 8 + "^^^ 1. here"),
        ("key()", "()", "key()", "   ^^ 1. here"),
    ],
    ids=["tab", "wide characters", "escape", "form feed", "end of line"],
)
def test_marks_stand_below_what_they_mark(code: str, part: str, shown: str, mark: str) -> None:
    finding = moved(leak("a.py"), code, 1, part)
    text = printed(report_on(finding, text=code + "\n"))
    assert f"1 | {shown}\n  | {mark}\n" in text


def test_long_lines_are_cut_around_the_mark() -> None:
    code = f"x = [{'1, ' * 60}key(), {'2, ' * 60}]"
    text = printed(report_on(moved(leak("a.py"), code, 1, "key()"), text=code))
    line, mark = next(
        pair for pair in zip(text.splitlines(), text.splitlines()[1:], strict=False) if "key()" in pair[0]
    )
    assert line.startswith("1 | …, 1, 1, ")
    assert line.endswith("…")
    assert mark.index("^^^^^") == line.index("key()")


def test_a_long_mark_is_cut_at_the_right() -> None:
    code = f"    return compute({'argument, ' * 20})"
    text = printed(report_on(moved(leak("a.py"), code, 1, code.strip()), text=code))
    assert "1 |     return compute(argument," in text
    assert f"  |     {'^' * 72}\n" in text


def test_a_statement_of_several_lines_is_marked_on_its_first() -> None:
    code = "x = key(\n    1,\n)\n"
    finding = replace(leak("a.py"), span=Span(1, 4, 3, 1), trace=(Step("a.py", Span(1, 4, 3, 1), "here"),))
    assert "1 | x = key(\n  |     ^^^^ 1. here\n2 |     1,\n" in printed(report_on(finding, text=code))


def test_two_steps_on_one_line_share_the_line() -> None:
    code = "cache[make(key)] = 1\n"
    steps = (Step("a.py", span(code, 1, "make(key)"), "built"), Step("a.py", span(code, 1, "cache"), "inserted"))
    finding = replace(leak("a.py"), span=steps[0].span, trace=steps)
    text = printed(report_on(finding, text=code))
    assert text.count("1 | cache[make(key)] = 1") == 1
    assert "  |       ^^^^^^^^^ 1. built\n  | ^^^^^ 2. inserted\n" in text


def test_two_steps_far_apart_on_one_long_line_stand_below_their_own_part() -> None:
    code = f"cache.insert({'argument, ' * 12}make(key))\n"
    steps = (Step("a.py", span(code, 1, "make(key)"), "built"), Step("a.py", span(code, 1, "cache"), "inserted"))
    finding = replace(leak("a.py"), span=steps[0].span, trace=steps)
    lines = printed(report_on(finding, text=code)).splitlines()
    built = next(number for number, line in enumerate(lines) if "1. built" in line)
    inserted = next(number for number, line in enumerate(lines) if "2. inserted" in line)
    assert lines[built].index("^^^") == lines[built - 1].index("make(key)")
    assert lines[inserted].index("^^^") == lines[inserted - 1].index("cache")


def test_concise_is_one_line_a_finding() -> None:
    first = leak("leaking.py")
    second = replace(first, path="leaking.py", message="two\nlines")
    assert list(concise.lines(report_on(first, second))) == [
        f"leaking.py:{LEAK_LINE}:{LEAK_COLUMN}: LKL101 {first.message}",
        f"leaking.py:{LEAK_LINE}:{LEAK_COLUMN}: LKL101 two�lines",
    ]


def test_columns_count_characters() -> None:
    code = "é = '€'; key()\n"
    finding = moved(leak("a.py"), code, 1, "key")
    (located,) = report_on(finding, text=code).findings
    assert (located.place.column, located.place.end_column) == (10, 13)


def test_github_annotates_the_line() -> None:
    report = report_on(leak("a,b:c.py"), errors=(FileError("bad.py", "100% wrong\nindeed", 3, 4),))
    error, finding = github.lines(report)
    assert error == "::error file=bad.py,line=3,col=4,title=leaklint::100%25 wrong%0Aindeed"
    where, _, message = finding.removeprefix("::error ").partition("::")
    assert where == "file=a%2Cb%3Ac.py,line=15,endLine=15,title=LKL101 derived-key-leak,col=17,endColumn=20"
    assert message == f"a,b:c.py:15:17: LKL101 {leak('').message}"


def test_github_gets_no_columns_for_several_lines() -> None:
    (line,) = github.lines(report_on(replace(leak("a.py"), span=Span(1, 0, 3, 4))))
    assert "line=1,endLine=3," in line
    assert "col=" not in line


def test_json_has_what_the_contract_says() -> None:
    report = report_on(leak("leaking.py"), errors=(FileError("bad.py", "broken", 3, None),))
    written = json.loads(json_format.text(report))
    (finding,) = written.pop("findings")
    fingerprint = finding.pop("fingerprint")
    assert len(fingerprint) == 32
    assert finding == {
        "code": "LKL101",
        "name": "derived-key-leak",
        "message": leak("").message,
        "path": "leaking.py",
        "line": 15,
        "column": 17,
        "end_line": 15,
        "end_column": 20,
        "cache": "self._clients",
        "key": 'f"{state_id}_r{index}"',
        "trace": [
            {"path": "leaking.py", "line": 15, "column": 23, "note": "the key is built, one for each row"},
            {"path": "leaking.py", "line": 16, "column": 17, "note": "handed to `_get_client` as `state_id`"},
            {"path": "leaking.py", "line": 9, "column": 13, "note": "inserted into `self._clients`"},
            {"path": "leaking.py", "line": 18, "column": 13, "note": "only `state_id` is evicted"},
        ],
        "fix": {
            "safety": "safe",
            "risk": None,
            "edits": [
                {"start": 0, "end": 0, "line": 1, "column": 1, "end_line": 1, "end_column": 1, "text": "# one\n"},
                {"start": 6, "end": 15, "line": 1, "column": 7, "end_line": 1, "end_column": 16, "text": "Changed"},
            ],
        },
    }
    assert written == {
        "version": 1,
        "errors": [{"path": "bad.py", "line": 3, "column": None, "message": "broken"}],
        "notices": [],
        "gone": [],
        "summary": {
            "files": 1,
            "findings": 1,
            "errors": 1,
            "fixed": 0,
            "known": 0,
            "repairable": {"safe": 1, "unsafe": 0},
            "rules": {"LKL101": 1},
        },
    }


def test_json_of_nothing_is_whole() -> None:
    written = json.loads(json_format.text(document([])))
    assert (written["findings"], written["errors"]) == ([], [])


def test_json_without_a_repair_says_null() -> None:
    (finding,) = json.loads(json_format.text(report_on(replace(leak("a.py"), fix=None))))["findings"]
    assert finding["fix"] is None


def test_what_utf8_cannot_hold_is_escaped_everywhere() -> None:
    path = os.fsdecode(b"caf\xe9.py")
    finding = replace(leak(path), key="\ud800", message="key \ud800", fix=None)
    report = report_on(finding, errors=(FileError(path, "bad \udcff"),))
    (written,) = json.loads(json_format.text(report))["findings"]
    assert (written["path"], written["key"]) == ("caf\\udce9.py", "\\ud800")
    for text in (printed(report), *concise.lines(report), *github.lines(report), sarif.text(report)):
        assert "caf" in text
        text.encode("utf-8")
    assert error_line(report.errors[0]) == "caf\\udce9.py: error: bad \\udcff"


def test_sarif_has_what_code_scanning_needs() -> None:
    report = report_on(leak("my dir/é.py"), errors=(FileError("bad.py", "broken", 3, 4), FileError("gone.py", "gone")))
    log = json.loads(sarif.text(report))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "leaklint"
    assert run["columnKind"] == "unicodeCodePoints"
    (result,) = run["results"]
    rule = driver["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "LKL101"
    assert rule["help"]["markdown"]
    assert rule["defaultConfiguration"]["enabled"] is True
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "my%20dir/%C3%A9.py"},
        "region": {"startLine": 15, "startColumn": 17, "endLine": 15, "endColumn": 20},
    }
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == [step.note for step in leak("").trace]
    assert result["partialFingerprints"] == {"leaklint/v1": report.findings[0].fingerprint}
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][1] == {
        "deletedRegion": {"startLine": 1, "startColumn": 7, "endLine": 1, "endColumn": 16},
        "insertedContent": {"text": "Changed"},
    }
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    first, second = (note["locations"][0]["physicalLocation"] for note in invocation["toolExecutionNotifications"])
    assert first["region"] == {"startLine": 3, "startColumn": 4}
    assert second == {"artifactLocation": {"uri": "gone.py"}}


def test_sarif_without_findings_or_repairs_is_whole(tmp_path: Path) -> None:
    assert json.loads(sarif.text(document([])))["runs"][0]["results"] == []
    finding = replace(leak(str(tmp_path / "a.py")), fix=None, trace=())
    (result,) = json.loads(sarif.text(report_on(finding)))["runs"][0]["results"]
    assert "fixes" not in result
    assert "codeFlows" not in result
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "a.py").as_uri()


def test_a_fingerprint_survives_everything_but_another_leak() -> None:
    finding = leak("a.py")
    (name,) = fingerprints([finding], "src/a.py")
    elsewhere = replace(
        finding, path="/other/clone/src/a.py", span=Span(90, 0, 90, 1), message="new", trace=(), fix=None
    )
    assert fingerprints([elsewhere], "src/a.py") == (name,)
    others = [
        replace(finding, code="LKL102"),
        replace(finding, symbol="Transform.other"),
        replace(finding, cache="self._locks"),
        replace(finding, key="state_id"),
    ]
    names = {name, *fingerprints(others, "src/a.py"), *fingerprints([finding], "src/b.py")}
    assert len(names) == 6


def test_like_findings_are_told_apart_by_their_order() -> None:
    names = fingerprints([leak("a.py"), replace(leak("a.py"), key="other"), leak("a.py")], "a.py")
    assert len(set(names)) == 3
    assert names[0] == fingerprints([leak("a.py")], "a.py")[0]


def test_the_fingerprint_s_path_is_relative_to_the_repository(tmp_path: Path) -> None:
    def name(clone: str) -> str:
        path = str(tmp_path / clone / "src" / "a.py")
        outcome = Outcome(FileReport(path, (leak(path),)), str(tmp_path / clone), before=LEAKING.encode())
        return document([outcome]).findings[0].fingerprint

    assert name("one") == name("two") == fingerprints([leak("")], "src/a.py")[0]


def test_the_summary_of_a_check_counts() -> None:
    safe, unsafe = leak("a.py"), replace(leak("a.py"), fix=Fix("unsafe", ()))
    none = replace(leak("a.py"), fix=None)
    assert check_summary(report_on()) == "No leaks found in 1 file."
    assert check_summary(report_on(none)) == "Found 1 finding."
    assert check_summary(report_on(safe, safe, none)) == "Found 3 findings (2 repairable with `leaklint fix`)."
    assert check_summary(report_on(safe, unsafe)) == (
        "Found 2 findings (1 repairable with `leaklint fix`, 1 more with `leaklint fix --unsafe-fixes`)."
    )
    assert check_summary(report_on(unsafe)) == "Found 1 finding (1 repairable with `leaklint fix --unsafe-fixes`)."


def test_the_summary_names_what_could_not_be_done() -> None:
    errors = (FileError("b.py", "one"), FileError("b.py", "two"), FileError("c.py", "one"))
    assert check_summary(report_on(errors=errors)) == "No leaks found in 1 file. 2 paths could not be done."


def test_the_summary_of_a_repair_counts() -> None:
    def report(*left: Finding, fixed: int) -> Document:
        repaired = tuple(replace(leak(f"{number % 2}.py"), path=f"{number % 2}.py") for number in range(fixed))
        return replace(report_on(*left), fixed=repaired)

    unsafe = replace(leak("a.py"), fix=Fix("unsafe", (Edit(0, 0, ""),)))
    assert fix_summary(report(fixed=0), written=True) == "No leaks found in 1 file."
    assert fix_summary(report(fixed=3), written=True) == "Repaired 3 findings in 2 files; none left."
    assert fix_summary(report(leak("a.py"), fixed=1), written=False) == "Would repair 1 finding in 1 file; 1 left."
    assert fix_summary(report(unsafe, fixed=0), written=True) == (
        "Repaired nothing; 1 left (1 repairable with `--unsafe-fixes`)."
    )


def test_statistics_put_the_most_frequent_first() -> None:
    other = replace(leak("a.py"), code="LKL102", name="eviction-skipped-on-error")
    third = replace(leak("a.py"), code="LKL103", name="eviction-skipped-on-exit")
    assert statistics(report_on(leak("a.py"), third, other, other)) == (
        (2, "LKL102", "eviction-skipped-on-error"),
        (1, "LKL101", "derived-key-leak"),
        (1, "LKL103", "eviction-skipped-on-exit"),
    )
