"""Syntax trees as IR."""

import pickle
import sys
import sysconfig
import warnings
from pathlib import Path

import msgspec
import pytest

from leaklint import ir, source
from leaklint.extract import extract, parse
from leaklint.ir_text import show, show_expression
from leaklint.source import SourceError


def module(text: str) -> ir.Module:
    decoded = source.decode("sample.py", text.encode())
    return extract(parse(decoded), "sample.py")


def value(text: str) -> ir.Expression:
    statement = module(text).body[-1]
    assert isinstance(statement, ir.Evaluate)
    return statement.value


def printed(text: str) -> str:
    return show_expression(value(text))


def functions(body: tuple[ir.Statement, ...]) -> list[ir.Function]:
    found: list[ir.Function] = []
    for statement in body:
        if isinstance(statement, ir.Define):
            found += [statement.function, *functions(statement.function.body)]
        elif isinstance(statement, ir.DefineClass):
            found += functions(statement.definition.body)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f'{a.b}_r{row}'", "⟨a.b⟩_r⟨row⟩"),
        ("f'{x!s}'", "⟨x⟩"),
        ("f'{x!r}'", "⟨repr(x)⟩"),
        ("f'{x!a:>5}'", "⟨format(ascii(x), '>5')⟩"),
        ("f'{x!s:>5}'", "⟨format(str(x), '>5')⟩"),
        ("f'{x:>{w}}'", "⟨format(x, >⟨w⟩)⟩"),
        ("f'{x:}'", "⟨x⟩"),
        ("f'{x=}'", "x=⟨repr(x)⟩"),
        ("f'a{{b'", "'a{b'"),
        ("f''", "''"),
        ("f'{f\"{a}_\"}b'", "⟨a⟩_b"),
        ("f\"{'a'}b\"", "'ab'"),
        ("'a' f'{b}' 'c'", "a⟨b⟩c"),
        ("'%s' % x", "⟨x⟩"),
        ("'%s_%d%%' % (x, y)", "⟨x⟩_⟨y⟩%"),
        ("'%r_%a_%05d_%.2f_%-4r' % (a, b, c, d, e)",
         "⟨repr(a)⟩_⟨ascii(b)⟩_⟨format(c, '05d')⟩_⟨format(d, '.2f')⟩_⟨format(repr(e), '-4s')⟩"),
        ("'%(a)s-%(b)s' % {'a': x, 'b': y}", "⟨x⟩-⟨y⟩"),
        ("'%(a)s-%(a)s' % {'a': x}", "⟨x⟩-⟨x⟩"),
        ("'%(a)s' % names", "⟨names['a']⟩"),
        ("'%s' % {'a': x}", "⟨{'a': x}⟩"),
        ("'%s' % (x,)", "⟨x⟩"),
        ("'a' % ()", "'a'"),
        ("'{}_{}'.format(a, b)", "⟨a⟩_⟨b⟩"),
        ("'{1}_{0}_{1}'.format(a, b)", "⟨b⟩_⟨a⟩_⟨b⟩"),
        ("'{x.y[0][key]}{z!r:>5}'.format(x=a, z=b)", "⟨a.y[0]['key']⟩⟨format(repr(b), '>5')⟩"),
        ("'{}{x}'.format(a, x=b)", "⟨a⟩⟨b⟩"),
        ("'{{}}'.format()", "'{}'"),
        ("'{.name}'.format(a)", "⟨a.name⟩"),
        ("'a' + x", "a⟨x⟩"),
        ("x + 'a'", "⟨x⟩a"),
        ("a + b + 'c' + d + f'{e}f'", "⟨a⟩⟨b⟩c⟨d⟩⟨e⟩f"),
        ("a + ('b' + (c + 'd'))", "⟨a⟩b⟨c⟩d"),
        ("'a' + 'b'", "'ab'"),
        ("'a' + '%s' % x", "a⟨x⟩"),
        ("'_'.join([a, 'b', c])", "⟨a⟩_b_⟨c⟩"),
        ("'_'.join((a, b))", "⟨a⟩_⟨b⟩"),
        ("'_'.join(())", "''"),
        ("'_'.join(['a'])", "'a'"),
    ],
)  # fmt: skip
def test_every_spelling_of_a_string_is_one_template(text: str, expected: str) -> None:
    assert printed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "'%s' % (*x,)",
        "'%s_%s' % x",
        "'%s' % (x, y)",
        "'%*d' % (x, y)",
        "'%y' % x",
        "'%5%' % x",
        "'100%' % x",
        "'a' % x",
        "'%s%(a)s' % x",
        "'%(a)s%(b)s' % build()",
        "'%(a)s' % {'a': x, **y}",
        "'%(a)s' % {'b': x}",
        "'%(a)s' % {'a': x, 'b': build()}",
        "f'{a}%s' % x",
        "'{}'.format(*x)",
        "'{a}'.format(**x)",
        "'{}'.format()",
        "'{}'.format(a, build())",
        "'{0}{0}'.format(build())",
        "'{}{0}'.format(a)",
        "'{:{}}'.format(a, b)",
        "'{'.format(a)",
        "'{!x}'.format(a)",
        "'{a!}'.format(a=1)",
        "'{a[}'.format(a=1)",
        "'{a..b}'.format(a=1)",
        "'_'.join(x)",
        "'_'.join({a, b})",
        "'_'.join([a, *b])",
        "'_'.join(i for i in x)",
        "'_'.join([a], b)",
        "'_'.join(iterable=[a])",
        "a + b",
        "a + b'c'",
        "text.format(a)",
        "'a'.upper()",
        "'a' * 3",
    ],
)
def test_what_cannot_be_split_exactly_stays_as_it_is(text: str) -> None:
    found = value(text)
    assert isinstance(found, ir.Call | ir.Binary)
    assert not isinstance(found, ir.Template)


def test_texts_that_touch_are_merged_and_cover_both() -> None:
    found = value("'ab' + 'cd'")
    assert isinstance(found, ir.Text)
    assert (found.value, found.at.column, found.at.end_column) == ("abcd", 0, 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b <= c", "(a < b) and (b <= c)"),
        ("a not in b", "a not in b"),
        ("a or b or c", "a or b or c"),
        ("not a", "not a"),
        ("-1", "-1"),
        ("-a", "opaque(a)"),
        ("~a", "opaque(a)"),
        ("a[b]", "a[b]"),
        ("a[1:b]", "a[opaque(1, b)]"),
        ("a[:, 1]", "a[(opaque(), 1)]"),
        ("...", "..."),
        ("b'x'", "b'x'"),
        ("'\\ud800'", "'\\ud800'"),
        ("f'\\ud800{a}'", "⟨'\\ud800'⟩⟨a⟩"),
        ("{**a, 'b': c}", "{**a, 'b': c}"),
        ("{a: b for a, b in c if d if e}", "{a: b for (a, b) in c if d if e}"),
        ("{a for a in b for c in d}", "{a for a in b for c in d}"),
        ("f(a, *b, c=d, **e)", "f(a, *b, c=d, **e)"),
        ("(a := b)", "(a := b)"),
        ("a if b else c", "a if b else c"),
        ("(*a, b)", "(*a, b)"),
        ("lambda a, /, b=1, *c, d, e=2, **f: a", "lambda a, b = 1, *c, keyword d, keyword e = 2, **f: a"),
    ],
)
def test_expressions(text: str, expected: str) -> None:
    assert printed(text) == expected


def test_a_very_long_integer_is_no_crash() -> None:
    assert printed(f"0x{'f' * 5000}") == f"0x{'f' * 5000}"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="template strings came with Python 3.14")
def test_a_template_string_is_opaque() -> None:
    found = value("t'a{b}{c:>{d}}'")
    assert isinstance(found, ir.Opaque)


def test_private_names_are_mangled_as_python_does_it() -> None:
    text = """
class __Foo_:
    __a = __b__ = None
    def __m(self, __p):
        global __g
        import __i
        f(__k=self.__x, y=self.__y__, z=self._z)
        def inner(): return __free
        class Inner: __own = __Foo_
try: pass
except E as __e: __plain
class __:
    __same = 1
"""
    body = module(text).body
    names = {node.id for node in walk(body) if isinstance(node, ir.Name)}
    assert names >= {"_Foo___a", "__b__", "_Foo___free", "_Inner__own", "_Inner__Foo_", "__plain", "__same"}
    attributes = {node.name for node in walk(body) if isinstance(node, ir.Attribute)}
    assert attributes == {"_Foo___x", "__y__", "_z"}
    method = functions(body)[0]
    assert (method.name, method.qualified_name) == ("_Foo___m", "__Foo_.__m")
    assert [parameter.name for parameter in method.parameters] == ["self", "_Foo___p"]
    assert method.global_names == ("_Foo___g",)
    assert [node.bound for node in walk(body) if isinstance(node, ir.Import)] == ["_Foo___i"]
    assert [node.arguments[0].name for node in walk(body) if isinstance(node, ir.Call)] == ["_Foo___k"]


def walk(node: object) -> list[object]:
    """Collect every struct in a piece of IR."""
    if isinstance(node, tuple):
        return [found for part in node for found in walk(part)]
    if not isinstance(node, msgspec.Struct):
        return []
    return [node, *(found for field in node.__struct_fields__ for found in walk(getattr(node, field)))]


QUALIFIED = """
class A:
    def m(self):
        def inner():
            class B:
                def n(self): pass
            return B
        global made
        def made(): pass
        return [inner, inner().n, made, lambda: 0]
    class C:
        async def k(self): pass
def top(): pass
"""


def test_qualified_names_are_those_of_python() -> None:
    names = [function.qualified_name for function in functions(module(QUALIFIED).body)]
    space: dict[str, object] = {}
    exec(QUALIFIED, space)
    running = space["A"]().m()
    assert names == [
        "A.m",
        running[0].__qualname__,
        running[1].__qualname__,
        running[2].__qualname__,
        space["A"].C.k.__qualname__,
        "top",
    ]
    lambdas = [node for node in walk(module(QUALIFIED).body) if isinstance(node, ir.Lambda)]
    assert [node.function.qualified_name for node in lambdas] == [running[3].__qualname__]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("yield", True),
        ("x = yield from y", True),
        ("return (lambda: (yield))", False),
        ("def g(): yield", False),
        ("def g(x=(yield)): pass", True),
        ("@(yield)\n def g(): pass", True),
        ("class C:\n  def g(self): yield", False),
        ("class C((yield)): pass", True),
        ("return (lambda x=(yield): 0)", True),
        ("return [a for a in b]", False),
    ],
)
def test_a_generator_is_a_function_that_yields_itself(body: str, expected: bool) -> None:
    text = f"def f():\n {body}"
    space: dict[str, object] = {}
    exec(text, space)
    assert bool(space["f"].__code__.co_flags & 0x20) is expected
    assert functions(module(text).body)[0].is_generator is expected


def test_a_decorated_function_begins_at_its_def() -> None:
    function = functions(module("@a\n@b(1)\nasync def f(): pass\n").body)[0]
    assert (function.at.line, function.at.column, len(function.decorators)) == (3, 0, 2)


def test_imports_are_one_statement_per_name() -> None:
    text = "import a.b, c as d\nfrom . import e\nfrom ..f import g as h, i\nfrom j import *\n"
    found = [
        (node.module, node.name, node.bound, node.level)
        for node in walk(module(text).body)
        if isinstance(node, ir.Import)
    ]
    assert found == [
        ("a.b", None, "a", 0),
        ("c", None, "d", 0),
        ("", "e", "e", 1),
        ("f", "g", "h", 2),
        ("f", "i", "i", 2),
        ("j", "*", "*", 0),
    ]


def test_patterns() -> None:
    text = """
match s:
    case 1: pass
    case None as n: pass
    case a.b: pass
    case 1 | 2: pass
    case {"k": [x, *rest], **more}: pass
    case P(x, y=z) if x: pass
    case w if w: pass
    case (1 | v) as u: pass
    case _: pass
"""
    match = module(text).body[0]
    assert isinstance(match, ir.Match)
    cases = [
        (case.bound, case.tested and show_expression(case.tested), case.guard is not None, case.catches_all)
        for case in match.cases
    ]
    assert cases == [
        ((), "1", False, False),
        (("n",), "None", False, False),
        ((), "a.b", False, False),
        ((), None, False, False),
        (("x", "rest", "more"), None, False, False),
        (("x", "z"), None, True, False),
        (("w",), None, True, False),
        (("v", "u"), None, False, True),
        ((), None, False, True),
    ]


def test_an_elif_is_an_if_alone_in_otherwise() -> None:
    found = module("if a: pass\nelif b: pass\nelse: c").body[0]
    assert isinstance(found, ir.If)
    inner = found.otherwise[0]
    assert isinstance(inner, ir.If)
    assert (inner.at.line, len(inner.otherwise)) == (2, 1)


def test_warnings_are_neither_printed_nor_raised(
    recwarn: pytest.WarningsRecorder, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module("x = '\\d'\nassert (x, 'y')\n1 is 1\n")
    assert not recwarn
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1",
        b"a = 1\r\nif a:\r\n    b = '''x\r\ny'''\r\n",
        b"a = 1\rif a:\r    b = 2\r",
        b"a = 1\nb = 2\r\nc = 3\rd = 4",
        b"\xef\xbb\xbfa = b\n",
        b"# coding: latin-1\na = '\xe9' + b\n",
        b"\x0ca = 1\n\x0c\nclass A:\n\x0c    b = 'x'\n",
    ],
    ids=["empty", "no newline", "crlf", "cr", "mixed", "bom", "latin-1", "form feed"],
)
def test_spans_are_found_again_in_the_text(data: bytes) -> None:
    decoded = source.decode("a.py", data)
    found = extract(parse(decoded), "a.py")
    names = [node for node in walk(found) if isinstance(node, ir.Name)]
    assert bool(names) is bool(data)
    for name in names:
        start = source.offset(decoded, name.at.line, name.at.column)
        end = source.offset(decoded, name.at.end_line, name.at.end_column)
        assert decoded.text[start:end] == name.id


def test_the_standard_library_is_extracted_and_survives_encoding() -> None:
    files = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    files = [file for file in files if "site-packages" not in file.parts]
    extracted = 0
    for file in files[:: max(1, len(files) // 150)]:
        try:
            decoded = source.read(str(file))
            tree = parse(decoded)
        except SourceError:
            continue  # the library's own tests hold broken files
        found = extract(tree, str(file))
        extracted += 1
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=ir.Module) == found
        if extracted % 10 == 0:
            assert pickle.loads(pickle.dumps(found)) == found
            assert show(found)
    assert extracted > 100
