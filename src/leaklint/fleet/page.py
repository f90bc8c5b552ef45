"""One HTML page with every repository and every finding, its code and its trace.

It is self-contained: no address is loaded, and a content security policy lets nothing run but the one script whose hash
it names. All that comes from a repository is escaped. It is written one repository at a time.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from leaklint import __version__
from leaklint.fleet.record import Record
from leaklint.report.words import count, printable

FindingsOf: TypeAlias = Callable[[Record], list[dict[str, Any]]]

REPOSITORY_COLUMNS = (
    "repository",
    "revision",
    "files",
    "lines",
    "findings",
    "repaired",
    "left",
    "known",
    "seconds",
    "state",
)
FINDING_COLUMNS = ("repository", "rule", "place", "status", "finding")


def write_page(path: Path, records: Callable[[], Iterable[Record]], findings_of: FindingsOf) -> None:
    """Write the page, whole or not at all; `records` is asked twice."""
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_page(records, findings_of))
    temporary.replace(path)


def findings_in(output: Path) -> FindingsOf:
    """Read the findings of a repository back from the directory of a run."""

    def findings_of(record: Record) -> list[dict[str, Any]]:
        if record.failure is not None:
            return []
        try:
            written = msgspec.json.decode((output / record.slug / "findings.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return []
        found: list[dict[str, Any]] = written["findings"]
        return found

    return findings_of


def _page(records: Callable[[], Iterable[Record]], findings_of: FindingsOf) -> Iterator[str]:
    script, style = _asset("page.js"), _asset("page.css")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; base-uri 'none'"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>leaklint {_text(__version__)}: repositories</title>\n<style>{style}</style>\n</head>\n<body>\n"
        "<h1>Repositories</h1>\n"
    )
    yield from _table("repositories", REPOSITORY_COLUMNS, (row for record in records() for row in _repository(record)))
    yield "<h1>Findings</h1>\n"
    rows = (_finding(record, finding) for record in records() for finding in findings_of(record))
    yield from _table("findings", FINDING_COLUMNS, rows)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _table(name: str, columns: tuple[str, ...], rows: Iterable[str]) -> Iterator[str]:
    heads = "".join(f'<th scope="col"><button type="button">{column}</button></th>' for column in columns)
    yield f'<table id="{name}">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n'
    yield from rows
    yield "</tbody>\n</table>\n"


def _repository(record: Record) -> Iterator[str]:
    left = record.findings - record.repaired
    numbers = (record.files, record.lines, record.findings, record.repaired, left, record.known, record.seconds)
    state, told = _state(record)
    cells = [
        _cell(_text(record.repository)),
        _cell(_text(f"{record.asked} {record.revision[:12]}")),
        *(_cell(f"{number:,}", str(number)) for number in numbers),
        _cell(told, state),
    ]
    yield f"<tr>{''.join(cells)}</tr>\n"


def _state(record: Record) -> tuple[str, str]:
    """In a word, and with all that there is to read: what could not be done, and what is known but not there."""
    if record.failure is not None:
        state = f"failed: {record.failure}"
        return state, _listed(state, record.errors) if record.errors else _text(state)
    told = {
        count(len(record.errors), "error"): record.errors,
        f"{len(record.gone)} of the baseline gone": record.gone,
    }
    lists = [_listed(words, lines) for words, lines in told.items() if lines]
    return ", ".join(words for words, lines in told.items() if lines) or "done", "".join(lists) or "done"


def _listed(words: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<details><summary>{_text(words)}</summary><ul>{items}</ul></details>"


def _finding(record: Record, finding: dict[str, Any]) -> str:
    place = f"{finding['path']}:{finding['line']}:{finding['column']}"
    steps = "".join(_step(number, step) for number, step in enumerate(finding["trace"], start=1))
    excerpt = "" if finding["trace"] else _code(finding["excerpt"], finding["line"])
    refused = f"<p>No repair: {_text(finding['refused'])}</p>" if finding["refused"] else ""
    risk = finding["fix"]["risk"] if finding["fix"] else None
    refused += f"<p>The repair is unsafe: {_text(risk)}</p>" if risk else ""
    advice = f"<p>{_text(finding['advice'])}</p>" if finding["advice"] else ""
    told = (
        f"<details><summary>{_text(finding['message'])}</summary>"
        f"<p>in <code>{_text(finding['symbol'])}</code></p>{excerpt}<ol>{steps}</ol>{advice}{refused}</details>"
    )
    cells = [
        _cell(_text(record.repository)),
        _cell(_text(f"{finding['code']} {finding['name']}")),
        _cell(_text(place), f"{finding['path']}:{finding['line']:09d}:{finding['column']:06d}"),
        _cell(_text(finding["status"])),
        _cell(told, finding["message"]),
    ]
    return f"<tr>{''.join(cells)}</tr>\n"


def _step(number: int, step: dict[str, Any]) -> str:
    place = f"{step['path']}:{step['line']}:{step['column']}"
    return f"<li><p>{_text(step['note'])} <code>{_text(place)}</code></p>{_code(step['excerpt'], step['line'])}</li>"


def _code(excerpt: dict[str, Any] | None, marked: int) -> str:
    if excerpt is None:
        return ""
    written = []
    for number, line in enumerate(excerpt["lines"], start=excerpt["first_line"]):
        text = f"{number:>5}  {_text(line)}"
        written.append(f"<mark>{text}</mark>" if number == marked else text)
    return f"<pre>{chr(10).join(written)}</pre>"


def _cell(content: str, sort: str | None = None) -> str:
    order = "" if sort is None else f' data-sort="{_text(sort)}"'
    return f"<td{order}>{content}</td>"


def _text(words: str) -> str:
    return escape(printable(words), quote=True)


def _asset(name: str) -> str:
    return files("leaklint.fleet").joinpath(name).read_text(encoding="utf-8")
