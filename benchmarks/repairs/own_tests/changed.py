"""Which statements of a file a repair has written or moved."""

from __future__ import annotations

import ast
import difflib


def changed_statements(before: str, after: str) -> set[int]:
    """The first lines of the statements of `after` that stand on lines which `before` does not have there."""
    changed = changed_lines(before, after)
    # The innermost statement on a line is the one that begins last.
    innermost: dict[int, int] = {}
    for node in ast.walk(ast.parse(after)):
        if isinstance(node, ast.stmt):
            for line in changed & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
                innermost[line] = max(innermost.get(line, 0), node.lineno)
    return set(innermost.values())


def changed_lines(before: str, after: str) -> set[int]:
    """The numbers of the lines of `after` that `before` does not have at that place."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return {
        line + 1
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag in ("replace", "insert")
        for line in range(start, end)
    }
