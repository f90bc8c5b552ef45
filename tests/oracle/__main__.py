"""`python -m tests.oracle`: what agrees and what does not, by dimension, for whoever works on the analysis."""

from __future__ import annotations

import argparse
import fnmatch
from collections import Counter
from typing import TYPE_CHECKING

from .execute import execute
from .judge import Verdict, judge
from .programs import programs
from .selection import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .program import Program

KINDS = (
    "false alarm",
    "missed alarm",
    "other rule",
    "unrepaired",
    "unrepaired without a reason",
    "bad repair",
    "still leaking",
    "still found",
    "changed",
    "error",
    "crash",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the chosen programs and print counts; exit 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--id", default="*", help="only programs whose id matches this pattern, or contains this text")
    parser.add_argument("--kind", choices=KINDS, help="show only programs with this problem")
    parser.add_argument("--show", nargs="?", const=5, default=0, type=int, help="print up to N wrong programs (5)")
    parser.add_argument("--list", action="store_true", help="print the ids of wrong programs")
    parser.add_argument("--all", action="store_true", help="with --show: print right programs too")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"programs of each cleanup, flow and mode ({WIDTH})")
    options = parser.parse_args(arguments)
    chosen = [program for program in programs(options.width) if _matches(program, options.id)]
    verdicts = [_judged(program) for program in chosen]
    kinds: Counter[str] = Counter(kind for verdict in verdicts for kind in _kinds(verdict))
    wrong = [
        verdict for verdict in verdicts if verdict.problems and (not options.kind or options.kind in _kinds(verdict))
    ]
    for verdict in (verdicts if options.all else wrong)[: options.show]:
        print(verdict.text(), end="\n\n")
    if options.list:
        for verdict in wrong:
            print(f"{verdict.program.id}: {'; '.join(verdict.problems)}")
    _print_dimensions(verdicts)
    leaking = sum(bool(verdict.truth.leaking) for verdict in verdicts)
    print(f"{len(verdicts)} programs, {leaking} leaking, {sum(len(v.truth.runs) for v in verdicts)} executions")
    print(", ".join(f"{kind}: {kinds[kind]}" for kind in KINDS if kinds[kind] or kind in KINDS[:4]))
    return 1 if any(verdict.failures for verdict in verdicts) else 0


def _matches(program: Program, pattern: str) -> bool:
    return fnmatch.fnmatchcase(program.id, pattern) or pattern in program.id


def _judged(program: Program) -> Verdict:
    truth = execute(program)
    try:
        return judge(program, truth)
    except Exception as error:
        return Verdict(program, truth, (), (f"crash: {type(error).__name__}: {error}",))


def _kinds(verdict: Verdict) -> set[str]:
    return {problem.partition(":")[0] for problem in verdict.problems}


def _print_dimensions(verdicts: Sequence[Verdict]) -> None:
    names = dict.fromkeys(name for verdict in verdicts for name in verdict.program.dimensions)
    print(f"{'':34}{'programs':>9}{'leaking':>9}{'false':>7}{'missed':>7}{'unrep.':>7}{'other':>7}")
    for name in names:
        groups: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            if name in verdict.program.dimensions:
                groups.setdefault(verdict.program.dimensions[name], []).append(verdict)
        for value, members in sorted(groups.items()):
            kinds = Counter(kind for verdict in members for kind in _kinds(verdict))
            known = [kinds.pop(kind, 0) for kind in ("false alarm", "missed alarm", "unrepaired")]
            counts = (len(members), sum(bool(v.truth.leaking) for v in members), *known, kinds.total())
            print(
                f"{name + ' ' + value:34}" + "".join(f"{count:>{9 if i < 2 else 7}}" for i, count in enumerate(counts))
            )


if __name__ == "__main__":
    raise SystemExit(main())
