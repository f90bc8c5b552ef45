"""An expression that may be evaluated first changes nothing that running the code can show."""

from __future__ import annotations

import re
import warnings
import zlib
from itertools import groupby
from typing import TYPE_CHECKING

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from repairing import laid_out

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.changes import Hoist
from leaklint.repairs.expressions import evaluation_order
from leaklint.repairs.surgery import combine
from leaklint.source import apply_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from leaklint.repairs.layout import Layout

EVENT = tuple[str, ...]
READS = {"read", "truth"}
FAILED = "failed"


def shown(value: object) -> str:
    return re.sub(r" at 0x\w+", "", str(value))


class Traced:
    """A value that logs what is done to it; attributes and truth values are only read."""

    def __init__(self, name: str, log: list[EVENT]) -> None:
        self.__dict__.update(_name=name, _log=log)

    def _logged(self, kind: str, *parts: object) -> Traced:
        self._log.append((kind, self._name, *map(shown, parts)))
        return Traced(f"{self._name}.{kind}({','.join(map(shown, parts))})", self._log)

    def __repr__(self) -> str:
        return self._name

    def __getattr__(self, name: str) -> Traced:
        return self._logged("read", name)

    def __bool__(self) -> bool:
        self._logged("truth")
        return zlib.crc32(self._name.encode()) % 2 == 0

    def __call__(self, *arguments: object) -> Traced:
        return self._logged("call", *arguments)

    def __getitem__(self, key: object) -> Traced:
        return self._logged("get", key)

    def __setitem__(self, key: object, value: object) -> None:
        self._logged("set", key, value)

    def __delitem__(self, key: object) -> None:
        self._logged("delete", key)

    def __add__(self, other: object) -> Traced:
        return self._logged("add", other)

    def __lt__(self, other: object) -> Traced:
        return self._logged("less", other)

    def __iter__(self) -> Iterator[Traced]:
        self._logged("iter")
        return iter((Traced(f"{self._name}.0", self._log), Traced(f"{self._name}.1", self._log)))

    def __enter__(self) -> Traced:
        return self._logged("enter")

    def __exit__(self, *error: object) -> None:
        self._logged("exit")


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda filled: template.format(*filled))


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        joined("{}.p", inner),
        joined("{}({})", inner, inner),
        joined("{}({}, *{}, {})", inner, inner, inner, inner),
        joined("{}[{}]", inner, inner),
        joined("({} + {})", inner, inner),
        joined("({} < {} < {})", inner, inner, inner),
        joined("({} and {} or {})", inner, inner, inner),
        joined("({} if {} else {})", inner, inner, inner),
        joined("[{}, {}]", inner, inner),
        joined("[{} for y in {} if {}]", inner, inner, inner),
        joined("(lambda: {})", inner),
        joined("{{1: {}, 2: {}}}", inner, inner),
        st.just("f'{a}_{b.p}'"),
        joined("(w := {})", inner),
    )


EXPRESSIONS = st.recursive(st.sampled_from(["a", "b", "c", "w"]), larger, max_leaves=8)
STATEMENTS = st.one_of(
    joined("{}", EXPRESSIONS),
    joined("x = {}", EXPRESSIONS),
    joined("{}[{}] = {}", EXPRESSIONS, EXPRESSIONS, EXPRESSIONS),
    joined("a[{}] += {}", EXPRESSIONS, EXPRESSIONS),
    joined("a += {}", EXPRESSIONS),
    joined("return {}", EXPRESSIONS),
    joined("del a[{}], b[{}]", EXPRESSIONS, EXPRESSIONS),
    joined("if {}: x = {}", EXPRESSIONS, EXPRESSIONS),
    joined("for x in {}: {}", EXPRESSIONS, EXPRESSIONS),
    joined("while {}: break", EXPRESSIONS),
    joined("with {} as x, {}: pass", EXPRESSIONS, EXPRESSIONS),
)


def compiled(code: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(code, "module.py", "exec", dont_inherit=True)


def events(code: str) -> tuple[list[EVENT], str]:
    """What happens, and how it ends; neighbouring reads are sorted, as their order among themselves is free."""
    log: list[EVENT] = []
    names: dict[str, object] = {}
    exec(compiled(code), names)
    try:
        end = shown(names["f"](*(Traced(name, log) for name in "abcw")))  # type: ignore[operator]
    except Exception:  # what Python itself raises for values that do not fit
        end = FAILED
    runs = (list(run) for _, run in groupby(log, key=lambda event: event[0] in READS))
    return [event for run in runs for event in (sorted(run) if run[0][0] in READS else run)], end


def effects(log: list[EVENT]) -> list[EVENT]:
    return [event for event in log if event[0] not in READS]


def expressions(layout: Layout, line: ir.Statement) -> list[ir.Expression]:
    found = {
        node.at: node for node in below(line) if isinstance(node, ir.Call | ir.Template | ir.Attribute | ir.Display)
    }
    return list(found.values())


@settings(max_examples=400, deadline=None, derandomize=True)
@given(STATEMENTS)
def test_what_is_evaluated_first_was_first_or_does_not_matter(code: str) -> None:
    text = f"def f(a, b, c, w):\n    {code}\n"
    try:
        compiled(text)
    except SyntaxError:  # `:=` is not allowed everywhere
        reject()
    layout = laid_out(text)
    definition = layout.module.body[0]
    assert isinstance(definition, ir.Define)
    line = definition.function.body[0]
    before, end = events(layout.source.text)
    for found in expressions(layout, line):
        edits = combine(layout, [Hoist(line, found, "hoisted")])
        if not isinstance(edits, tuple):
            continue
        text = apply_edits(layout.source, edits).decode()
        after, new_end = events(text)
        if end == FAILED:
            continue
        assert new_end == end, text
        assert effects(after) == effects(before), text
        if evaluation_order(layout, line, found) == "kept":
            assert after == before, text
