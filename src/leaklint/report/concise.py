"""One line for each finding: `path:line:column: LKL101 message`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.report.words import at, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.report.document import Document


def lines(document: Document) -> Iterator[str]:
    """Write each finding."""
    for located in document.findings:
        yield f"{at(located.place)}: {located.finding.code} {printable(located.finding.message)}"
