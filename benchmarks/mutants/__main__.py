"""Breaks modules and writes down who noticed: `python -m benchmarks.mutants src/leaklint/keys.py`."""

from __future__ import annotations

import ast
import importlib
import random
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import msgspec

from benchmarks.mutants.mutations import Mutant, mutants
from benchmarks.mutants.trial import Program, is_killed, known
from leaklint.progress import with_progress

ROOT = Path(__file__).resolve().parents[2]
RESULT = Path(__file__).with_name("result.json")
PACKAGE = Path("src/leaklint")
DEFAULT = ("keys.py", "summaries.py", "flow/*.py", "rules/*.py")
TESTS = {"keys.py": (str(ROOT / "tests/test_keys.py"),)}
"""Tests that know a module by itself; the fixtures and the oracle's programs are for all."""

ORACLE_STEP = 40
"""Of the oracle's programs every so many is taken."""


class Module(msgspec.Struct, frozen=True):
    """How many mutants of a module were tried and killed, and those that nobody noticed."""

    tried: int
    killed: int
    survivors: tuple[str, ...]


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--sample", type=int, help="Try so many mutants of each module, at random.")
@click.option("--minutes", type=float, help="Stop after so many minutes of trials.")
@click.option("--record", is_flag=True, help="Write the shares into result.json.")
def main(paths: Sequence[Path], sample: int | None, minutes: float | None, record: bool) -> None:
    """Try mutants of the modules, and list those that survive."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    files = [path.resolve() for path in paths] or [
        path for pattern in DEFAULT for path in sorted((ROOT / PACKAGE).glob(pattern))
    ]
    programs = known(_texts())
    until = time.monotonic() + 60 * minutes if minutes is not None else None
    results: dict[str, Module] = {}
    for path in files:
        if until is not None and time.monotonic() > until:
            break
        name = path.relative_to(ROOT / PACKAGE).as_posix()
        results[name] = _tried(path, name, sample, until, programs)
        one = results[name]
        click.echo(f"{name}: {one.killed} of {one.tried} killed")
        for survivor in one.survivors:
            click.echo(f"  {survivor}")
    if record:
        _record(results)


def _texts() -> Iterable[str]:
    mutated, oracle = importlib.import_module("tests.fuzz.mutated"), importlib.import_module("oracle.programs")
    yield from (ast.unparse(part) + "\n" for part in mutated.parts())
    yield from (program.source for program in list(oracle.programs())[::ORACLE_STEP])


def _tried(path: Path, name: str, sample: int | None, until: float | None, programs: list[Program]) -> Module:
    module = importlib.import_module(".".join(("leaklint", *Path(name).with_suffix("").parts)))
    found = list(mutants(path))
    chosen: list[Mutant] = random.Random(0).sample(found, sample) if sample and sample < len(found) else found
    killed = 0
    survivors: list[str] = []
    for number, mutant in enumerate(with_progress(chosen, len(chosen), name)):
        if until is not None and time.monotonic() > until:
            return Module(number, killed, tuple(survivors))
        if is_killed(mutant, module, programs, TESTS.get(name, ())):
            killed += 1
        else:
            survivors.append(f"{mutant.line}, {mutant.function}: {mutant.what}")
    return Module(len(chosen), killed, tuple(survivors))


def _record(results: dict[str, Module]) -> None:
    known_before = msgspec.json.decode(RESULT.read_bytes(), type=dict[str, Module]) if RESULT.exists() else {}
    encoded = msgspec.json.encode({**known_before, **results})
    RESULT.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


if __name__ == "__main__":
    main()
