"""The parts of docs/repairs.md that are made from what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.repairs.record import findings_of, share, totals

if TYPE_CHECKING:
    from benchmarks.repairs.own_tests.record import Record as TestsRecord
    from benchmarks.repairs.own_tests.trial import Tried
    from benchmarks.repairs.record import Record, Share

AIM = 0.8
"""This share is to be repaired."""


def shares(record: Record | None) -> str:
    """What was repaired in each release, and what is left and why."""
    if record is None:
        return "Nothing is recorded yet: `python -m benchmarks.repairs --record` does it.\n"
    counted = "".join(f"| {name} | {_cells(one)} | {_aim(one)} |\n" for name, one in totals(record.releases).items())
    releases = "".join(
        f"| {one.package} {one.version} | {one.origin} | {_cells(share(one.findings))} |\n"
        for one in record.releases
        if one.findings
    )
    left = "".join(
        f"| {one.package} {one.version} | `{told.path}:{told.line}` | {told.code} | {told.judgement} | {told.left} |\n"
        for one in record.releases
        for told in one.findings
        if told.left is not None
    )
    missing = len(findings_of(record.releases)) - share(findings_of(record.releases)).repaired
    return (
        f"Measured with leaklint {record.leaklint}; the aim is {AIM:.0%}:\n\n"
        f"| findings of LKL101 to LKL104 in | repaired | of | share | aim |\n|---|--:|--:|--:|---|\n{counted}\n"
        f"| release | in | repaired | of | share |\n|---|---|--:|--:|--:|\n{releases}\n"
        f"The {missing} that are left, each with the reason that leaklint gives:\n\n"
        f"| release | place | code | read as | why |\n|---|---|---|---|---|\n{left}"
    )


def _cells(one: Share) -> str:
    return f"{one.repaired} | {one.findings} | {one.repaired / one.findings:.0%}" if one.findings else "0 | 0 | "


def _aim(one: Share) -> str:
    return "reached" if one.repaired >= AIM * one.findings else "missed"


def own_tests(record: TestsRecord | None) -> str:
    """The packages whose own tests were run before and after the repair."""
    if record is None:
        return "Nothing is recorded yet: `python -m benchmarks.repairs.own_tests --record` does it.\n"
    rows = "".join(map(_row, record.trials))
    repaired = sum(len(tried.repaired) for tried in record.trials)
    same = sum(not tried.moved for tried in record.trials)
    return (
        f"{repaired} repaired findings in {len(record.trials)} releases; in {same} of {len(record.trials)} every test "
        f"ended as before (leaklint {record.leaklint}):\n\n"
        "| release | repaired | passed before, after | failed before, after | changed statements run by the tests |\n"
        f"|---|---|--:|--:|--:|\n{rows}{_moved(record)}"
    )


def _row(tried: Tried) -> str:
    mended = "<br>".join(f"{one.code} `{one.cache}` in `{one.symbol}`" for one in tried.repaired)
    before, after = tried.before, tried.after
    return (
        f"| {tried.package} {tried.version} | {mended} | {before.passed}, {after.passed} | "
        f"{len(before.failed)}, {len(after.failed)} | {tried.executed} of {tried.changed} |\n"
    )


def _moved(record: TestsRecord) -> str:
    lines = [f"- {tried.package}: {test}\n" for tried in record.trials for test in tried.moved]
    return "\nTests that ended in another way:\n\n" + "".join(lines) if lines else ""
