"""Changes to single expressions: evaluated earlier under a name, or replaced."""

from __future__ import annotations

from textwrap import dedent

import pytest
from repairing import expression, laid_out, refused, repaired, statement

from leaklint import ir
from leaklint.repairs.changes import Hoist, ReplaceExpression
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.refusal import Refusal


def hoisted(code: str, text: str, kind: type[ir.Node], beginning: str | None = None) -> str:
    layout = laid_out(code)
    wanted = expression(layout, text, kind)
    line = statement(layout, beginning or code.strip()[:4])
    return repaired(layout, Hoist(line, wanted, "name"))


@pytest.mark.parametrize(
    ("code", "text", "kind", "after"),
    [
        ("f(a, b(1))\n", "b", ir.Call, "name = b(1)\nf(a, name)\n"),
        ("x = y = (\n    b(1)\n)  # why\n", "b", ir.Call, "name = b(1)\nx = y = (\n    name\n)  # why\n"),
        ("f(a, 'x'\n  f'{b}')\n", "'x'", ir.Template, "name = ('x'\n  f'{b}')\nf(a, name)\n"),
        ("f([\n  a,  # a\n\n  b()])\n", "[", ir.Display, "name = [\n  a,  # a\n\n  b()]\nf(name)\n"),
        ("f(b(x) for x in y)\n", "(b", ir.Comprehension, "name = (b(x) for x in y)\nf(name)\n"),
        ("x = f'''\n  {a}'''if b else c\n", "b", ir.Name, "name = b\nx = f'''\n  {a}'''if name else c\n"),
        ("x = (a,b)if(c)else d\n", "c", ir.Name, "name = c\nx = (a,b)if(name)else d\n"),
        ("x = a; f(a, b(1))\n", "b", ir.Call, "x = a\nname = b(1)\nf(a, name)\n"),
    ],
)
def test_an_expression_gets_a_name_above_its_statement(code: str, text: str, kind: type[ir.Node], after: str) -> None:
    beginning = "f(a" if ";" in code else None
    assert hoisted(code, text, kind, beginning) == after


def test_words_are_kept_apart() -> None:
    layout = laid_out("def f():\n    return(a,b)if c else d\n")
    pair = expression(layout, "(a,b)", ir.Display)
    assert repaired(layout, ReplaceExpression(pair.at, "name")) == "def f():\n    return name if c else d\n"


def test_code_that_moves_out_of_brackets_loses_their_indentation() -> None:
    before = """\
        def f(self):
            return self.run(
                [
                    one(),  # one
                    '''
          two''',
                ],
                then,
            )
    """
    after = """\
        def f(self):
            name = [
                one(),  # one
                '''
          two''',
            ]
            return self.run(
                name,
                then,
            )
    """
    assert hoisted(before, "[", ir.Display, "return") == dedent(after)


@pytest.mark.parametrize(
    ("code", "order"),
    [
        ("f(a, (b, 1), X())", "kept"),
        ("x[X()] = a", "kept"),
        ("for y in X(): pass", "kept"),
        ("with X() as y, b(): pass", "kept"),
        ("if X(): pass", "kept"),
        ("match X():\n  case _: pass", "kept"),
        ("raise X()", "kept"),
        ("del c[X()]", "kept"),
        ("x = X() or b()", "kept"),
        ("x = a < X() < c", "kept"),
        ("x = [y for y in X()]", "kept"),
        ("x = {'a': -1, 'b': X()}", "kept"),
        ("f(lambda: b(), X())", "kept"),
        ("x += X()", "kept"),
        ("self.a.f(X())", "reads"),
        ("self.a += X()", "reads"),
        ("f(b if c else d, X())", "reads"),
        ("f(b(), X())", "changed"),
        ("f(*a, X())", "changed"),
        ("x = a + b + X()", "changed"),
        ("x = a[b] if X() else c", "kept"),
        ("x = a if b else X()", "changed"),
        ("x = b and X()", "changed"),
        ("x = a < b < X()", "changed"),
        ("while X(): pass", "changed"),
        ("assert X()", "changed"),
        ("with b() as y, X(): pass", "changed"),
        ("x = lambda: X()", "changed"),
        ("x = [X() for y in z]", "changed"),
        ("x[X()] = b()", "changed"),
        ("x[X()]: int = b()", "changed"),
        ("x[b()]: int = X()", "kept"),
        ("x[b()] += X()", "changed"),
        ("@X()\ndef f(): pass", "changed"),
        ("f(a, (y := X()))", "kept"),
    ],
)
def test_the_order_of_evaluation_is_judged(code: str, order: str) -> None:
    layout = laid_out(code)
    line = next(iter(layout.module.body))
    assert evaluation_order(layout, line, expression(layout, "X()", ir.Call)) == order


@pytest.mark.parametrize(
    ("code", "order"),
    [
        ("self.f(f'{a}_{self.b}')", "kept"),
        ("f(b(), f'{a}')", "reads"),
        ("f(b(), f'{a.c}')", "changed"),
        ("f((yield), f'{a}')", "changed"),
        ("f((a := 1), f'{a}')", "changed"),
    ],
)
def test_a_string_of_names_may_pass_more(code: str, order: str) -> None:
    layout = laid_out(f"def g():\n  {code}\n")
    assert evaluation_order(layout, statement(layout, code[:2]), expression(layout, "f'", ir.Template)) == order


def test_what_cannot_be_evaluated_first_is_refused() -> None:
    layout = laid_out("f(a(), b())\n")
    line = statement(layout, "f")
    reason = refused(layout, Hoist(line, expression(layout, "b()", ir.Call), "name"))
    assert reason == "the expression on line 1 cannot be evaluated first: others come before"
    other = laid_out("x = 1\n")
    assert isinstance(evaluation_order(other, line, expression(layout, "b()", ir.Call)), Refusal)
    walrus = laid_out("x = (y := b())\n")
    assert "cannot be given a name" in refused(
        walrus, Hoist(statement(walrus, "x"), expression(walrus, "y", ir.Walrus), "x")
    )


def test_several_expressions_are_hoisted_in_their_order_only() -> None:
    layout = laid_out("f(a(), b())\n")
    line = statement(layout, "f")
    first = Hoist(line, expression(layout, "a()", ir.Call), "x")
    second = Hoist(line, expression(layout, "b()", ir.Call), "y")
    assert repaired(layout, first, second) == "x = a()\ny = b()\nf(x, y)\n"
    assert refused(layout, second, first).endswith("cannot be evaluated first: others come before")
    layout = laid_out("f(g, c, b())\n")
    line = statement(layout, "f")
    second = Hoist(line, expression(layout, "b()", ir.Call), "y")
    first = Hoist(line, expression(layout, "c", ir.Name), "x")
    assert refused(layout, second, first) == "line 1: repairs would evaluate expressions in another order"


def test_an_elif_or_a_one_line_suite_makes_room_first() -> None:
    assert hoisted("if a: f(b())\n", "b", ir.Call, "f") == "if a:\n    name = b()\n    f(name)\n"
    assert hoisted("if a: pass\nelif b(): pass\n", "b", ir.Call, "elif") == (
        "if a: pass\nelse:\n    name = b()\n    if name: pass\n"
    )


def test_strings_and_comments_are_not_cut() -> None:
    layout = laid_out("x = f'{a}'\ny = f(  # why\n  1)\n")
    hole = expression(layout, "a", ir.Name)
    assert refused(layout, ReplaceExpression(hole.at, "b")) == "the expression on line 1 is inside a string"
    call = expression(layout, "f(", ir.Call)
    assert refused(layout, ReplaceExpression(call.at, "b")) == "a comment in the expression on line 2 would be lost"
    inner = expression(layout, "f'", ir.Template)
    same = ReplaceExpression(inner.at, "f'{a}' + b")
    assert refused(layout, same, same).startswith("another repair")
