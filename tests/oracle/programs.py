"""All programs of the oracle: the product of the dimensions, thinned evenly, and the families told one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .families import runs_here
from .family_amid import amid_programs
from .family_closures import closure_programs
from .family_lifecycle import lifecycle_programs
from .family_quiet import quiet_programs
from .family_reference import reference_programs
from .family_released import released_programs
from .family_scopes import scope_programs
from .family_try import try_programs
from .module import program
from .selection import WIDTH, choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

FAMILIES = (
    reference_programs,
    lifecycle_programs,
    closure_programs,
    quiet_programs,
    scope_programs,
    try_programs,
    released_programs,
    amid_programs,
)


def programs(width: int = WIDTH) -> Iterator[Program]:
    """All programs that this Python can run, in a stable order; `width` of each cleanup, flow and mode."""
    made = map(program, choices(width))
    for family in (made, *(family() for family in FAMILIES)):
        yield from (told for told in family if runs_here(told.source))
