"""The rules, one module each. A module with a `RULE` is a rule; nothing else need know of it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaklint.rule import Rule


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.RULE for module in modules if hasattr(module, "RULE")), key=lambda rule: rule.code))


def all_codes() -> tuple[str, ...]:
    """The codes of all rules."""
    return tuple(rule.code for rule in all_rules())
