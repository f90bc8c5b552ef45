"""Files that nobody writes: nested, long and strange code behind a class that leaks, and bytes that are no Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from front_ends import LEAKING, leaking_file

if TYPE_CHECKING:
    from pathlib import Path

MANY = 3_000
INDENTED = 90
BLOCKS = ("if a:", "while a:", "for a in b:", "with a:", "def f():", "class C:", "async def f():")


def nested(opening: str, closing: str = "", core: str = "1", depth: int = 150) -> str:
    return f"y = {opening * depth}{core}{closing * depth}\n"


def blocks(head: str) -> str:
    return "".join(" " * depth + head + "\n" for depth in range(INDENTED)) + " " * INDENTED + "pass\n"


def tries() -> str:
    inner = "".join(" " * depth + "finally: pass\n" for depth in reversed(range(INDENTED)))
    return blocks("try:") + inner


def joined(operator: str, count: int = MANY) -> str:
    return "y = " + operator.join(f"a{number}" for number in range(count)) + "\n"


def within_case(opening: str, closing: str, depth: int) -> str:
    return f"match y:\n    case {opening * depth}1{closing * depth}:\n        pass\n"


CODE = {
    "parentheses": nested("(", ")"),
    "tuples": nested("(", ",)"),
    "lists": nested("[", "]"),
    "sets": nested("{", "}"),
    "mappings": nested("{1: ", "}"),
    "calls": nested("f(", ")"),
    "subscripts": nested("a[", "]"),
    "comprehensions": nested("[x for x in ", "]", "y"),
    "assignments in expressions": nested("(a := ", ")"),
    "far too many brackets": nested("(", ")", depth=MANY),
    "lambdas": nested("lambda: ", depth=500),
    "negations": nested("not ", depth=500),
    "signs": nested("-", depth=MANY),
    "conditional expressions": nested("1 if a else ", depth=900),
    "powers": joined(" ** ", 900),
    "f-strings": nested('f"{', '}"', depth=2),
    "terms": joined(" + "),
    "operands": joined(" and "),
    "many more operands": joined(" and ", 9_000),
    "comparisons": joined(" < "),
    "attributes": "y = a" + ".b" * 900 + "\n",
    "calls of calls": "y = a" + "()" * 900 + "\n",
    "subscripts of subscripts": "y = a" + "[0]" * 900 + "\n",
    "strings side by side": "y = (\n" + '    "a"\n' * MANY + ")\n",
    "targets": "a = " * MANY + "1\n",
    "elif": "if a:\n    pass\n" + "elif a:\n    pass\n" * MANY,
    "except": "try:\n    pass\n" + "except a:\n    pass\n" * 1_000,
    "cases": "match y:\n" + "".join(f"    case {number}:\n        pass\n" for number in range(1_000)),
    "patterns of lists": within_case("[", "]", 90),
    "patterns of tuples": within_case("(", ",)", 12),
    "patterns of mappings": within_case("{1: ", "}", 12),
    "patterns in parentheses": within_case("(", ")", 90),
    "managers": "with " + ", ".join(["a as b"] * 1_000) + ":\n    pass\n",
    "decorators": "@a\n" * 1_000 + "def f():\n    pass\n",
    "try": tries(),
    **{head.rstrip(":"): blocks(head) for head in BLOCKS},
    "a long line": 'y = "' + "a" * 1_000_000 + '"\n',
    "a long comment": "# " + "a" * 1_000_000 + "\n",
    "a long name": "a" * 100_000 + " = 1\n",
    "a huge number": "y = 0x" + "f" * 20_000 + "\n",
    "a huge decimal number": "y = " + "9" * 100_000 + "\n",
    "an infinite number": "y = 1e999, -1e999\n",
    "a long text": 'y = """\n' + "a\n" * 20_000 + '"""\n',
    "many values": "y = [" + '"a", ' * 2_000 + "]\n",
    "statements in one line": "a = 1; " * 1_000 + "\n",
    "lines that go on": "y = 1" + " + \\\n    1" * 400 + "\n",
    "surrogates": 'y = "\\ud800", f"\\udfff{a}", b"\\xff"\n{}["\\ud800"] = y\n',
    "a name of many scripts": "класс = ｆ = 鍵 = ذ = ไทย = Ünï = 𝐱 = {}\n鍵[ذ] = 1\n鍵.pop(ไทย, None)\n",  # noqa: RUF001
    "form feeds": "\x0c\ny = 1\n\x0c\n    \x0c\ndef f():\n\x0c    pass\n",
    "odd blanks": 'y = "\u2028\x85\x0b\x1c\u00a0"  # \u2028\x85\x0b\x1c\u00a0\n',
    "a byte order mark in the middle": "y = 1\n\ufeffz = 2\n",
    "a vertical tab": "y = 1\x0b\n",
    "an end of file for DOS": "y = 1\n\x1a",
}
"""What stands behind a leaking class in each file, on its own."""

BEFORE = LEAKING + "\n\n"
FIRST_LINE = BEFORE.count("\n") + 1
AS_IT_WAS = LEAKING.encode()

DATA: dict[str, tuple[bytes, int | None]] = {
    "NUL": (b"a = 1\nb = '\0'\n", 2),
    "NUL at the end": (AS_IT_WAS + b"\0", FIRST_LINE - 2),
    "only a byte order mark twice": (b"\xef\xbb\xbf\xef\xbb\xbfy = 1\n", 1),
    "UTF-16": ("y = 1\n".encode("utf-16"), 1),
    "an unknown cookie": (b"#\n# coding: klingon\n", 2),
    "a cookie that is no text": (b"# coding: rot13\n", 1),
    "a cookie that contradicts the mark": (b"\xef\xbb\xbf# coding: latin-1\n", 1),
    "bytes that are not of the cookie": (b"# coding: ascii\n\xff\n", 2),
    "bytes that are not UTF-8": (b"y = 1\ny = '\xff'\n", 2),
    "surrogates in bytes": (b"y = 1\ny = '\xed\xa0\x80'\n", 2),
    "too large": (b"# " + b"a" * 3 * 2**20, None),
}
"""Bytes that are no Python at all, with the line that is told."""

HARMLESS = {
    "nothing": b"",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "no newline": b"y = 1",
    "blank": b"\r\r\n\n\x0c",
}

ROOMS = {name: (BEFORE + code).encode("utf-8") for name, code in CODE.items()}
ROOMS |= {name: data for name, (data, _) in DATA.items()} | HARMLESS


def fill(folder: Path) -> Path:
    for name, data in ROOMS.items():
        leaking_file(folder / name)
        (folder / name / "hostile.py").write_bytes(data)
    return folder
