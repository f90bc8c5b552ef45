"""The proof lets a sound repair through, and each of its checks can stop an unsound one."""

from __future__ import annotations

import libcst
import pytest

from leaklint.model import Edit
from leaklint.repairs.proof import compare, prove
from leaklint.repairs.refusal import Refusal
from leaklint.source import Source, decode

CODE = """\
# top
import a

class A:
    x = "text"  # class

    def f(self):
        # in f
        return f"{self.x} in f"

    @a
    def g(self):
        return "in g"

def f():
    pass
"""


def source(code: str | bytes = CODE) -> Source:
    return decode("module.py", code if isinstance(code, bytes) else code.encode())


def edit(old: str, new: str, code: str = CODE) -> Edit:
    start = code.index(old)
    return Edit(start, start + len(old), new)


def reason(before: Source, *edits: Edit) -> str:
    refusal = prove(before, edits)
    assert isinstance(refusal, Refusal), refusal
    return refusal.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_sound_repair_gives_the_new_bytes(encoding: str, newline: str) -> None:
    cookie = "# coding: latin-1\n# é\n" if encoding == "latin-1" else "# é\n"
    code = (cookie + CODE).replace("\n", newline)
    old = f"return f{chr(34)}"
    new = f"y = 1{newline}        return f{chr(34)}"
    proven = prove(source(code.encode(encoding)), [edit(old, "y = 1\n        " + old, code)])
    assert proven == code.replace(old, new).encode(encoding)


def test_a_file_or_a_repair_that_does_not_compile_is_refused() -> None:
    assert reason(source("x = (\n")).startswith("the file does not compile")
    assert reason(source(), edit("    pass", "")).startswith("the repaired file does not compile: ")
    assert reason(source(), edit("    pass", "    break")) == (
        "the repaired file does not compile: 'break' outside loop, line 16"
    )


def test_edits_that_overlap_or_cannot_be_written_are_refused() -> None:
    assert reason(source(), Edit(0, 5, ""), Edit(3, 6, "")).startswith("the edits cannot be applied (")
    assert reason(source(b"# coding: latin-1\nx = 1\n"), Edit(19, 19, "'\u20ac'")).startswith(
        "the edits cannot be applied ("
    )


def test_other_bytes_than_those_of_the_edits_are_refused() -> None:
    before, change = source(), edit("pass", "return")
    after = source(CODE.replace("pass", "return"))
    assert compare(before, after, [change]) is None
    tampered = source(CODE.replace("    pass", "    pass "))
    refusal = compare(before, tampered, [])
    assert refusal == Refusal("bytes outside the edits would change")
    blank = source(CODE.replace("\n\ndef f", "\n\n\ndef f"))
    assert compare(before, blank, [edit("pass", "pass")]) == refusal


def test_a_lost_comment_is_refused_and_a_new_one_is_not() -> None:
    assert reason(source(), edit("        # in f\n", "")) == "the comment # in f would be lost"
    assert isinstance(prove(source(), [edit("# in f", "# in f\n        # more")]), bytes)


def test_a_lost_string_is_refused_and_a_new_one_is_not() -> None:
    assert reason(source(), edit('"in g"', "1")) == 'the string "in g" would be lost'
    assert reason(source(), edit(" in f", "", CODE[: CODE.index("return")] + " " * 22 + " in f")).endswith(
        "would be lost"
    )
    assert isinstance(prove(source(), [edit('return "in g"', 'return "in g" + "in g"')]), bytes)


def test_the_holes_of_f_strings_may_change_and_their_texts_may_not() -> None:
    assert isinstance(prove(source(), [edit("{self.x}", "{self}")]), bytes)
    assert reason(source(), edit("} in f", "}")) == "the string ' in f' would be lost"


def test_code_that_no_edit_is_in_must_stay_the_same() -> None:
    before = source("def f():\n  return 1\n\n\ndef g():\n  return 2\n\n\nx = 1\n")
    another = Edit(11, 19, "return 1\n\n\ndef h():\n  return 3")
    assert reason(before, another) == "code outside the edited functions would change"
    assert isinstance(prove(before, [edit("1", "3", before.text)]), bytes)
    assert isinstance(prove(before, [edit("x = 1", "x = 2", before.text)]), bytes)


def test_a_function_that_no_edit_is_in_must_stay_the_same() -> None:
    before = source("class A:\n  x = 1\n  def f(self):\n    return 1\n\n\nx = 1\n")
    assert reason(before, edit("x = 1", "@decorator", before.text)) == (
        "the function A.f, line 3, would change though no edit is in it"
    )
    assert (
        reason(before, edit("A", "B", before.text)) == "the function A.f, line 3, would change though no edit is in it"
    )


@pytest.mark.parametrize("answer", [b"", RuntimeError("no"), BaseException("panic")])
def test_a_file_that_libcst_does_not_give_back_is_refused(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    class Parsed:
        bytes = b""

    def parse(data: bytes) -> Parsed:
        if isinstance(answer, BaseException):
            raise answer
        return Parsed()

    monkeypatch.setattr(libcst, "parse_module", parse)
    expected = "LibCST does not give the file back as it is" if answer == b"" else "LibCST cannot read the file ("
    assert reason(source()).startswith(expected)


def test_an_interruption_is_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(libcst, "parse_module", parse)
    with pytest.raises(KeyboardInterrupt):
        prove(source(), [])


def test_a_real_file_that_libcst_loses_a_form_feed_of_is_refused() -> None:
    assert reason(source("\x0cx = 1\n")) == "LibCST does not give the file back as it is"


def test_libcst_is_not_imported_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = "import sys, leaklint.repairs.proof, leaklint.repairs.surgery; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
