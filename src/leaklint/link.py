"""Puts together what a module uses of the other modules of its project: one outline, as if all stood in one file.

Only definitions that can matter are taken: bases, the classes of attributes, what is called or handed over, and what
these use in turn. A module is read at most a few imports away, and no more than a few dozen are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from leaklint import ir
from leaklint.lives import Life
from leaklint.model import MODULES_APART, Span
from leaklint.outline import Blueprint, Outline, label_of, resolve_dotted
from leaklint.paths import shown
from leaklint.places import Home, path_of
from leaklint.project import Project, label_of_file
from leaklint.units import Definition, Unit, definition, everything, unit
from leaklint.values import word

MOST_MODULES = 40
MOST_BYTES = 4_000_000
MOST_DEFINITIONS = 400
DEPTH = 2
"""How many imports away a module may be that is read for what is called or held."""
DEPTH_OF_BASES = 10


class Linked(msgspec.Struct, frozen=True, eq=False):
    """A module with what it uses of others."""

    outline: Outline
    bounded: frozenset[tuple[str | None, str]]
    """Containers of the other modules that are kept small there, with their class."""
    paths: dict[int, str]
    """The first line of each other module, and its path."""
    evicts: Callable[[str], bool]
    """Whether another file of the project evicts from what goes by a name."""
    names: Callable[[str], bool]
    """Whether another file of the project names what goes by a name in this one."""
    life: Callable[[str], Life]
    """What the other files of the project do with the objects of a class of this one."""

    def place(self, at: Span) -> tuple[str, Span] | None:
        """The path and the place in it of something that stands in another module; None if it does not."""
        first = at.line - at.line % MODULES_APART
        if first not in self.paths:
            return None
        return self.paths[first], Span(at.line - first, at.column, at.end_line - first, at.end_column)


def link(module: ir.Module, found: Outline, project: Project) -> Linked:
    """Take in what a module uses; `found` is its outline."""
    linker = _Linker(module, found, project)
    linker.run()
    return linker.linked()


class _Linker:
    def __init__(self, module: ir.Module, found: Outline, project: Project) -> None:
        self._project = project
        self._path = module.path
        self._home: Home = project.home(module.path)
        own = label_of_file(self._home, module.path)
        self._main = unit(own, "", module, found)
        self._units: dict[str, Unit | None] = {own: self._main}
        self._first_lines: dict[int, str] = {}
        self._size = 0
        self._scopes: dict[str, dict[str, str]] = {"": {}}
        self._outside: dict[str, str] = {}
        self._taken: dict[str, tuple[Unit, Definition]] = {}
        self._pending: deque[tuple[Unit, Definition, int]] = deque()

    def run(self) -> None:
        """Follow the uses, the nearest first."""
        self._pending.append((self._main, everything(self._main), 0))
        while self._pending:
            one, defined, depth = self._pending.popleft()
            for base in defined.bases:
                self._use(one, base, depth, may_load=depth < DEPTH_OF_BASES)
            for use in defined.uses:
                self._use(one, use, depth, may_load=depth < DEPTH)
            for name, written in defined.types:
                is_variable = not defined.routines and not defined.classes
                if is_variable or name in self._main.receivers or name in one.receivers:
                    self._use(one, written, depth, may_load=depth < DEPTH)

    def _use(self, one: Unit, written: str, depth: int, *, may_load: bool) -> None:
        """Find out what a dotted name stands for, as far as that is in the project, and take it."""
        first, *rest = written.split(".")
        if one is self._main and first not in one.imports and not one.stars:
            return
        scope = self._scopes.setdefault(one.prefix[:-1], {})
        target = scope.get(first) or self._meaning(one, first, frozenset(), may_load=may_load)
        if target is None:
            return
        scope[first] = target
        for part in rest:
            if not target.endswith(":"):
                break
            label = target[:-1]
            inner = self._scopes.get(label, {}).get(part) or self._member(label, part, frozenset(), may_load=may_load)
            if inner is None:
                return
            self._scopes.setdefault(label, {})[part] = inner
            target = inner
        self._take(target, depth + (label_of(target) != one.prefix[:-1]))

    def _take(self, target: str, depth: int) -> None:
        label = label_of(target)
        one = self._units.get(label) if label and not target.endswith(":") else None
        if one is None or target in self._taken or len(self._taken) >= MOST_DEFINITIONS:
            return
        defined = definition(one, word(target))
        self._taken[target] = (one, defined)
        self._pending.append((one, defined, depth))
        for sibling in defined.siblings:
            self._take(one.prefix + sibling, depth)

    def _meaning(self, one: Unit, name: str, seen: frozenset[tuple[str, str]], *, may_load: bool) -> str | None:
        """What a name of a module stands for: its own definition, or what it imports."""
        if self._is_defined(one, name):
            return one.prefix + name
        if name in one.imports:
            return self._imported(one, one.imports[name], seen, may_load=may_load)
        for star in one.stars if not name.startswith("_") else ():
            label = self._project.find(self._home, one.label, star.level, star.module)
            inner = self._unit(label, may_load=may_load) if label is not None else None
            if inner is not None and (inner.label, name) not in seen:
                found = self._meaning(inner, name, seen | {(inner.label, name)}, may_load=may_load)
                if found is not None:
                    return found
        return None

    def _is_defined(self, one: Unit, name: str) -> bool:
        full, found = one.prefix + name, one.outline
        return full in found.classes or full in found.routines or full in found.kinds

    def _imported(self, one: Unit, node: ir.Import, seen: frozenset[tuple[str, str]], *, may_load: bool) -> str | None:
        if node.name is None:
            first = node.module.partition(".")[0]
            label = self._project.find(self._home, one.label, 0, first if node.bound == first else node.module)
            return f"{label}:" if label is not None else None
        label = self._project.find(self._home, one.label, node.level, node.module)
        return self._member(label, node.name, seen, may_load=may_load) if label is not None else None

    def _member(self, label: str, name: str, seen: frozenset[tuple[str, str]], *, may_load: bool) -> str | None:
        """What `name` is in the module or package: what it defines, else a module of it."""
        one = self._unit(label, may_load=may_load) if (label, name) not in seen else None
        found = self._meaning(one, name, seen | {(label, name)}, may_load=may_load) if one is not None else None
        if found is not None:
            return found
        inner = self._project.submodule(self._home, label, name)
        return f"{inner}:" if inner is not None else None

    def _unit(self, label: str, *, may_load: bool) -> Unit | None:
        if label in self._units or label.endswith("/") or not may_load:
            return self._units.get(label)
        made: Unit | None = None
        if len(self._units) <= MOST_MODULES and self._size <= MOST_BYTES:
            loaded = self._project.load(self._home, label)
            if loaded is not None and loaded.first_line not in self._first_lines:
                made = loaded.unit
                self._first_lines[loaded.first_line] = label
                self._size += loaded.size
                self._scopes.setdefault(label, {}).update({name: f"{label}:{name}" for name in made.names})
        self._units[label] = made
        return made

    def linked(self) -> Linked:
        """All that was taken, in one outline."""
        others = [one for one in self._units.values() if one is not None and one is not self._main]
        for one in others:
            self._leave_outside(one)
        merged = self._merged(others)
        classes = {name: _resolved(blueprint, merged) for name, blueprint in merged.classes.items()}
        types = {name: _class(written, name, merged) for name, written in merged.types.items()}
        return Linked(
            outline=msgspec.structs.replace(merged, classes=classes, types=types, renamed=_renamed(self._scopes)),
            bounded=frozenset().union(*(one.bounded for one in others)),
            paths={line: shown(path_of(self._home, label)) for line, label in self._first_lines.items()},
            evicts=lambda name: self._project.evicts(self._path, name),
            names=lambda name: self._project.names(self._path, name),
            life=lambda name: self._project.life(self._path, name),
        )

    def _leave_outside(self, one: Unit) -> None:
        """What a module imports from elsewhere goes by its own name, unless the main module means another thing."""
        own, scope = self._main.outline, self._scopes.setdefault(one.label, {})
        for name in one.imports:
            if name in scope:
                continue
            is_taken = name in own.kinds or name in own.classes or name in own.routines or name in own.imports
            is_same = own.imports.get(name) == one.outline.imports.get(name) and not one.imports[name].level
            scope[name] = one.prefix + name if is_taken and not is_same else name
            self._outside.setdefault(scope[name], one.outline.imports[name])

    def _merged(self, others: list[Unit]) -> Outline:
        main = self._main.outline
        merged = msgspec.structs.replace(
            main,
            routines=dict(main.routines),
            classes=dict(main.classes),
            names_at=dict(main.names_at),
            kinds=dict(main.kinds),
            types=dict(main.types),
            default_factories=dict(main.default_factories),
            local_names=dict(main.local_names),
            imports={**self._outside, **main.imports},
            discarding=main.discarding.union(*(one.outline.discarding for one in others)),
            scopes=self._scopes,
        )
        for target, (one, defined) in self._taken.items():
            for routine in defined.routines:
                merged.routines[routine.name] = routine
                merged.names_at[routine.function.at] = routine.name
                merged.local_names[routine.name] = one.outline.local_names[routine.name]
            merged.classes.update({blueprint.name: blueprint for blueprint in defined.classes})
            if target in one.outline.kinds:
                merged.kinds[target] = one.outline.kinds[target]
            if target in one.outline.types:
                merged.types[target] = one.outline.types[target]
            if target in one.outline.default_factories:
                merged.default_factories[target] = one.outline.default_factories[target]
        return merged


def _renamed(scopes: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The names in each module for what goes by another name where it stands."""
    found = {}
    for label, scope in scopes.items():
        words = {name: target.rpartition(":")[2] for name, target in scope.items()}
        others = {name: last for name, last in words.items() if last and last != name}
        if others:
            found[label] = others
    return found


def _resolved(blueprint: Blueprint, merged: Outline) -> Blueprint:
    """The class with its bases and the types of its attributes as the outline calls them."""
    bases = tuple(_class(base, blueprint.name, merged) for base in blueprint.bases)
    types = {name: _class(written, blueprint.name, merged) for name, written in blueprint.types.items()}
    return msgspec.structs.replace(blueprint, bases=bases, types=types)


def _class(written: str, user: str, merged: Outline) -> str:
    """A class as the outline calls it; one from elsewhere by its own name, if the main module has no such class."""
    target = resolve_dotted(merged, written, user)
    if target is not None and target in merged.classes:
        return target
    label = label_of(user)
    return f"{label}:{written}" if label and written in merged.classes else written
