"""Code of monstrous length or depth, and code that is not Python: read flat, or refused with its line."""

import ast
import sys

import pytest

from leaklint import ir, source
from leaklint.extract import extract, parse
from leaklint.ir_text import show
from leaklint.source import SourceError


def module(text: str) -> ir.Module:
    decoded = source.decode("sample.py", text.encode())
    return extract(parse(decoded), "sample.py")


def refused(data: bytes | str) -> SourceError:
    decoded = source.decode("bad.py", data.encode() if isinstance(data, str) else data)
    with pytest.raises(SourceError) as caught:
        extract(parse(decoded), "bad.py")
    assert caught.value.path == "bad.py"
    return caught.value


def chain_of_elif(length: int) -> ast.Module:
    """Build the tree by hand: some Python versions cannot parse that many."""
    tree = ast.parse("if a0: b0\nelse: rest")
    for number in range(1, length):
        outer = ast.parse(f"if a{number}: b{number}").body[0]
        assert isinstance(outer, ast.If)
        outer.orelse, tree.body = tree.body, [outer]
    return tree


def test_a_very_long_chain_of_elif_becomes_a_flat_match() -> None:
    found = extract(chain_of_elif(3000), "long.py").body[0]
    assert isinstance(found, ir.Match)
    assert len(found.cases) == 3001
    assert found.cases[-1].catches_all
    assert not any(case.catches_all for case in found.cases[:-1])
    assert isinstance(extract(chain_of_elif(100), "short.py").body[0], ir.If)


def sum_of(terms: list[ast.expr]) -> ast.Module:
    total = terms[0]
    for term in terms[1:]:
        total = ast.BinOp(total, ast.Add(), term)
    return placed(ast.Expr(total))


def placed(statement: ast.stmt) -> ast.Module:
    """Give every node a place without recursion."""
    for node in ast.walk(statement):
        if isinstance(node, ast.expr | ast.stmt):
            node.lineno = node.end_lineno = 7
            node.col_offset = node.end_col_offset = 0
    return ast.Module([statement], [])


def test_a_very_long_sum_is_flat() -> None:
    names: list[ast.expr] = [ast.Name(f"a{number}") for number in range(3000)]
    plain, text = (extract(sum_of(terms), "long.py").body[0] for terms in (names, [*names[:-1], ast.Constant("end")]))
    assert isinstance(plain, ir.Evaluate)
    assert isinstance(plain.value, ir.Opaque)
    assert len(plain.value.children) == 3000
    assert isinstance(text, ir.Evaluate)
    assert isinstance(text.value, ir.Template)
    assert len(text.value.parts) == 3000


def test_a_tree_nested_too_deeply_is_refused_with_its_line() -> None:
    deep: ast.expr = ast.Name("a")
    for _ in range(3000):
        deep = ast.UnaryOp(ast.Not(), deep)
    with pytest.raises(SourceError) as caught:
        extract(placed(ast.Expr(deep)), "deep.py")
    assert str(caught.value) == "deep.py:7: nested too deeply to analyse"


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n\ny = " + "(" * 3000 + ")" * 3000,
        "x = 1\n\ny = " + "-" * 90000 + "x",
        "x = 1\n\n" + "if a:\n pass\n" + "elif a:\n pass\n" * 3000,
        "x = 1\n\ny = " + " + ".join(["a"] * 30000),
    ],
    ids=["parentheses", "signs", "elif", "terms"],
)
def test_monstrous_code_is_read_or_refused_with_its_line(text: str) -> None:
    failure = outcome(text)
    if failure is not None:
        assert failure.line == 3
        assert "too many nested parentheses" in failure.message or failure.message == "nested too deeply to analyse"


def outcome(text: str) -> SourceError | None:
    """Read code that some Python versions can parse and others cannot."""
    try:
        assert show(module(text))
    except SourceError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("text", "line", "column"), [("x = 1\ny = = 2\n", 2, 5), ("é = (\n", 1, 5), ("def f(:\n", 1, 7), ("\tx\n  y", 1, 1)]
)
def test_a_syntax_error_names_line_and_column(text: str, line: int, column: int) -> None:
    error = refused(text)
    assert error.message.startswith(("syntax error: ", "syntax error: unexpected indent"))
    assert error.line == line
    assert error.column is not None
    assert "Python 2" not in error.message


def test_text_that_no_parser_takes_is_refused() -> None:
    with pytest.raises(SourceError) as caught:
        parse(source.Source("bad.py", b"", "x = '\ud800'", "utf-8", bom=False, line_starts=(0,)))
    assert str(caught.value).startswith("bad.py:1: cannot be parsed: ")


def test_the_line_of_what_is_too_deep_to_parse_is_that_of_the_longest_block() -> None:
    error = refused("a = 1\r\r\r" + "y = " + "-" * 90000 + "x\r\rb = 2\r")
    assert error.line == 4


@pytest.mark.parametrize(
    "text",
    [
        'print "x"',
        "print x, y",
        pytest.param(
            "try:\n    pass\nexcept A, e:\n    pass",
            marks=pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 reads it as two types"),
        ),
        "exec 'a'",
        "raise A, 'b'",
        "x = 0777",
        "x = 10L",
        "a <> b",
        "`a`",
        "x = ur'a'",
    ],
)
def test_python_2_is_called_by_its_name(text: str) -> None:
    assert "looks like Python 2" in refused(text).message


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 reads it")
@pytest.mark.parametrize("types", ["KeyError, ValueError", "errors.Missing, errors.Late, TypeError"])
def test_several_types_without_parentheses_are_not_taken_for_python_2(types: str) -> None:
    message = refused(f"try:\n    pass\nexcept {types}:\n    pass").message
    assert "Python 2," not in message
    assert "3.14" in message
