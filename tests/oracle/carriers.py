"""How a key travels from where it is built to where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .program import Lines

if TYPE_CHECKING:
    from .scene import Scene

INLINE = (
    "direct",
    "local",
    "dataclass",
    "named-tuple",
    "plain-keywords",
    "plain-positional",
    "dict-value",
    "tuple-item",
)
PREPARED = (
    "key-list",
    "dataclass",
    "named-tuple",
    "plain-keywords",
    "dict-value",
    "tuple-item",
    "dict-key",
    "key-comprehension",
    "dataclass-comprehension",
    "named-tuple-comprehension",
    "dict-comprehension",
    "tuple-comprehension",
)
OBJECTS = ("dataclass", "named-tuple", "plain-keywords", "plain-positional")


class Handed(msgspec.Struct, frozen=True):
    """A key and its row on their way: statements before, and how to read both."""

    before: tuple[str, ...]
    key: str
    row: str
    parcel: str
    """The expression that is handed to a function as a whole."""


def wrapped(scene: Scene, carrier: str, key: str, row: str) -> str:
    """The expression that packs key and row together."""
    theme = scene.theme
    match carrier.removesuffix("-comprehension"):
        case "dataclass" | "plain-keywords":
            return f"{theme.job}({theme.row}={row}, {theme.key}={key})"
        case "named-tuple" | "plain-positional":
            return f"{theme.job}({key}, {row})"
        case "dict-value":
            return f'{{"{theme.key}": {key}, "{theme.row}": {row}}}'
        case "tuple-item" | "tuple":
            return f"({key}, {row})"
    raise ValueError(carrier)


def inline(scene: Scene, key: str, row: str) -> Handed:
    """The key of one item, in the same suite that uses it."""
    carrier, name = scene.choice.carrier, scene.theme.key
    if carrier == "direct":
        return Handed((), key, row, f"{key}, {row}")
    if carrier == "local":
        return Handed((f"{name} = {key}",), name, row, f"{name}, {row}")
    packed = f"job = {wrapped(scene, carrier, key, row)}"
    if carrier == "dict-value":
        return Handed((packed,), f'job["{name}"]', f'job["{scene.theme.row}"]', "job")
    if carrier == "tuple-item":
        return Handed((packed,), "job[0]", "job[1]", "job")
    return Handed((packed,), f"job.{name}", f"job.{scene.theme.row}", "job")


class Jobs(msgspec.Struct, frozen=True):
    """Keys prepared ahead of the work: the statements, and how to go through them."""

    before: Lines
    target: str
    iterable: str
    key: str
    row: str
    parcel: str
    tracks_keys: bool
    """Whether `before` also fills a list of the keys."""


def prepared(scene: Scene, loops: tuple[str, ...], key: str, row: str, tracking: bool) -> Jobs:
    """The keys of all items, built by `loops` (the lines of nested `for` statements)."""
    carrier, name = scene.choice.carrier, scene.theme.key
    names = f"{name}s"
    if carrier in ("key-list", "key-comprehension"):
        built = _filled(names, key, loops) if carrier == "key-list" else _listed(names, key, loops)
        return Jobs(
            built,
            f"{name}, {scene.theme.row}",
            f"zip({names}, {_rows(scene, loops)})",
            name,
            scene.theme.row,
            f"{name}, {scene.theme.row}",
            True,
        )
    if carrier in ("dict-key", "dict-comprehension"):
        target = f"{name}, {scene.theme.row}"
        before: Lines = ["jobs = {}", *_nested(loops, [f"jobs[{key}] = {row}"])]
        if carrier == "dict-comprehension":
            before = [f"jobs = {{{key}: {row} {_clauses(loops)}}}"]
        return Jobs(before, target, "jobs.items()", name, scene.theme.row, target, False)
    if carrier.endswith("-comprehension"):
        before = [f"jobs = [{wrapped(scene, carrier, key, row)} {_clauses(loops)}]"]
        return _over_jobs(scene, before, False)
    return _over_jobs(scene, _packed_loop(scene, loops, key, row, tracking), tracking)


def _packed_loop(scene: Scene, loops: tuple[str, ...], key: str, row: str, tracking: bool) -> Lines:
    carrier, name = scene.choice.carrier, scene.theme.key
    if not tracking:
        return ["jobs = []", *_nested(loops, [f"jobs.append({wrapped(scene, carrier, key, row)})"])]
    body = [f"{name} = {key}", f"{name}s.append({name})", f"jobs.append({wrapped(scene, carrier, name, row)})"]
    return ["jobs = []", f"{name}s = []", *_nested(loops, body)]


def _over_jobs(scene: Scene, before: Lines, tracking: bool) -> Jobs:
    name, row = scene.theme.key, scene.theme.row
    match scene.choice.carrier.removesuffix("-comprehension"):
        case "tuple-item" | "tuple":
            return Jobs(before, f"{name}, {row}", "jobs", name, row, f"{name}, {row}", tracking)
        case "dict-value":
            return Jobs(before, "job", "jobs", f'job["{name}"]', f'job["{row}"]', "job", tracking)
    return Jobs(before, "job", "jobs", f"job.{name}", f"job.{row}", "job", tracking)


def _rows(scene: Scene, loops: tuple[str, ...]) -> str:
    """The rows in the order of the keys; a nested loop needs each row twice."""
    if len(loops) == 1:
        return scene.theme.rows
    return f"[{scene.theme.row} {_clauses(loops)}]"


def _filled(names: str, key: str, loops: tuple[str, ...]) -> Lines:
    return [f"{names} = []", *_nested(loops, [f"{names}.append({key})"])]


def _listed(names: str, key: str, loops: tuple[str, ...]) -> Lines:
    return [f"{names} = [{key} {_clauses(loops)}]"]


def _nested(loops: tuple[str, ...], body: Lines) -> Lines:
    for loop in reversed(loops):
        body = [loop, body]
    return body


def _clauses(loops: tuple[str, ...]) -> str:
    return " ".join(loop.removesuffix(":") for loop in loops)


def job_class(scene: Scene) -> Lines:
    """The class whose objects carry a key, if the carrier has one."""
    name, key, row = scene.theme.job, scene.theme.key, scene.theme.row
    match scene.choice.carrier.removesuffix("-comprehension"):
        case "dataclass":
            return ["@dataclass", f"class {name}:", [f"{key}: object", f"{row}: str"], "", ""]
        case "named-tuple":
            return [f"class {name}(NamedTuple):", [f"{key}: object", f"{row}: str"], "", ""]
        case "plain-keywords" | "plain-positional":
            init = [f"self.{key} = {key}", f"self.{row} = {row}"]
            return [f"class {name}:", [f"def __init__(self, {key}, {row}):", init], "", ""]
    return []
