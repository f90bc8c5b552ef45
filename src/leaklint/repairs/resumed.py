"""Whether somebody goes through the entries that have stayed and begins their operation again.

Then an entry stays on purpose where the operation fails; a repair that evicts it gives up what was to be tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below, last_part
from leaklint.repairs.find import names_read
from leaklint.same_caches import cache_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leaklint.repairs.intent import Intent

RISK = "entries that stay are gone through elsewhere, where their operation begins again"


def resumes_what_stays(intent: Intent) -> bool:
    """Whether a loop over the container hands its entries to a function that leads back to the insertion."""
    story = intent.report.story
    word = cache_name(story.insertion.cache)
    if word is None:
        return False
    inserting = story.insertion.place.function.partition("@")[0].rpartition(".")[2]
    module = intent.layout.module
    begun = {name for loop in _loops_over(module, word) for name in _handed_to(loop)}
    return inserting in _reached(module, begun)


def _loops_over(module: ir.Module, word: str) -> Iterator[ir.For | ir.Comprehension]:
    for node in below(module):
        match node:
            case ir.For(iterable=iterable) if _mentions(iterable, word):
                yield node
            case ir.Comprehension(clauses=clauses) if any(_mentions(clause.iterable, word) for clause in clauses):
                yield node


def _mentions(iterable: ir.Expression, word: str) -> bool:
    return any(isinstance(node, ir.Attribute | ir.Name) and last_part(node) == word for node in below(iterable))


def _handed_to(loop: ir.For | ir.Comprehension) -> Iterator[str]:
    """The functions that get what the loop runs over."""
    targets = [loop.target] if isinstance(loop, ir.For) else [clause.target for clause in loop.clauses]
    names = {name for target in targets for name in names_read(target)}
    for node in below(loop):
        if isinstance(node, ir.Call) and any(names & names_read(argument.value) for argument in node.arguments):
            yield from _names_of((node,))


def _reached(module: ir.Module, begun: set[str]) -> set[str]:
    """The names of the functions that may be called by those, told by their names alone."""
    called: dict[str, set[str]] = {}
    for node in below(module):
        if isinstance(node, ir.Function):
            called.setdefault(node.name, set()).update(_names_of(below(node)))
    reached, waiting = set(begun), list(begun)
    while waiting:
        for name in called.get(waiting.pop(), set()) - reached:
            reached.add(name)
            waiting.append(name)
    return reached


def _names_of(nodes: Iterable[object]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ir.Call) and (name := last_part(node.function)) is not None:
            yield name
