"""The screen: can any rule apply to this module? Cheap, and never wrong where it says no.

A rule needs an insertion and an eviction that may be of the same container, or a container of the module's own that is
inserted into. The bytes of a file tell whether it has a subscript or a word for that at all; its syntax tree tells
which names occur in these roles. A plain variable may stand for any container (a parameter, an alias), so it matches
all names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS

ANY = "*"
"""The name of a container that is reached through a plain variable."""

_INSERTION_BYTES = re.compile(
    rb"\]\s*(?:=|:|,|\|=|\+=)|\.(?:%s)\b|\|=|[Dd]efault[Dd]ict"
    % b"|".join(method.encode() for method in sorted(INSERTING_METHODS))
)


def may_leak(data: bytes, tree: ast.Module) -> bool:
    """Whether a file by itself holds what a rule needs."""
    return bytes_may_leak(data) and tree_may_leak(tree)


def bytes_may_leak(data: bytes) -> bool:
    """Whether the file holds what an insertion needs."""
    return _INSERTION_BYTES.search(data) is not None


def tree_may_leak(tree: ast.Module) -> bool:
    """Whether some container may be both inserted into and evicted from."""
    has_defaults = any(
        isinstance(node, ast.Name | ast.alias) and _word(node) == "defaultdict" for node in ast.walk(tree)
    )
    inserted: set[str] = set()
    evicted: set[str] = set()
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, is_constructor = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_constructor = node.name == "__init__"
        inserted.update(_inserted(node, has_defaults=has_defaults))
        evicted.update(_evicted(node, is_constructor=is_constructor))
        pending.extend((child, is_constructor) for child in ast.iter_child_nodes(node))
    if not inserted:
        return False
    if evicted and (inserted & evicted or ANY in inserted or ANY in evicted):
        return True
    return not _created(tree).isdisjoint(inserted | _inserted_variables(tree))


def _created(tree: ast.Module) -> set[str]:
    """Names of the mappings and sets that the module makes for itself.

    They are attributes, variables of its top level, and those of functions with a decorated one inside.
    """
    top = [statement for outer in tree.body for statement in (outer, *getattr(outer, "body", ()))]
    top += [statement for node in ast.walk(tree) if _sets_up_handlers(node) for statement in _statements(node)]
    at_top = set(map(id, top))
    assigned = [*top, *(node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign))]
    return {
        target.attr if isinstance(target, ast.Attribute) else target.id
        for node in assigned
        if isinstance(node, ast.Assign | ast.AnnAssign) and _makes_a_container(node)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) or (isinstance(target, ast.Name) and id(node) in at_top)
    }


def _sets_up_handlers(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.decorator_list
        for inner in _statements(node)
    )


def _statements(function: ast.AST) -> Iterator[ast.AST]:
    """The statements of a function, those in blocks included and those of functions in it left out."""
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                pending.extend(ast.iter_child_nodes(node))


def _makes_a_container(node: ast.Assign | ast.AnnAssign) -> bool:
    if isinstance(node, ast.AnnAssign):
        return True
    return not isinstance(node.value, ast.Constant | ast.List | ast.Tuple | ast.ListComp | ast.JoinedStr)


def _inserted_variables(tree: ast.Module) -> set[str]:
    """Names of the variables that are inserted into."""
    stores = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)
    }
    return stores | {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in INSERTING_METHODS and isinstance(node.value, ast.Name)
    }


def _word(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name.rpartition(".")[2]


def _inserted(node: ast.AST, *, has_defaults: bool) -> Iterator[str]:
    """Names of the containers that the node may insert into, children left out."""
    match node:
        case ast.Attribute(value=receiver, attr=method) if method in INSERTING_METHODS:
            yield _name(receiver)
        case ast.Subscript(value=receiver, slice=index, ctx=context) if not isinstance(index, ast.Constant):
            # A read of a defaultdict inserts, too.
            if isinstance(context, ast.Store) or has_defaults:
                yield _name(receiver)
        case ast.AugAssign(target=target, op=ast.BitOr()):
            yield _name(target)


def _evicted(node: ast.AST, *, is_constructor: bool) -> Iterator[str]:
    """Names of the containers that the node may evict from, children left out; a constructor has nothing to evict."""
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr=method), args=[ast.Constant(), *_]):
            if method in EVICTING_METHODS - {"pop"}:
                yield _name(receiver)
        case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if method in EVICTING_METHODS:
            yield _name(receiver)
        case ast.Call(args=arguments, keywords=keywords):
            # A method that is handed over, to be called later: `stack.callback(self._clients.pop, key)`.
            for argument in (*arguments, *(keyword.value for keyword in keywords)):
                if isinstance(argument, ast.Attribute) and argument.attr in EVICTING_METHODS:
                    yield _name(argument.value)
        case ast.Subscript(value=receiver, slice=index, ctx=ast.Del()) if not isinstance(index, ast.Constant):
            yield _name(receiver)
        case ast.AugAssign(target=target, op=ast.Sub()):
            yield _name(target)
        case ast.Assign(targets=targets, value=ast.Dict() | ast.Set() | ast.Call()) if not is_constructor:
            for assigned in targets:
                if isinstance(assigned, ast.Attribute | ast.Name):
                    yield assigned.attr if isinstance(assigned, ast.Attribute) else assigned.id


def _name(receiver: ast.expr) -> str:
    """The last word of an attribute, through subscripts (`self._by_session[key]`); ANY for all else."""
    innermost: ast.expr = receiver
    while isinstance(innermost, ast.Subscript):
        innermost = innermost.value
    return innermost.attr if isinstance(innermost, ast.Attribute) else ANY
