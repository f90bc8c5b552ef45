"""Whether a repaired file reads a name that nothing binds, told by Python's own symbol tables."""

from __future__ import annotations

import builtins
import functools
import symtable
import warnings
from typing import TYPE_CHECKING

from leaklint.repairs.refusal import Refusal

if TYPE_CHECKING:
    from leaklint.source import Source

_NAMELESS = frozenset(["genexpr", "lambda", "listcomp", "setcomp", "dictcomp"])


def refuse_unbound(before: Source, after: Source) -> Refusal | None:
    """Refuse a repair that reads a name which nothing in the file binds and nothing in it read before."""
    old = {name for _, name in _unbound_before(before)}
    for function, name in sorted(_unbound(after)):
        if name not in old:
            return Refusal(f"`{name}` would be read in {function}, where nothing is bound to it")
    return None


@functools.lru_cache(maxsize=2)
def _unbound_before(source: Source) -> set[tuple[str, str]]:
    """What is unbound in a file that many repairs are held against."""
    return _unbound(source)


def _unbound(source: Source) -> set[tuple[str, str]]:
    """Functions, each with a name that it reads and that is bound nowhere in the file; built-in names are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = symtable.symtable(source.text, source.path, "exec")
    bound = {*dir(builtins), *(symbol.get_name() for symbol in module.get_symbols() if _is_bound(symbol))}
    read: set[tuple[str, str]] = set()
    # The list grows while it is gone through: the scopes inside a scope come behind it.
    scopes = [("", child) for child in module.get_children()]
    for outer, scope in scopes:
        name = outer if scope.get_name() in _NAMELESS else f"{outer}.{scope.get_name()}".lstrip(".")
        scopes += ((name, child) for child in scope.get_children())
        symbols = [symbol for symbol in scope.get_symbols() if symbol.is_global()]
        bound |= {symbol.get_name() for symbol in symbols if symbol.is_declared_global()}
        read |= {(name, symbol.get_name()) for symbol in symbols if symbol.is_referenced()}
    return {(name, symbol) for name, symbol in read if symbol not in bound}


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
