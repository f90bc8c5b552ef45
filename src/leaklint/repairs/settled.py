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

_UNCHANGING = ir.Constant | ir.Compare | ir.Not
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
                is_variable = at not in owned and name in own and _keeps_its_value(stretch, name)
                if not is_variable and (name in own or name not in imported):
                    return False
    return True


def _imported(layout: Layout) -> set[str]:
    return {node.bound for node in layout.module.body if isinstance(node, ir.Import)}


def _keeps_its_value(stretch: Stretch, name: str) -> bool:
    """Whether a variable is not bound behind the insertion, nor holds anything that could change by itself."""
    for node in below(stretch.function):
        match node:
            case ir.Function(nonlocal_names=names) if name in names:
                return False
            case ir.Attribute(value=ir.Name(id=owner)) | ir.Subscript(value=ir.Name(id=owner)) if owner == name:
                return False
            case ir.Call(arguments=arguments) if any(_is(argument.value, name) for argument in arguments):
                return False
            case ir.Assign(value=value) if name in bound_by(node) and not isinstance(value, _UNCHANGING):
                return False
        is_binder = isinstance(node, ir.Node) and name in bound_by(node)
        if is_binder and (not isinstance(node, ir.Assign) or node.at > stretch.insertion.at):
            return False
    return True


def _is(value: ir.Expression, name: str) -> bool:
    return isinstance(value, ir.Name) and value.id == name
