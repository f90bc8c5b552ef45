"""The proof that a repair only does what its edits say, without which no file is written.

It does not judge whether a leak is gone (the linter does, on the repaired file): it shows that the new file is Python,
that nothing outside the edits changed, and that no comment and no string was lost.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from leaklint.repairs.refusal import Refusal, RefusedError
from leaklint.repairs.tokens import Tokens, physical_lines, read_tokens
from leaklint.repairs.too_much import why_libcst_is_not_asked
from leaklint.source import Source, SourceError, apply_edits, decode, newline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.model import Edit

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BOM_LENGTH = 3
_SHOWN = 60
_FORMATTED = re.compile(r"[a-zA-Z]*[fFtT]")

Function = ast.FunctionDef | ast.AsyncFunctionDef

Texts: TypeAlias = tuple[Counter[str], Counter[str]]
"""How often each comment and each string literal stands in a file."""


def prove(
    before: Source, edits: Sequence[Edit], dropped: Sequence[str] = (), *, is_known: bool = False
) -> bytes | Refusal:
    """Return the bytes of the repaired file, or why it must not be written.

    `dropped` are expressions that the edits are to take out with the strings in them. `is_known` says that an earlier
    proof showed that LibCST can read `before`.
    """
    try:
        after = decode(before.path, apply_edits(before, edits))
    except (SourceError, ValueError) as error:
        return Refusal(f"the edits cannot be applied ({error})")
    return compare(before, after, edits, dropped, is_known=is_known) or after.data


def compare(
    before: Source, after: Source, edits: Sequence[Edit], dropped: Sequence[str] = (), *, is_known: bool = False
) -> Refusal | None:
    """Why `after` is not `before` with `edits` and nothing else, or not valid; None if it is."""
    try:
        old_tree, new_tree = _tree(before, "the file"), _tree(after, "the repaired file")
        new_tokens = _tokens(after)
        _require_same_bytes_outside(before, after, edits)
        _require_texts_kept(before, _texts(after, new_tokens, new_tree), _literals_of(dropped))
        _require_same_functions(before, old_tree, new_tree, edits)
        if not is_known:
            _require_round_trip(before, _tokens(before), "the file")
        _require_round_trip(after, new_tokens, "the repaired file")
    except RefusedError as error:
        return error.refusal
    return None


def _tree(source: Source, which: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.data, filename=source.path)
            compile(source.data, source.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise RefusedError(f"{which} does not compile: {error.msg}, line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise RefusedError(f"{which} does not compile: {error}") from error
    return tree


def _require_same_bytes_outside(before: Source, after: Source, edits: Sequence[Edit]) -> None:
    """Put the edits into the bytes once more, from the end, another way than whoever applied them."""
    data = bytearray(before.data)
    own_newline = newline(before)
    base = _BOM_LENGTH if before.bom else 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        start, end = (base + len(before.text[:place].encode(before.encoding)) for place in (edit.start, edit.end))
        data[start:end] = _NEWLINE.sub(lambda _: own_newline, edit.text).encode(before.encoding)
    if data != after.data:
        raise RefusedError("bytes outside the edits would change")


def _literals_of(expressions: Sequence[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for expression in expressions:
        source = decode("", f"({expression})\n".encode())
        found += _texts(source, _tokens(source), ast.parse(source.text))[1]
    return found


def _require_texts_kept(before: Source, after: Texts, dropped: Counter[str]) -> None:
    old_comments, old_literals = _texts_before(before)
    new_comments, new_literals = after
    for lost, what in ((old_comments - new_comments, "comment"), (old_literals - dropped - new_literals, "string")):
        if lost:
            raise RefusedError(f"the {what} {_shortened(next(iter(lost)))} would be lost")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


@functools.lru_cache(maxsize=2)
def _texts_before(source: Source) -> Texts:
    """The texts of a file that many repairs are held against."""
    return _texts(source, _tokens(source), ast.parse(source.data))


def _tokens(source: Source) -> Tokens:
    return read_tokens(source.text, physical_lines(source.text))


def _texts(source: Source, tokens: Tokens, tree: ast.Module) -> Texts:
    """Comments and string literals; of f-strings the texts between the holes, as the holes may be edited."""
    literals = (source.text[start:end] for start, end in tokens.literals)
    found = Counter(literal for literal in literals if not _FORMATTED.match(literal))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.update(repr(part.value) for part in node.values if isinstance(part, ast.Constant))
    return Counter(token.text for token in tokens.all if token.kind == "comment"), found


def _require_same_functions(before: Source, old_tree: ast.Module, new_tree: ast.Module, edits: Sequence[Edit]) -> None:
    """Functions no edit touches must be the same; so must everything outside functions if all edits are inside."""
    old, new = _functions(old_tree), _functions(new_tree)
    starts, ends = sorted(edit.start for edit in edits), sorted(edit.end for edit in edits)
    inside: set[int] = set()
    for name, function in old.items():
        first, last = _region(before, function)
        touching = range(bisect_left(ends, first), bisect_right(starts, last))
        inside.update(touching)
        if not touching and (name not in new or not _is_same(function, new[name])):
            raise RefusedError(f"the function {name[0]}, line {function.lineno}, would change though no edit is in it")
    if len(inside) == len(edits):
        for function in [*old.values(), *new.values()]:
            function.body = []
        if not _is_same(old_tree, new_tree):
            raise RefusedError("code outside the edited functions would change")


def _is_same(one: ast.AST, other: ast.AST) -> bool:
    """Whether two trees say the same, wherever it stands; without recursion, as a chain of `elif` may be long."""
    pending: list[tuple[object, object]] = [(one, other)]
    while pending:
        left, right = pending.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, ast.AST):
            pending.extend((getattr(left, name, None), getattr(right, name, None)) for name in left._fields)
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pending.extend(zip(left, right, strict=True))
        elif left != right:
            return False
    return True


def _functions(tree: ast.Module) -> dict[tuple[str, int], Function]:
    """Every function by its qualified name and its number among those of that name, outer ones first."""
    found: dict[tuple[str, int], Function] = {}
    count: Counter[str] = Counter()
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, Function | ast.ClassDef):
            name = prefix + node.name
            prefix = name + "."
            if isinstance(node, Function):
                found[name, count[name]] = node
                count[name] += 1
        pending.extend((prefix, child) for child in reversed(list(ast.iter_child_nodes(node))))
    return found


def _region(source: Source, function: Function) -> tuple[int, int]:
    """Offsets of the function's whole lines, decorators and the last line ending included."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    last = function.end_lineno or function.lineno
    starts = source.line_starts
    return starts[first - 1], starts[last] if last < len(starts) else len(source.text)


def _require_round_trip(source: Source, tokens: Tokens, which: str) -> None:
    """LibCST must read the file and give it back byte for byte; it dies of few things, so anything is a refusal."""
    reason = why_libcst_is_not_asked(tokens)
    if reason is not None:
        raise RefusedError(f"{which} has {reason}")
    import libcst

    try:
        same = libcst.parse_module(source.data).bytes == source.data
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of its parser is no Exception
        raise RefusedError(f"LibCST cannot read {which} ({type(error).__name__})") from error
    if not same:
        raise RefusedError(f"LibCST does not give {which} back as it is")
