"""Where a report goes, and in which format."""

from __future__ import annotations

from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from leaklint.report import concise, github, json_format
from leaklint.report.words import statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.report.document import Document


@contextmanager
def opened(path: str | None, default: TextIO) -> Iterator[TextIO]:
    """Open the file at `path` for a report, or take `default`. Raises OSError."""
    if path is None:
        if isinstance(default, TextIOWrapper):
            # A terminal that cannot show a character must not stop the report.
            default.reconfigure(errors="backslashreplace")
        yield default
        default.flush()
        return
    with Path(path).open("w", encoding="utf-8", newline="\n") as stream:
        yield stream


def print_report(document: Document, stream: TextIO, output_format: str, *, statistics_only: bool = False) -> None:
    """Write what was found to `stream`; with `statistics_only` how often each rule speaks."""
    if statistics_only:
        stream.writelines(f"{number:>5}  {code}  {name}\n" for number, code, name in statistics(document))
    elif output_format == "full":
        _write_full(document, stream)
    elif output_format == "concise":
        stream.writelines(f"{line}\n" for line in concise.lines(document))
    elif output_format == "github":
        stream.writelines(f"{line}\n" for line in github.lines(document))
    else:
        text = _sarif(document) if output_format == "sarif" else json_format.text(document)
        # JSON is UTF-8, whatever the terminal speaks.
        stream.flush()
        stream.buffer.write(text.encode())


def _sarif(document: Document) -> str:
    # It lists the rules, which take longer to load than all else.
    from leaklint.report import sarif

    return sarif.text(document)


def _write_full(document: Document, stream: TextIO) -> None:
    """Write what people read; Rich, which takes as long to load as all else, only where there is something to write."""
    if document.findings:
        from rich.console import Console

        from leaklint.report import full

        full.write(document, Console(file=stream))
