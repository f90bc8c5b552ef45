"""Whether a file needs to be analyzed at all: both screens, told before anything heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.reach import may_leak_with_others
from leaklint.screen import may_leak

if TYPE_CHECKING:
    import ast

    from leaklint.project import Project
    from leaklint.source import Source


def is_turned_away(source: Source, parsed: ast.Module, project: Project | None) -> bool:
    """Whether the screens say that no rule finds anything in the file, alone or with others of its project."""
    if may_leak(source.data, parsed):
        return False
    return project is None or not may_leak_with_others(parsed, source.path, project)
