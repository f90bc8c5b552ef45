"""Who may call whom and who may change what in an outline: each found out once, when it is first asked for.

The choice of containers and the summaries are made from the same answers, which take as long as all walks together.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from leaklint.callees import Index, called_by, index
from leaklint.outline import Outline
from leaklint.relevance import Changes, changes


class Groundwork(msgspec.Struct, frozen=True, dict=True, eq=False):
    """What is known of the routines of an outline, whatever containers are asked about."""

    outline: Outline

    @cached_property
    def changed(self) -> Changes:
        """What each routine may insert and evict."""
        return changes(self.outline)

    @cached_property
    def index(self) -> Index:
        """The routines by how they may be meant."""
        return index(self.outline)

    @cached_property
    def _reached(self) -> dict[str, set[str]]:
        return {}

    def reached_by(self, name: str) -> set[str]:
        """Those that one routine may call."""
        if name not in self._reached:
            self._reached[name] = called_by(self.index, self.outline.routines[name])
        return self._reached[name]

    @cached_property
    def reached(self) -> dict[str, set[str]]:
        """Each routine to those that it may call."""
        return {name: self.reached_by(name) for name in self.outline.routines}
