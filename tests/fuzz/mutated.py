"""Takes parts of the fixtures and changes a few statements: one is gone, stands twice, or has changed places."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.generated import is_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

FIXTURES = Path(__file__).parents[1] / "fixtures"
MOST_CHANGES = 3


def parts() -> list[ast.Module]:
    """Each class and function of the fixtures alone, with the module's imports and variables."""
    return [part for path in sorted(FIXTURES.glob("*.py")) for part in _parts_of(path)]


def _parts_of(path: Path) -> Iterator[ast.Module]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return  # of a newer Python
    common = [one for one in tree.body if not isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    for one in tree.body:
        if one not in common:
            yield ast.Module([*common, one], [])


def program(chance: Random, known: list[ast.Module]) -> str:
    """One of the parts with some statements changed; Python compiles it."""
    while True:
        tree = copy.deepcopy(chance.choice(known))
        for _ in range(chance.randint(1, MOST_CHANGES)):
            _change(tree, chance)
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        if is_python(text):
            return text


def _change(tree: ast.Module, chance: Random) -> None:
    blocks = [block for node in ast.walk(tree) for block in _blocks(node)]
    block = chance.choice(blocks)
    place, other = chance.randrange(len(block)), chance.randrange(len(block))
    match chance.choice(("delete", "duplicate", "swap", "move", "wrap")):
        case "delete":
            block[place] = block[place] if isinstance(block[place], ast.ClassDef) else ast.Pass()
        case "duplicate":
            block.insert(other, copy.deepcopy(block[place]))
        case "swap":
            block[place], block[other] = block[other], block[place]
        case "move":
            target = chance.choice(blocks)
            target.insert(chance.randrange(len(target) + 1), copy.deepcopy(block[place]))
        case "wrap":
            inner = copy.deepcopy(block[place])
            block[place] = ast.Try([inner], [], [], [ast.Pass()]) if chance.random() < 0.5 else _if(inner)


def _if(inner: ast.stmt) -> ast.stmt:
    return ast.If(ast.Name("row", ast.Load()), [inner], [])


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block
