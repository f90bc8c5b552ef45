"""A measurement as text for the documentation: targets beside what was measured, and in plain words what is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.speed.commands import START
from benchmarks.speed.comparisons import Comparison, comparisons
from benchmarks.speed.growth import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.speed.growth import Grown, Timing
    from benchmarks.speed.process import Usage
    from benchmarks.speed.record import Record

NOT_MEASURED = "Nothing has been recorded yet: `make bench` measures.\n"
PICTURE = "speed-growth.svg"


def page(record: Record | None) -> str:
    """Everything between the markers of the page."""
    if record is None:
        return NOT_MEASURED
    every = [*record.subjects, START]
    judged = [
        (subject, comparison, number)
        for subject in every
        for comparison in comparisons(subject)
        if (number := comparison.number(record.usages(subject))) is not None
    ]
    missed = [
        f"{subject}, {comparison.title}" for subject, comparison, number in judged if not comparison.is_met(number)
    ]
    missed += [f"growth, {_name(grown)}" for grown in record.growth if not grown.is_met]
    missed += [f"a megabyte, {_name(grown)}" for grown in record.megabytes if not _is_quick(grown.timings[-1])]
    total = len(judged) + len(record.growth) + len(record.megabytes)
    parts = [_setting(record), _verdict(total, missed), *_complaints(record)]
    parts += [_comparison_table(record, every), _cost_table(record)]
    if record.growth:
        parts += [_growth_table(record.growth), f"![Time against size, both logarithmic]({PICTURE})\n"]
    if record.megabytes:
        parts.append(_megabyte_table(record.megabytes))
    return "\n".join(parts)


def _setting(record: Record) -> str:
    machine = record.machine
    tools = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    read = "; ".join(f"{name}: {one.files:,} files, {one.lines:,} lines" for name, one in record.subjects.items())
    place = f"{machine.system}, {machine.processors} processors ({machine.processor}), Python {machine.python}"
    return f"Measured on {place}, with {tools}. {read}.\n"


def _verdict(total: int, missed: Sequence[str]) -> str:
    if not missed:
        return f"All {total} targets are met.\n"
    return f"**{len(missed)} of {total} targets are missed:**\n\n" + "".join(f"- {words}\n" for words in missed)


def _complaints(record: Record) -> list[str]:
    """What could not do all of its files, and so had less to do than the others."""
    told = [f"- {c.subject}, {c.command}: `{c.usage.complaint}`\n" for c in record.costs if c.usage.complaint]
    return ["Not all files were done:\n\n" + "".join(told)] if told else []


def _comparison_table(record: Record, subjects: Iterable[str]) -> str:
    rows = [
        (_subject(subject), *_cells(comparison, record.usages(subject)))
        for subject in subjects
        for comparison in comparisons(subject)
    ]
    return table(("on", "comparison", "measured", "target", "outcome"), rows, "llrrl")


def _cells(comparison: Comparison, usages: dict[str, Usage]) -> tuple[str, str, str, str]:
    number = comparison.number(usages)
    bound = f"{'≥' if comparison.is_least else '≤'} {comparison.target:g}"
    if comparison.aim is not None:
        bound += f", aim {comparison.aim:g}"
    if number is None:
        return comparison.title, "", bound, "not measured"
    return comparison.title, digits(number), bound, outcome(is_met=comparison.is_met(number))


def _cost_table(record: Record) -> str:
    rows = [
        (
            _subject(cost.subject),
            f"`{cost.command}`" if cost.subject == START else cost.command,
            digits(cost.usage.cpu),
            digits(cost.usage.wall),
            f"{cost.usage.peak_mib:.0f}",
            str(cost.runs),
        )
        for cost in record.costs
    ]
    return table(("on", "command", "processor s", "clock s", "peak MiB", "runs"), rows, "llrrrr")


def _growth_table(growth: Iterable[Grown]) -> str:
    rows = []
    for grown in growth:
        seconds = ", ".join(_seconds(timing) for timing in grown.timings)
        sizes = f"{grown.timings[0].size} to {grown.timings[-1].size}"
        given_up = sum(timing.given_up for timing in grown.timings)
        fitted = "" if grown.exponent is None else f"{grown.exponent:.2f}"
        bound = "" if grown.allowed is None else f"≤ {grown.allowed:.2f}"
        rows.append((_name(grown), sizes, seconds, fitted, bound, str(given_up), outcome(is_met=grown.is_met)))
    heads = ("what doubles", "size", "seconds", "exponent", "target", "functions given up", "outcome")
    return table(heads, rows, "lllrrrl")


def _megabyte_table(megabytes: Iterable[Grown]) -> str:
    rows = [
        (
            _name(grown),
            f"{grown.timings[-1].size:,}",
            _seconds(grown.timings[-1]),
            f"≤ {LONGEST:g}",
            str(grown.timings[-1].given_up),
            outcome(is_met=_is_quick(grown.timings[-1])),
        )
        for grown in megabytes
    ]
    return table(("a megabyte of", "size", "seconds", "target", "functions given up", "outcome"), rows, "lrrrrl")


def _is_quick(timing: Timing) -> bool:
    return timing.seconds is not None and timing.seconds <= LONGEST


def _name(grown: Grown) -> str:
    return f"{grown.title}, {'leaking' if grown.is_leaking else 'nearly leaking'}"


def _subject(subject: str) -> str:
    return "a start" if subject == START else subject


def _seconds(timing: Timing) -> str:
    return "stopped" if timing.seconds is None else digits(timing.seconds)


def outcome(*, is_met: bool) -> str:
    """The word for a target."""
    return "met" if is_met else "**missed**"


def digits(number: float) -> str:
    """Write a number with three digits that count."""
    if number >= 100:
        return f"{number:,.0f}"
    if number >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}" if number >= 1 else f"{number:.3f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """Lay out a table in Markdown; `alignment` has an `l` or an `r` for each column."""
    rule = ["---" if side == "l" else "--:" for side in alignment]
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(rule)}|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
