"""The IR of small modules, printed, as it was when somebody last read it.

After a change that is meant: LEAKLINT_UPDATE_GOLDEN=1 pytest tests/test_golden_ir.py, then read the difference.
A module whose name ends in digits needs that version of Python (`types_312.py`: 3.12).
"""

import os
import pickle
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from leaklint import ir, source
from leaklint.extract import extract, parse
from leaklint.ir_text import show

FOLDER = Path(__file__).parent / "golden" / "ir"


def needed_version(path: Path) -> tuple[int, int]:
    digits = path.stem.rpartition("_")[2]
    return (int(digits[0]), int(digits[1:])) if digits.isdecimal() else (3, 10)


MODULES = sorted(path for path in FOLDER.glob("*.py"))
READABLE = [path for path in MODULES if needed_version(path) <= sys.version_info]


def extracted(path: Path) -> ir.Module:
    decoded = source.read(str(path))
    return extract(parse(decoded), path.name)


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_the_ir_is_the_golden_one(path: Path) -> None:
    printed = show(extracted(path))
    golden = path.with_suffix(".ir")
    if os.environ.get("LEAKLINT_UPDATE_GOLDEN") == "1":
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_the_ir_survives_encoding(path: Path) -> None:
    module = extracted(path)
    assert pickle.loads(pickle.dumps(module)) == module
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(module), type=ir.Module) == module


def test_every_module_has_its_golden_file_and_every_golden_file_its_module() -> None:
    assert {path.stem for path in FOLDER.glob("*.ir")} == {path.stem for path in MODULES}


def kinds(node: object) -> set[type]:
    if isinstance(node, tuple):
        return {kind for part in node for kind in kinds(part)}
    if not isinstance(node, msgspec.Struct):
        return set()
    return {type(node)}.union(*(kinds(getattr(node, field)) for field in node.__struct_fields__))


def test_every_kind_of_statement_and_expression_is_covered() -> None:
    covered = {kind for path in READABLE for kind in kinds(extracted(path))}
    assert {*get_args(ir.Statement), *get_args(ir.Expression)} <= covered
