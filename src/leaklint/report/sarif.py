"""SARIF 2.1.0, for code scanning services. Paths are relative to the working directory where they lie in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from leaklint import __version__
from leaklint.paths import absolute, encodable
from leaklint.rules import all_rules
from leaklint.source import Source, position

if TYPE_CHECKING:
    from leaklint.model import Edit, FileError, Fix
    from leaklint.report.document import Document, Located, Place
    from leaklint.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "leaklint/v1"


def text(document: Document) -> str:
    """Write the whole run as one SARIF log."""
    rules = all_rules()
    indices = {rule.code: index for index, rule in enumerate(rules)}
    run = {
        "tool": {"driver": _driver(rules)},
        "invocations": [_invocation(document.errors)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(located, indices, document) for located in document.findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log)).decode() + "\n"


def _driver(rules: tuple[Rule, ...]) -> dict[str, object]:
    return {
        "name": "leaklint",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {
                "id": rule.code,
                "name": rule.name,
                "shortDescription": {"text": rule.summary},
                "help": {"text": rule.docs, "markdown": rule.docs},
                "defaultConfiguration": {"enabled": rule.default, "level": "warning"},
            }
            for rule in rules
        ],
    }


def _invocation(errors: tuple[FileError, ...]) -> dict[str, object]:
    notifications = []
    for error in errors:
        region = {"startLine": error.line, "startColumn": error.column}
        written = {name: number for name, number in region.items() if number is not None}
        location: dict[str, object] = {"artifactLocation": {"uri": _uri(encodable(error.path))}}
        if error.line is not None:
            location["region"] = written
        notifications.append(
            {
                "level": "error",
                "message": {"text": encodable(error.message)},
                "locations": [{"physicalLocation": location}],
            }
        )
    return {"executionSuccessful": not errors, "toolExecutionNotifications": notifications}


def _result(located: Located, indices: dict[str, int], document: Document) -> dict[str, object]:
    finding = located.finding
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": indices[finding.code],
        "level": "warning",
        "message": {"text": encodable(finding.message)},
        "locations": [_location(located.place)],
        "partialFingerprints": {FINGERPRINT: located.fingerprint},
    }
    if finding.trace:
        steps = [
            {"location": {**_location(place), "message": {"text": encodable(step.note)}}}
            for step, place in zip(finding.trace, located.steps, strict=True)
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    source = document.source_of(finding.path)
    if finding.fix is not None and source is not None:
        result["fixes"] = [_fix(finding.fix, encodable(finding.advice), located.place.path, source)]
    return result


def _location(place: Place) -> dict[str, object]:
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place.path)}, "region": region}}


def _fix(fix: Fix, advice: str, path: str, source: Source) -> dict[str, object]:
    change = {
        "artifactLocation": {"uri": _uri(path)},
        "replacements": [_replacement(edit, source) for edit in fix.edits],
    }
    safety = f"{fix.safety}: {encodable(fix.risk)}" if fix.risk else fix.safety
    return {"description": {"text": f"{advice} ({safety})"}, "artifactChanges": [change]}


def _replacement(edit: Edit, source: Source) -> dict[str, object]:
    line, column = position(source, edit.start)
    end_line, end_column = position(source, edit.end)
    return {
        "deletedRegion": {
            "startLine": line,
            "startColumn": column,
            "endLine": end_line,
            "endColumn": end_column,
        },
        "insertedContent": {"text": encodable(edit.text)},
    }


def _uri(path: str) -> str:
    """Make a path a URI reference: relative if the path is, else an absolute `file:` one."""
    if Path(path).is_absolute():
        return Path(absolute(path)).as_uri()
    return quote(Path(path).as_posix())
