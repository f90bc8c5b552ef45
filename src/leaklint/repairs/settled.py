"""Conditions that come out the same before an eviction as at it, so that another eviction may ask them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.find import bound_by
from leaklint.repairs.stretch import locals_of

if TYPE_CHECKING:
    from leaklint.repairs.layout import Layout
    from leaklint.repairs.stretch import Stretch

_PLAIN = ir.Name | ir.Attribute | ir.Constant | ir.Text | ir.Compare | ir.Boolean | ir.Not


def is_settled(layout: Layout, stretch: Stretch, test: ir.Expression) -> bool:
    """Whether a test reads only variables that keep their value from the insertion on, and what modules say."""
    if not all(isinstance(node, _PLAIN) for node in below(test)):
        return False
    own, imported = locals_of(stretch.function), _imported(layout)
    owned = {node.value.at for node in below(test) if isinstance(node, ir.Attribute)}
    for node in below(test):
        match node:
            case ir.Name(id=name, at=at):
                is_variable = at not in owned and name in own and not _is_bound_again(stretch, name)
                if not is_variable and (name in own or name not in imported):
                    return False
    return True


def _imported(layout: Layout) -> set[str]:
    return {node.bound for node in layout.module.body if isinstance(node, ir.Import)}


def _is_bound_again(stretch: Stretch, name: str) -> bool:
    """Whether a variable may get another value behind the insertion, in the function or in one inside it."""
    for node in below(stretch.function):
        if isinstance(node, ir.Function) and name in node.nonlocal_names:
            return True
        if isinstance(node, ir.Node) and name in bound_by(node) and node.at > stretch.insertion.at:
            return True
    return False
