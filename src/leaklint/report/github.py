"""Workflow commands of GitHub Actions, which shows them as annotations in a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.paths import encodable
from leaklint.report.words import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.report.document import Document, Located


def lines(document: Document) -> Iterator[str]:
    """Write a command for each error and each finding."""
    for error in document.errors:
        where = {"file": encodable(error.path), "line": error.line, "col": error.column, "title": "leaklint"}
        yield _command(where, encodable(error.message))
    yield from map(_finding, document.findings)


def _finding(located: Located) -> str:
    place, finding = located.place, located.finding
    where: dict[str, str | int | None] = {
        "file": place.path,
        "line": place.line,
        "endLine": place.end_line,
        "title": f"{finding.code} {finding.name}",
    }
    if place.line == place.end_line:
        # GitHub ignores columns that span lines, and says so with a warning.
        where |= {"col": place.column, "endColumn": place.end_column}
    return _command(where, f"{at(place)}: {finding.code} {encodable(finding.message)}")


def _command(where: dict[str, str | int | None], message: str) -> str:
    properties = ",".join(
        f"{name}={_escape_property(str(value))}" for name, value in where.items() if value is not None
    )
    return f"::error {properties}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
