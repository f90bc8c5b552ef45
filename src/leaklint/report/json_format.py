"""JSON, version 1. Lines and columns count from 1, in characters; an edit's offsets count from 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leaklint.paths import encodable
from leaklint.report.words import given_up, repairable, statistics
from leaklint.source import Source, position

if TYPE_CHECKING:
    from leaklint.model import Edit, FileError, Fix, Gone
    from leaklint.report.document import Document, Located

VERSION = 1


def text(document: Document) -> str:
    """Write the whole run as one JSON object."""
    written = {
        "version": VERSION,
        "findings": [_finding(located, document) for located in document.findings],
        "errors": [_error(error) for error in document.errors],
        "notices": [
            {"path": encodable(path), "message": encodable(given_up(functions)), "functions": list(functions)}
            for path, functions in document.given_up
        ],
        "gone": [_gone(gone) for gone in document.gone],
        "summary": _summary(document),
    }
    return msgspec.json.format(msgspec.json.encode(written)).decode() + "\n"


def _finding(located: Located, document: Document) -> dict[str, object]:
    finding, place = located.finding, located.place
    return {
        "code": finding.code,
        "name": finding.name,
        "message": encodable(finding.message),
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "cache": encodable(finding.cache),
        "key": encodable(finding.key),
        "trace": [
            {"path": at.path, "line": at.line, "column": at.column, "note": encodable(step.note)}
            for step, at in zip(finding.trace, located.steps, strict=True)
        ],
        "fix": _fix(finding.fix, document.source_of(finding.path)),
        "fingerprint": located.fingerprint,
    }


def _fix(fix: Fix | None, source: Source | None) -> dict[str, object] | None:
    if fix is None or source is None:
        return None
    risk = None if fix.risk is None else encodable(fix.risk)
    return {"safety": fix.safety, "risk": risk, "edits": [_edit(edit, source) for edit in fix.edits]}


def _edit(edit: Edit, source: Source) -> dict[str, object]:
    line, column = position(source, edit.start)
    end_line, end_column = position(source, edit.end)
    return {
        "start": edit.start,
        "end": edit.end,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": encodable(edit.text),
    }


def _gone(gone: Gone) -> dict[str, object]:
    known = gone.known
    return {
        "baseline": encodable(gone.baseline),
        "line": gone.line,
        "path": gone.path,
        "code": known.code,
        "symbol": known.symbol,
        "cache": known.cache,
        "key": known.key,
        "count": known.count,
    }


def _error(error: FileError) -> dict[str, object]:
    return {
        "path": encodable(error.path),
        "line": error.line,
        "column": error.column,
        "message": encodable(error.message),
    }


def _summary(document: Document) -> dict[str, object]:
    findings = [located.finding for located in document.findings]
    return {
        "files": document.files,
        "findings": len(findings),
        "errors": len(document.errors),
        "fixed": len(document.fixed),
        "known": document.known,
        "repairable": {"safe": repairable(findings, "safe"), "unsafe": repairable(findings, "unsafe")},
        "rules": {code: number for number, code, _ in statistics(document)},
    }
