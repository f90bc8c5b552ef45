"""Laws of surgery on real code: the standard library, whose styles are many."""

from __future__ import annotations

import ast
import functools
import random
import sysconfig
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaklint import ir
from leaklint.extract import extract, parse
from leaklint.repairs.changes import InsertAfter, InsertBefore, WrapInTry
from leaklint.repairs.layout import Layout, read_layout
from leaklint.repairs.places import Block, function_around
from leaklint.repairs.refusal import Refusal
from leaklint.repairs.surgery import combine
from leaklint.repairs.tokens import physical_lines, read_tokens
from leaklint.source import SourceError, apply_edits, decode

FINAL = ("with lock:", "    release(1)")
SMALL, FILES = 30_000, 100


def standard_library() -> list[Path]:
    root = Path(sysconfig.get_paths()["stdlib"])
    found = [path for path in sorted(root.rglob("*.py")) if "site-packages" not in path.parts]
    return [path for path in found if path.stat().st_size < SMALL and "lib2to3/tests/data" not in path.as_posix()]


@functools.cache
def files() -> tuple[Path, ...]:
    """One hundred files, always the same ones in one version of Python, that have functions and parse."""
    paths = standard_library()
    random.Random(1).shuffle(paths)
    usable = (path for path in paths if (layout := laid_out(path)) is not None and blocks(layout))
    return tuple(path for path, _ in zip(usable, range(FILES), strict=False))


@functools.lru_cache(maxsize=4)
def laid_out(path: Path) -> Layout | None:
    try:
        source = decode(str(path), path.read_bytes())
        compiled(source.data)
        layout = read_layout(source, extract(parse(source), source.path))
    except (SourceError, SyntaxError):
        return None
    assert isinstance(layout, Layout), layout
    return layout


def compiled(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(data, "module.py", "exec", dont_inherit=True)


def blocks(layout: Layout) -> list[Block]:
    """The blocks inside functions, without the one that begins with a docstring."""
    found = {id(place.block): place.block for place in layout.places.values() if function_around(place) is not None}
    return list(found.values())


def first_index(block: Block) -> int:
    match block.statements[0]:
        case ir.Evaluate(value=ir.Text()) if isinstance(block.owner, ir.Define | ir.DefineClass):
            return 1
        case _:
            return 0


def wrapped_tree(layout: Layout, first: ir.Statement, last: ir.Statement) -> ast.Module:
    """The tree as it should be: the statements in a `try`, nothing else changed."""
    tree = parse(layout.source)
    places = [(one.at.line, one.at.column) for one in (first, last)]
    for node in ast.walk(tree):
        for body in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
            starts = [(one.lineno, one.col_offset) for one in body] if isinstance(body, list) else []
            if all(place in starts for place in places):
                begin, end = starts.index(places[0]), starts.index(places[1]) + 1
                final = ast.parse("\n".join(FINAL)).body
                body[begin:end] = [ast.Try(body=body[begin:end], handlers=[], orelse=[], finalbody=final)]
                return tree
    raise AssertionError("no such statements")


def comments(text: str) -> Counter[str]:
    tokens = read_tokens(text, physical_lines(text)).all
    return Counter(token.text for token in tokens if token.kind == "comment")


def pick(layout: Layout, choose: random.Random) -> tuple[ir.Statement, ir.Statement]:
    block = choose.choice([block for block in blocks(layout) if first_index(block) < len(block.statements)])
    begin = choose.randrange(first_index(block), len(block.statements))
    return block.statements[begin], block.statements[choose.randrange(begin, len(block.statements))]


def check_wrap(layout: Layout, first: ir.Statement, last: ir.Statement) -> bool:
    """Whether it was wrapped; anything between wrapped rightly and refused with a reason fails."""
    edits = combine(layout, [WrapInTry(first, last, FINAL)])
    if isinstance(edits, Refusal):
        assert edits.reason
        return False
    after = decode(layout.source.path, apply_edits(layout.source, edits))
    compiled(after.data)
    assert ast.dump(parse(after)) == ast.dump(wrapped_tree(layout, first, last))
    assert comments(after.text) == comments(layout.source.text)
    return True


def test_wrapping_wraps_and_does_nothing_else_and_is_hardly_ever_refused() -> None:
    outcomes: Counter[bool] = Counter()
    for path in files():
        layout = laid_out(path)
        assert layout is not None
        choose = random.Random(path.name)
        outcomes.update(check_wrap(layout, *pick(layout, choose)) for _ in range(2))
    assert outcomes[True] + outcomes[False] == 2 * FILES
    assert outcomes[False] < 0.05 * outcomes.total()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(index=st.integers(0, FILES - 1), seed=st.integers(0, 10_000))
def test_wraps_and_insertions_compose_in_any_order(index: int, seed: int) -> None:
    layout = laid_out(files()[index])
    assert layout is not None
    choose = random.Random(seed)
    (first, last), (one, other) = pick(layout, choose), pick(layout, choose)
    changes = [
        WrapInTry(first, last, FINAL),
        WrapInTry(one, other, FINAL),
        InsertBefore(one, ("before_one()",)),
        InsertAfter(last, ("after_last()",)),
    ]
    counts = Counter[str]()
    for order in (changes, changes[::-1]):
        edits = combine(layout, order)
        if isinstance(edits, Refusal):
            assert "would cross another repair's" in edits.reason
            return
        after = decode(layout.source.path, apply_edits(layout.source, edits))
        code = ast.dump(parse(after))
        assert comments(after.text) == comments(layout.source.text)
        counts.update({name: code.count(name) for name in ("before_one", "after_last")})
        assert code.count("release") - ast.dump(parse(layout.source)).count("release") == 2
    assert counts == {"before_one": 2, "after_last": 2}


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_endings_change_nothing(newline: str) -> None:
    for path in files()[:20]:
        plain = laid_out(path)
        assert plain is not None
        source = decode("module.py", plain.source.text.replace("\n", newline).encode(plain.source.encoding))
        other = read_layout(source, plain.module)
        assert isinstance(other, Layout)
        first, last = pick(plain, random.Random(path.name))
        edits, other_edits = (combine(layout, [WrapInTry(first, last, FINAL)]) for layout in (plain, other))
        assert isinstance(edits, tuple)
        assert isinstance(other_edits, tuple)
        expected = apply_edits(plain.source, edits).replace(b"\n", newline.encode())
        assert apply_edits(source, other_edits) == expected
