"""The second screen: which files have a part in a leak only together with other files of their project.

It can if one half of what a rule needs may stand elsewhere: a base class that inserts what this file evicts, an object
of another file's class that is asked for entries and told to let them go. Cheap: no module is parsed for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leaklint.containers import EVICTING_METHODS, INSERTING_METHODS
from leaklint.places import Home
from leaklint.project import Project, label_of_file

CHANGING_METHODS = INSERTING_METHODS | EVICTING_METHODS


def may_leak_with_others(tree: ast.Module, path: str, project: Project) -> bool:
    """Whether some module that the file imports may complete a leak. `path` is the file's."""
    home = project.home(path)
    own = label_of_file(home, path)
    nodes = list(ast.walk(tree))
    labels = dict(_imports(nodes, own, home, project))
    if not labels:
        return False
    if _inherits(nodes, labels) and (_changes_something(nodes) or _asks_itself(nodes)):
        return True
    roots = _roots(nodes, labels)
    if _changes_what_is_imported(nodes, labels):
        return True
    return any(project.may_keep(home, label) for label in _asked_twice(nodes, roots, labels))


def _imports(nodes: list[ast.AST], own: str, home: Home, project: Project) -> Iterator[tuple[str, str]]:
    """The names that are imported from the project, each with the module that it comes from."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            label = project.find(home, own, node.level, node.module or "")
            for alias in node.names if label is not None else ():
                inner = project.submodule(home, label, alias.name) if label is not None else None
                yield alias.asname or alias.name, inner or label or ""
        elif isinstance(node, ast.Import):
            for alias in node.names:
                label = project.find(home, own, 0, alias.name)
                if label is not None:
                    yield alias.asname or alias.name.partition(".")[0], label


def _inherits(nodes: list[ast.AST], labels: dict[str, str]) -> bool:
    bases = (base for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases)
    return "*" in labels or any(_root(base) in labels for base in bases)


def _changes_something(nodes: list[ast.AST]) -> bool:
    """Whether an attribute gets or loses entries, or is replaced."""
    return any(_changed(node) is not None for node in nodes)


def _changes_what_is_imported(nodes: list[ast.AST], labels: dict[str, str]) -> bool:
    return any(_root(receiver) in labels for node in nodes if (receiver := _changed(node)) is not None)


def _changed(node: ast.AST) -> ast.expr | None:
    """The container that the node may insert into or evict from."""
    match node:
        case ast.Attribute(value=receiver, attr=method) if method in CHANGING_METHODS:
            return receiver
        case ast.Subscript(value=receiver, slice=index, ctx=ast.Store() | ast.Del()) if not _is_fixed(index):
            return receiver
        case ast.AugAssign(target=target, op=ast.BitOr() | ast.Sub()):
            return target
        case _:
            return None


def _is_fixed(index: ast.expr) -> bool:
    return isinstance(index, ast.Constant)


def _asks_itself(nodes: list[ast.AST]) -> bool:
    """Whether methods of `self` are called that the file does not define, two at least: one to get, one to let go."""
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    called = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (isinstance(node.func.value, ast.Name) or _is_super(node.func.value))
        and (node.args or node.keywords)
    }
    return len(called - defined) > 1


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _roots(nodes: list[ast.AST], labels: dict[str, str]) -> dict[str, str]:
    """Words of variables and attributes to the imported name that made them, or that annotates them."""
    found = {name: name for name in labels}
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=ast.Call(func=function)):
                made = _root(function)
            case ast.AnnAssign(target=target, annotation=annotation):
                targets, made = [target], _annotated(annotation, labels)
            case ast.arg(arg=name, annotation=annotation) if annotation is not None:
                made = _annotated(annotation, labels)
                if made in labels:
                    found[name] = found[f"_{name}"] = made
                continue
            case _:
                continue
        if made in labels:
            found.update({word: made for target in targets if (word := _word(target)) is not None})
    return found


def _annotated(annotation: ast.expr, labels: dict[str, str]) -> str:
    """The imported name that an annotation holds."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name) and node.id in labels:
            return node.id
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = next((name for name in labels if name in node.value), None)
            if word is not None:
                return word
    return ""


def _asked_twice(nodes: list[ast.AST], roots: dict[str, str], labels: dict[str, str]) -> set[str]:
    """The modules of which two different things are called with arguments: one may insert, one evict."""
    asked: dict[str, set[str]] = {}
    for node in nodes:
        if not isinstance(node, ast.Call) or not (node.args or node.keywords):
            continue
        if isinstance(node.func, ast.Attribute):
            word = _word(node.func.value)
            if word in roots:
                asked.setdefault(labels[roots[word]], set()).add(node.func.attr)
        elif isinstance(node.func, ast.Name) and node.func.id in roots:
            asked.setdefault(labels[roots[node.func.id]], set()).add(node.func.id)
    return {label for label, names in asked.items() if len(names) > 1}


def _word(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _root(node: ast.expr) -> str | None:
    """The name that an expression begins with: `a` of `a.b[c].d`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
