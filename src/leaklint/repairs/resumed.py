"""Whether somebody goes through the entries that have stayed and begins their operation again.

Then an entry stays on purpose where the operation fails; a repair that evicts it gives up what was to be tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from leaklint.repairs.by_name import ByName
    from leaklint.repairs.intent import Intent

RISK = "entries that stay are gone through elsewhere, where their operation begins again"


def resumes_what_stays(intent: Intent) -> bool:
    """Whether a loop over the container hands its entries to a function that leads back to the insertion."""
    story, names = intent.report.story, intent.layout.by_name
    begun = names.handed.get(cache_name(story.insertion.cache) or "", set())
    inserting = story.insertion.place.function.partition("@")[0].rpartition(".")[2]
    return inserting in _reached(names, begun)


def _reached(names: ByName, begun: set[str]) -> set[str]:
    """The functions that may be called in the end, told by their names alone."""
    reached, waiting = set(begun), list(begun)
    while waiting:
        for name in names.called.get(waiting.pop(), set()) - reached:
            reached.add(name)
            waiting.append(name)
    return reached
