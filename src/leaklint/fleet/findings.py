"""The findings of one repository as JSON and SARIF: paths from its root, what was repaired, each step's code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from leaklint.paths import encodable, shown
from leaklint.report import json_format, sarif
from leaklint.report.excerpt import code_line
from leaklint.report.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.report.document import Document, Place

AROUND = 2
"""Lines of code that are shown above and below a step."""

LONGEST_LINE = 400


def findings_text(document: Document, repaired: Sequence[bool], root: str) -> bytes:
    """Write the JSON of `leaklint check`; each finding with its `status`, `symbol`, `advice` and code besides."""
    written = msgspec.json.decode(json_format.text(document))
    for finding, located, is_repaired in zip(written["findings"], document.findings, repaired, strict=True):
        told = located.finding
        finding["status"] = "repaired" if is_repaired else "left"
        finding["symbol"], finding["advice"] = encodable(told.symbol), encodable(told.advice)
        finding["refused"] = told.fix_refused
        finding["excerpt"] = _excerpt(document, told.path, located.place)
        for step, place, raw in zip(finding["trace"], located.steps, told.trace, strict=True):
            step["excerpt"] = _excerpt(document, raw.path, place)
    return _formatted(_relative(written, root))


def sarif_text(document: Document, repaired: Sequence[bool], root: str) -> bytes:
    """Write the SARIF of `leaklint check`; each result with its `status` among the properties."""
    written = msgspec.json.decode(sarif.text(document))
    for result, is_repaired in zip(written["runs"][0]["results"], repaired, strict=True):
        result["properties"] = {"status": "repaired" if is_repaired else "left"}
    return _formatted(_relative(written, root))


def findings_summary(findings: int, repaired: int) -> str:
    """Say how many there were and what became of them."""
    return f"{count(findings, 'finding')}, {repaired} repaired, {findings - repaired} left"


def _excerpt(document: Document, path: str, place: Place) -> dict[str, object] | None:
    source = document.source_of(path)
    if source is None:
        return None
    first = max(place.line - AROUND, 1)
    last = min(place.line + AROUND, len(source.line_starts))
    lines = [encodable(code_line(source, number))[:LONGEST_LINE] for number in range(first, last + 1)]
    return {"first_line": first, "lines": lines}


def _relative(written: Any, root: str) -> Any:
    """Take the temporary directory out of every text; its name is random, so that nothing else is called so."""
    places = [f"{Path(root).as_uri()}/", f"{root}/", f"{quote(shown(root))}/", f"{shown(root)}/"]

    def cleaned(value: Any) -> Any:
        if isinstance(value, str):
            for place in places:
                value = value.replace(place, "")
            return value
        if isinstance(value, dict):
            return {key: cleaned(inner) for key, inner in value.items()}
        return [cleaned(inner) for inner in value] if isinstance(value, list) else value

    return cleaned(written)


def _formatted(written: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(written)) + b"\n"
