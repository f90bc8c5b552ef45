"""What a layout knows of a file."""

from __future__ import annotations

import pytest
from repairing import expression, laid_out, statement

from leaklint import ir
from leaklint.repairs.layout import (
    Layout,
    comments_above,
    extent,
    indentation,
    inside_literal,
    offsets,
    place_of,
    read_layout,
    stands_alone,
    text_of,
    unit_of,
)
from leaklint.repairs.places import function_around, path_to
from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.tokens import physical_lines, read_tokens
from leaklint.source import decode


@pytest.mark.parametrize(
    ("code", "newline", "unit"),
    [
        ("if a:\n    b()\n", "\n", "    "),
        ("if a:\r\n  b()\r\n", "\r\n", "  "),
        ("if a:\n\tb()\n", "\n", "\t"),
        ("if a:\r        b()\r", "\r", "        "),
        ("x = 1", "\n", "    "),
        ("if a:\n  if b:\n    c()\nif d:\n        e()\n", "\n", "  "),
    ],
)
def test_newline_and_unit_are_what_most_of_the_file_uses(code: str, newline: str, unit: str) -> None:
    layout = laid_out(code.encode())
    assert (layout.newline, layout.unit) == (newline, unit)


def test_lines_end_where_python_ends_them_and_nowhere_else() -> None:
    text = "a\r\nb\rc\n\x0cd\x1ce\u2028f"
    assert [text[line.start : line.end] for line in physical_lines(text)] == ["a", "b", "c", "\x0cd\x1ce\u2028f"]


def test_the_unit_of_the_enclosing_block_comes_before_that_of_the_file() -> None:
    layout = laid_out("if a:\n    b()\nif c:\n    d()\nwhile e:\n  f()\n")
    assert unit_of(layout, statement(layout, "f()")) == "  "
    assert unit_of(layout, statement(layout, "b()")) == "    "
    assert unit_of(layout, statement(layout, "if a")) == "    "


@pytest.mark.parametrize(
    ("code", "beginning", "expected"),
    [
        ("if a:\n\t b()\n", "b", "\t "),
        ("if a: b(); c()\n", "b", "    "),
        ("if a: b(); c()\n", "c", "    "),
        ("def f():\n  if a: b()\n", "b", "    "),
        ("def f():\n  x = 1; y = 2\n", "y", "  "),
        ("def f():\n\x0c  x = 1\n", "x", "  "),
        ("def f():\n    @g\n    def h(): pass\n", "def h", "    "),
    ],
)
def test_indentation_is_what_a_new_line_beside_the_statement_needs(code: str, beginning: str, expected: str) -> None:
    layout = laid_out(code)
    assert indentation(layout, statement(layout, beginning)) == expected


@pytest.mark.parametrize(
    ("code", "beginning", "expected"),
    [
        ("x = 1\n", "x", True),
        ("x = 1  # why\n", "x", True),
        ("x = 1;\n", "x", True),
        ("x = (1,\n  2)", "x", True),
        ("x = 1; y = 2\n", "x", False),
        ("x = 1; y = 2\n", "y", False),
        ("if a: x = 1\n", "x", False),
        ("if a: x = 1\n", "if", True),
        ("if a: \\\n  x = 1\n", "x", False),
        ("@a\nclass B: pass\n", "class", True),
    ],
)
def test_a_statement_stands_alone_if_no_other_shares_its_lines(code: str, beginning: str, expected: bool) -> None:
    layout = laid_out(code)
    assert stands_alone(layout, statement(layout, beginning)) is expected


def test_an_extent_has_the_decorators_and_not_the_comment_behind() -> None:
    layout = laid_out("x = 1\n@a\n@b(\n  1)\ndef f():\n    pass  # é\n\n@c\nclass D: pass\n")
    define = extent(layout, statement(layout, "def"))
    assert layout.source.text[define.start : define.end] == "@a\n@b(\n  1)\ndef f():\n    pass"
    assert (define.first_line, define.last_line) == (2, 6)
    assert extent(layout, statement(layout, "class")).first_line == 8


def test_comments_above_are_those_that_touch_the_statement_at_its_own_indentation() -> None:
    layout = laid_out(
        """\
        def f():
            # far away

            # one
            # two
            a()
          # outdented
            b()
            c()
            '''
            # text'''
            d()
        """
    )
    assert comments_above(layout, statement(layout, "a()")) == (4, 5)
    assert comments_above(layout, statement(layout, "b()")) == ()
    assert comments_above(layout, statement(layout, "c()")) == ()
    assert comments_above(layout, statement(layout, "d()")) == ()


def test_lines_that_begin_inside_a_string_are_known_and_lines_inside_brackets_are_not_among_them() -> None:
    layout = laid_out(
        b'a = """\n  x\n"""\nb = f"""\n {a}\n {\n a}\n"""\n'
        b'c = (1,\n  2)\nd = "x\\\ny"\ne = 1 + \\\n  2\nf = """x""", (\n  1)\n'
    )
    assert layout.tokens.literal_lines == {2, 3, 5, 6, 7, 8, 12}


def test_columns_count_bytes_and_offsets_count_characters() -> None:
    layout = laid_out('é = "ü"; ñ = f(é, 1)\n')
    assert text_of(layout, statement(layout, "ñ").at) == "ñ = f(é, 1)"
    assert offsets(layout, expression(layout, "f(", ir.Call).at) == (13, 20)


def test_inside_a_literal_means_inside_and_not_all_of_it() -> None:
    layout = laid_out('x = f"a{b}c" + "d"\n')
    assert inside_literal(layout, 8, 9)
    assert not inside_literal(layout, 4, 12)
    assert not inside_literal(layout, 4, 18)


def test_a_place_knows_its_block_and_the_way_down_to_it() -> None:
    layout = laid_out(
        """\
        class A:
            def f(self):
                try:
                    pass
                except E:
                    with b:
                        c()
                        d()
        """
    )
    place = place_of(layout, statement(layout, "d()"))
    assert place.index == 1
    assert [type(step.block.owner).__name__ for step in path_to(place)] == [
        "NoneType",
        "DefineClass",
        "Define",
        "Try",
        "With",
    ]
    assert place.block.depth == 4
    assert place.block.outer is not None
    assert place.block.outer.block.part == "handler 0"
    function = function_around(place)
    assert function is not None
    assert function.qualified_name == "A.f"
    assert function_around(place_of(layout, statement(layout, "class"))) is None


def test_every_kind_of_block_has_its_places() -> None:
    layout = laid_out(
        """\
        while a:
            in_while()
        else:
            in_else()
        async def f():
            async for x in y:
                in_for()
            match x:
                case 1:
                    in_case()
                case _:
                    in_other_case()
        try:
            in_try()
        except E:
            in_handler()
        else:
            in_otherwise()
        finally:
            in_final()
        """
    )
    parts = {text_of(layout, span): place.block.part for span, place in layout.places.items()}
    named = {text.removesuffix("()"): part for text, part in parts.items() if text.startswith("in_")}
    assert named == {
        "in_while": "body",
        "in_else": "otherwise",
        "in_for": "body",
        "in_case": "case 0",
        "in_other_case": "case 1",
        "in_try": "body",
        "in_handler": "handler 0",
        "in_otherwise": "otherwise",
        "in_final": "final",
    }


def test_a_statement_of_another_file_is_refused() -> None:
    layout, other = laid_out("x = 1\n"), laid_out("\n\ny = 2\n")
    with pytest.raises(RefusedError, match="line 3 is not a statement of this file"):
        place_of(layout, statement(other, "y"))


def test_a_file_that_does_not_parse_is_refused() -> None:
    source = decode("module.py", b"x = (\n")
    assert isinstance(read_layout(source, ir.Module("module.py", ())), Refusal)
    assert isinstance(read_layout(decode("module.py", b""), ir.Module("module.py", ())), Layout)


def test_what_the_tokenizer_does_not_take_is_refused() -> None:
    text = "x = (\n"
    with pytest.raises(RefusedError, match="the file cannot be tokenized"):
        read_tokens(text, physical_lines(text))
