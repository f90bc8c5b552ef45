"""Comprehensions written out as loops."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from repairing import laid_out, refused, repaired, statement

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.changes import ComprehensionToLoop, InsertAfter, WrapInTry
from leaklint.repairs.loops import key_order
from leaklint.repairs.refusal import Refusal

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout


def written_out(
    code: str, name: str = "xs", key: bool = True, eager: bool = False
) -> tuple[Layout, ComprehensionToLoop]:
    """The first comprehension of `code`, its first template as the key."""
    layout = laid_out(code)
    comprehension = next(node for node in below(layout.module) if isinstance(node, ir.Comprehension))
    around = [place.block.statements[place.index] for place in layout.places.values()]
    line = max(
        (one for one in around if one.at.contains(comprehension.at)), key=lambda one: (one.at.line, one.at.column)
    )
    if not key:
        return layout, ComprehensionToLoop(line, comprehension, name, eager=eager)
    template = next(node for node in below(comprehension) if isinstance(node, ir.Template))
    lines = ("keys.append(key)",)
    return layout, ComprehensionToLoop(line, comprehension, name, template, "key", lines, eager)


def inside_function(code: str) -> str:
    return "def f(a, ys):\n" + "".join(f"    {line}\n" for line in code.splitlines())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "xs = [g(f'{a}_{y}') for y in ys]  # why",
            "xs = []  # why\nfor y in ys:\n    key = f'{a}_{y}'\n    keys.append(key)\n    xs.append(g(key))",
        ),
        (
            "xs: set[str] = {f'{a}{y}' for y in ys if y if a}",
            (
                "xs: set[str] = set()\nfor y in ys:\n    if y:\n        if a:\n            key = f'{a}{y}'\n"
                "            keys.append(key)\n            xs.add(key)"
            ),
        ),
        (
            "xs = {f'{a}{y}': g() for y in ys}",
            "xs = {}\nfor y in ys:\n    key = f'{a}{y}'\n    keys.append(key)\n    xs[key] = g()",
        ),
        (
            "return [f'{y}{z}' for y in ys for z in y]",
            (
                "xs = []\nfor y in ys:\n    for z in y:\n        key = f'{y}{z}'\n        keys.append(key)\n"
                "        xs.append(key)\nreturn xs"
            ),
        ),
        (
            "pool.map(g, [f'{y}' '_' for y in ys])",
            "xs = []\nfor y in ys:\n    key = f'{y}' '_'\n    keys.append(key)\n    xs.append(key)\npool.map(g, xs)",
        ),
        (
            "if a: xs = [f'{y}' 'z' for y in (a if ys else b)]",
            (
                "if a:\n    xs = []\n    for y in a if ys else b:\n        key = f'{y}' 'z'\n        keys.append(key)\n"
                "        xs.append(key)"
            ),
        ),
    ],
)
def test_a_loop_tracks_its_keys(before: str, after: str) -> None:
    layout, change = written_out(inside_function(before))
    assert repaired(layout, change) == inside_function(after)


def test_an_eager_consumer_may_take_a_list_for_a_generator() -> None:
    code = inside_function("list(f'{a}{y}' for y in ys)")
    layout, change = written_out(code)
    assert refused(layout, change) == "line 2: a generator expression is not evaluated at once"
    layout, change = written_out(code, eager=True)
    assert repaired(layout, change).endswith("        xs.append(key)\n    list(xs)\n")


def test_async_comprehensions_become_async_loops() -> None:
    layout, change = written_out("async def f(ys):\n  xs = [await y async for y in ys if (z := y)]\n", key=False)
    assert repaired(layout, change) == (
        "async def f(ys):\n  xs = []\n  async for y in ys:\n    if (z := y):\n      xs.append(await y)\n"
    )


def test_parts_over_several_lines_and_comments_are_kept() -> None:
    before = """\
        def run(self, rows, ctx):
            all_results = self._executor.execute_batch(
                [
                    # one per row
                    RowContext(
                        row=row,  # as it is
                        state_id=f"{ctx.state_id}_r{index}",
                    )
                    for index, row in enumerate(
                        rows
                    )
                    if row  # not empty
                    or index
                ],
                ask,
            )
    """
    after = """\
        def run(self, rows, ctx):
            # one per row
            contexts = []
            for index, row in enumerate(
                rows
            ):
                if (row  # not empty
                or index):
                    key = f"{ctx.state_id}_r{index}"
                    keys.append(key)
                    contexts.append(RowContext(
                        row=row,  # as it is
                        state_id=key,
                    ))
            try:
                all_results = self._executor.execute_batch(
                    contexts,
                    ask,
                )
            finally:
                end()
    """
    layout, change = written_out(before, "contexts")
    assert repaired(layout, change, WrapInTry(change.statement, change.statement, ("end()",))) == dedent(after)


def test_the_loop_belongs_to_the_statement_it_stands_for() -> None:
    layout, change = written_out(inside_function("xs = [f'{a}{y}' for y in ys]\nreturn xs"))
    line, last = change.statement, statement(layout, "return")
    after = (
        "try:\n    xs = []\n    for y in ys:\n        key = f'{a}{y}'\n        keys.append(key)\n"
        "        xs.append(key)\n    behind()\n    return xs\nfinally:\n    end()"
    )
    changes = (change, InsertAfter(line, ("behind()",)), WrapInTry(line, last, ("end()",)))
    assert repaired(layout, *changes) == inside_function(after)


def test_loop_variables_that_mean_something_else_get_another_name() -> None:
    layout, change = written_out(
        inside_function("xs = [g(f'{a}_{y}', y) for a, y in ys if y]\nzs = [y for y in ys]\nreturn a")
    )
    loop = "    for a_2, y in ys:\n        if y:\n            key = f'{a_2}_{y}'\n"
    assert loop in repaired(layout, change)
    layout, change = written_out(inside_function("xs = [f'{a}' 'b' for a in ys if [a for a in a]]"))
    assert refused(layout, change) == "the loop variable a on line 2 is bound twice"


def test_a_list_that_could_be_seen_half_filled_needs_another_name() -> None:
    seen = [
        "try:\n    xs = [f'{a}{y}' for y in ys]\nexcept E: print(xs)",
        "with a:\n    xs = [f'{a}{y}' for y in ys]\nprint(xs)",
        "try:\n    xs = [f'{a}{y}' for y in ys]\nfinally: print(xs)",
        "xs = [f'{a}{y}' for y in xs]",
        "xs = [f'{a}{y}' for y in ys]\ndef g(): return xs",
        "global xs\nxs = [f'{a}{y}' for y in ys]",
    ]
    for code in seen:
        layout, change = written_out(inside_function(code))
        assert refused(layout, change).endswith("it needs another name"), code
        layout, change = written_out(inside_function(code), "built")
        assert "xs = built\n" in repaired(layout, change)


@pytest.mark.parametrize(
    "code",
    [
        "with a:\n    xs = [f'{a}{y}' for y in ys]\n    print(xs)",
        "try:\n    xs = [f'{a}{y}' for y in ys]\n    print(xs)\nexcept E: print(ys)",
        "try:\n    xs = [f'{a}{y}' for y in ys]\nfinally: print(ys)",
    ],
)
def test_a_list_that_nobody_reads_after_an_exception_keeps_its_name(code: str) -> None:
    layout, change = written_out(inside_function(code))
    assert "xs = []\n" in repaired(layout, change)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("xs = [g(h(), f'{a()}{y}') for y in ys]", "the key on line 2 cannot be evaluated first: others come before"),
        (
            "xs = [g(lambda: y, f'{a}{y}') for y in ys]",
            "the lambda in the comprehension on line 2 would see other variables",
        ),
        ("xs = [y for y in g(b, f'{a}{y}')]", "the key on line 2 cannot be evaluated first: others come before"),
        ("g(b(), [f'{a}{y}' for y in c()])", "the expression on line 2 cannot be evaluated first: others come before"),
        ("xs = {g(y): h(f'{a}{y}') for y in ys}", "the dict on line 2 would be filled in another order of evaluation"),
    ],
)
def test_what_would_change_the_order_of_evaluation_is_refused(code: str, reason: str) -> None:
    layout, change = written_out(inside_function(code))
    assert refused(layout, change) == reason


def test_a_dict_is_filled_in_the_order_it_was() -> None:
    layout, change = written_out(inside_function("xs = {g(y): h(y) for y in ys}"), key=False)
    assert refused(layout, change) == "the dict on line 2 would be filled in another order of evaluation"
    layout, change = written_out(inside_function("xs = {g(y): y for y in ys}"), key=False)
    assert "        xs[g(y)] = y\n" in repaired(layout, change)


def test_only_functions_have_room_for_loop_variables() -> None:
    for code in ("xs = [f'{y}a' for y in ys]\n", "def f(ys):\n  class A:\n    xs = [f'{y}a' for y in ys]\n"):
        layout, change = written_out(code)
        assert refused(layout, change).endswith("only a comprehension in a function can be written out")


def test_a_target_over_several_lines_is_refused() -> None:
    layout, change = written_out(inside_function("xs = [f'{y}{z}' for (y,\n  z) in ys]"))
    assert refused(layout, change) == "line 2: this part of the comprehension goes over several lines"


@pytest.mark.parametrize(
    ("element", "order"),
    [("Row(y, k=f'{a.b}_{y}')", "kept"), ("g(h(), f'{a}{y}')", "reads"), ("g(h(), f'{a.b}{y}')", "changed")],
)
def test_the_order_of_a_key_within_its_element_is_judged(element: str, order: str) -> None:
    layout, change = written_out(inside_function(f"xs = [{element} for y in ys]"))
    assert change.key is not None
    assert key_order(layout, change.comprehension, change.key) == order
    assert isinstance(key_order(laid_out("x = 1\n"), change.comprehension, change.key), Refusal)
