"""What the tests of repairs share: a file laid out, its statements found by their text, changes made and proven."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from leaklint import analyze
from leaklint.extract import extract, parse
from leaklint.ir_walk import below
from leaklint.repairs.layout import Layout, read_layout, text_of
from leaklint.repairs.proof import prove
from leaklint.repairs.refusal import Refusal
from leaklint.repairs.surgery import combine
from leaklint.source import apply_edits, decode

if TYPE_CHECKING:
    from leaklint import ir
    from leaklint.repairs.changes import Change


def laid_out(code: str | bytes) -> Layout:
    data = code if isinstance(code, bytes) else dedent(code).encode()
    source = decode("module.py", data)
    layout = read_layout(source, extract(parse(source), source.path))
    assert isinstance(layout, Layout), layout
    return layout


def statement(layout: Layout, beginning: str) -> ir.Statement:
    """The one statement whose text begins so; the first is the outermost."""
    blocks = {id(place.block): place.block for place in layout.places.values()}.values()
    found = [one for block in blocks for one in block.statements if text_of(layout, one.at).startswith(beginning)]
    assert found, beginning
    return min(found, key=lambda one: (one.at.line, one.at.column, -one.at.end_line, -one.at.end_column))


def expression(layout: Layout, text: str, kind: type[ir.Node]) -> ir.Expression:
    """The first expression of that kind whose text begins so."""
    for node in below(layout.module):
        if isinstance(node, kind) and text_of(layout, node.at).startswith(text):
            return node
    raise AssertionError(text)


def repaired(layout: Layout, *changes: Change) -> str:
    """The text after the changes, which must pass the proof."""
    edits = combine(layout, changes)
    assert not isinstance(edits, Refusal), edits.reason
    proven = prove(layout.source, edits)
    assert not isinstance(proven, Refusal), f"{proven.reason}\n{apply_edits(layout.source, edits).decode()}"
    return decode("module.py", proven).text


def refused(layout: Layout, *changes: Change) -> str:
    """The reason why the changes are not made."""
    refusal = combine(layout, changes)
    assert isinstance(refusal, Refusal), refusal
    return refusal.reason


def fixed(code: str) -> str:
    """The code after all safe repairs."""
    return analyze.repair(decode("module.py", code.encode()), lambda finding: True).data.decode()


def reasons(code: str) -> list[str | None]:
    """Why the findings of the code are not repaired."""
    findings = analyze.check(decode("module.py", dedent(code).encode())).findings
    assert findings
    assert not [finding for finding in findings if finding.fix is not None and finding.fix.safety == "safe"]
    return [finding.fix_refused for finding in findings]


def require_repair(before: str, after: str) -> None:
    """Repaired as it should be, in one go, whatever the line endings and the indentation."""
    before, after = dedent(before), dedent(after)
    assert fixed(before) == after
    assert fixed(after) == after
    assert fixed(before.replace("\n", "\r\n")) == after.replace("\n", "\r\n")
    assert fixed(before.replace("    ", "\t")) == after.replace("    ", "\t")
