"""The sentences at the end of a run, and what every text format does to words that come from a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from leaklint.paths import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from leaklint.model import FileError, Finding, Gone
    from leaklint.report.document import Document, Place


MOST_NAMED = 5
"""How many functions one line names."""

MOST_GONE = 10
"""How many entries of a baseline are named that can go."""


def printable(text: str) -> str:
    """Replace what could upset a terminal: control characters, and what UTF-8 cannot hold. Tabs stay."""
    return "".join(
        character if character.isprintable() or character == "\t" else "\N{REPLACEMENT CHARACTER}"
        for character in encodable(text)
    )


def at(place: Place) -> str:
    """Write a place as editors and terminals understand it."""
    return f"{printable(place.path)}:{place.line}:{place.column}"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def error_line(error: FileError) -> str:
    """Write an error on one line."""
    numbers = [str(number) for number in (error.line, error.column) if number is not None]
    return f"{printable(':'.join([encodable(error.path), *numbers]))}: error: {printable(error.message)}"


def gone_lines(gone: Sequence[Gone]) -> Iterator[str]:
    """Name the entries of a baseline that can go, the first ones each on a line."""
    for one in gone[:MOST_GONE]:
        place = f"{printable(one.baseline)}:{one.line}"
        yield f"{place}: warning: gone, the baseline can be shortened: {gone_words(one)}"
    if len(gone) > MOST_GONE:
        yield f"warning: {len(gone) - MOST_GONE} more of the baseline are gone; `--format json` names them"


def gone_words(gone: Gone) -> str:
    """Say which findings are meant by an entry of a baseline that can go."""
    known = gone.known
    number = f"{known.count} times " if known.count > 1 else ""
    return printable(f"{number}{known.code} in {gone.path}, {known.symbol}: {known.key} in {known.cache}")


def given_up_line(files: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Say on one line which functions of a file were not analysed to their end; of many files, which they are."""
    (path, functions), *more = files
    if not more:
        return f"{printable(path)}: warning: {printable(given_up(functions))}"
    words = f"not analysed to the end in {count(len(files), 'file')}, it would take too long"
    return f"{printable(path)} and {len(more)} more: warning: {words}; `--format json` names the functions"


def given_up(functions: tuple[str, ...]) -> str:
    """Say which functions were not analysed to their end."""
    named = ", ".join(f"`{name}`" for name in functions[:MOST_NAMED])
    more = f" and {len(functions) - MOST_NAMED} more" if len(functions) > MOST_NAMED else ""
    return f"not analysed to the end, it would take too long: {named}{more}"


def check_summary(document: Document) -> str:
    """Say what a check found."""
    findings = [located.finding for located in document.findings]
    if not findings:
        return f"No leaks found in {count(document.checked, 'file')}.{_known(document)}{_not_done(document)}"
    return f"Found {count(len(findings), 'finding')}{_repairable(findings)}.{_known(document)}{_not_done(document)}"


def fix_summary(document: Document, *, written: bool) -> str:
    """Say what a repair changed, or would change if `written` is false."""
    fixed, left = len(document.fixed), len(document.findings)
    if not fixed and not left:
        return f"No leaks found in {count(document.checked, 'file')}.{_known(document)}{_not_done(document)}"
    verb = "Repaired" if written else "Would repair"
    changed = len({finding.path for finding in document.fixed})
    done = f"{verb} {count(fixed, 'finding')} in {count(changed, 'file')}" if fixed else f"{verb} nothing"
    return f"{done}; {left or 'none'} left{_unsafe(document)}.{_known(document)}{_not_done(document)}"


def statistics(document: Document) -> tuple[tuple[int, str, str], ...]:
    """Count the findings by rule, the most frequent first: number, code and name."""
    counts = Counter((located.finding.code, located.finding.name) for located in document.findings)
    return tuple((number, *rule) for rule, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def repairable(findings: Iterable[Finding], safety: str) -> int:
    """Count the findings that have a repair of this safety."""
    return sum(finding.fix is not None and finding.fix.safety == safety for finding in findings)


def _repairable(findings: list[Finding]) -> str:
    safe, unsafe = repairable(findings, "safe"), repairable(findings, "unsafe")
    offers = []
    if safe:
        offers.append(f"{safe} repairable with `leaklint fix`")
    if unsafe:
        offers.append(f"{unsafe} {'more ' if safe else 'repairable '}with `leaklint fix --unsafe-fixes`")
    return f" ({', '.join(offers)})" if offers else ""


def _unsafe(document: Document) -> str:
    unsafe = repairable((located.finding for located in document.findings), "unsafe")
    return f" ({unsafe} repairable with `--unsafe-fixes`)" if unsafe else ""


def _known(document: Document) -> str:
    return f" {count(document.known, 'known finding')} in the baseline." if document.known else ""


def _not_done(document: Document) -> str:
    failed = {error.path for error in document.errors}
    return f" {count(len(failed), 'path')} could not be done." if failed else ""
