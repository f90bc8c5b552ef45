"""A whole module out of a choice: imports, classes, methods, and how the operation is called."""

from __future__ import annotations

import re

from . import batch_cleanups, unit_cleanups
from .carriers import job_class
from .entries import accessor, base_class, cache_function, empty, lock_type
from .flows import flow
from .program import Lines, Program, render
from .scene import Choice, Scene, scene_of

IMPORTS = (
    (r"\basyncio\.", "import asyncio"),
    (r"\bhashlib\.", "import hashlib"),
    (r"\blogger\.", "import logging"),
    (r"\bthreading\.", "import threading"),
    (r"\btime\.", "import time"),
    (r"\bdefaultdict\(", "from collections import defaultdict"),
    (r"\bThreadPoolExecutor\(", "from concurrent.futures import ThreadPoolExecutor"),
    (r"\bInlineExecutor\(", "from concurrent.futures import Future"),
    (r"\bExitStack\(", "from contextlib import ExitStack"),
    (r"@asynccontextmanager", "from contextlib import asynccontextmanager"),
    (r"@contextmanager", "from contextlib import contextmanager"),
    (r"@dataclass", "from dataclasses import dataclass"),
    (r"\bpartial\(", "from functools import partial"),
    (r"@wraps\(", "from functools import wraps"),
    (r"\bNamedTuple\b", "from typing import NamedTuple"),
)
INLINE_EXECUTOR: Lines = [
    "class InlineExecutor:",
    [
        "def submit(self, function, *arguments):",
        [
            "future = Future()",
            "try:",
            ["future.set_result(function(*arguments))"],
            "except Exception as error:",
            ["future.set_exception(error)"],
            "return future",
        ],
        "",
        "def map(self, function, *iterables):",
        ["return [function(*values) for values in zip(*iterables)]"],
    ],
    "",
    "",
]
CONTEXT: Lines = ["class Context:", ["def __init__(self, state_id):", ["self.state_id = state_id"]], "", ""]


def program(choice: Choice) -> Program:
    """The program of a choice."""
    scene = scene_of(choice)
    per_unit = choice.cleanup in unit_cleanups.RIGHT + unit_cleanups.WRONG
    if per_unit:
        parts = flow(scene, unit_cleanups.unit)
        made = batch_cleanups.Operation([*parts.before, *parts.run, *parts.after])
        codes = unit_cleanups.expected(scene)
    else:
        parts = flow(scene, batch_cleanups.bare_unit, _tracking(choice))
        made = batch_cleanups.operation(scene, parts)
        codes = batch_cleanups.expected(scene)
    header = scene.header(scene.theme.operation, *parts.parameters, is_async=scene.is_async)
    functions: list[str | Lines] = [*accessor(scene), *unit_cleanups.support(scene), *parts.methods, *made.methods]
    source = _module(scene, [*functions, header, made.body])
    return Program(
        id=choice.id,
        source=source,
        setup=() if not scene.in_class else (f"service = {_construction(scene)}",),
        calls=_calls(scene),
        caches=(_probe(scene),),
        dimensions={name: str(getattr(choice, name)) for name in choice.__struct_fields__},
        expected=codes,
    )


def _tracking(choice: Choice) -> str:
    if choice.cleanup == "all-tracked-late":
        return "late"
    return "early" if choice.cleanup in batch_cleanups.TRACKING else "none"


def _module(scene: Scene, functions: Lines) -> str:
    top = [
        *job_class(scene),
        *_executor_class(scene),
        *unit_cleanups.manager_class(scene),
        *cache_function(scene),
        *unit_cleanups.forget_function(scene),
    ]
    if scene.choice.base == "attribute":
        top = [*CONTEXT, *top]
    if scene.in_class:
        body = render([*top, *_pool_class(scene), *base_class(scene), *_class(scene, functions)])
    else:
        spaced = [line if line != "" else "\n" for line in functions]
        body = render([*_globals(scene), *top]) + render(spaced).replace("\n\n\n", "\n\n\n")
    body = re.sub(r"\n{4,}", "\n\n\n", body).lstrip("\n")
    return with_imports(f'"""{_about(scene)}"""\n\n{body}')


def with_imports(source: str) -> str:
    """The source with the imports it needs behind its docstring (the first line)."""
    docstring, _, body = source.partition("\n\n")
    imports = [text for pattern, text in IMPORTS if re.search(pattern, body)]
    logger = "logger = logging.getLogger(__name__)\n" if "import logging" in imports else ""
    ordered = sorted(imports, key=lambda text: text.startswith("from"))
    head = "".join(f"{text}\n" for text in ordered)
    constants = logger or body.startswith("_")
    gap = ("" if constants else "\n") if not head else "\n" if constants else "\n\n"
    below = "" if not logger else "" if body.startswith("_") else "\n\n"
    return f"{docstring}\n\n{head}{gap}{logger}{below}{body}"


def _about(scene: Scene) -> str:
    theme = scene.theme
    return f"{theme.operation.capitalize()} {theme.rows}, one {theme.value} each."


def _globals(scene: Scene) -> Lines:
    lines = [f"{scene.cache} = {empty(scene)}"]
    if scene.choice.lock != "none":
        lines.append(f"{scene.lock} = {lock_type(scene)}()")
    return [*lines, "", ""]


def _executor_class(scene: Scene) -> Lines:
    return INLINE_EXECUTOR if scene.choice.flow in ("submit", "map") else []


def _pool_class(scene: Scene) -> Lines:
    if scene.choice.place != "other":
        return []
    init = [f"self.{scene.theme.cache} = {empty(scene)}"]
    if scene.choice.lock != "none":
        init.append(f"self.lock = {lock_type(scene)}()")
    return [f"class {scene.theme.value.capitalize()}Pool:", ["def __init__(self):", init], "", ""]


def _class(scene: Scene, functions: Lines) -> Lines:
    theme, choice = scene.theme, scene.choice
    inherits = choice.insertion == "base-method"
    head = f"class {theme.owner}({theme.owner}Base):" if inherits else f"class {theme.owner}:"
    init = [] if inherits else ["self._backend = backend"]
    fields: list[str | Lines] = []
    if choice.place == "class":
        fields += [f"_{theme.cache} = {empty(scene)}", ""]
    elif choice.place == "other":
        init.append("self._pool = pool")
    elif not inherits:
        init.append(f"{scene.cache} = {empty(scene)}")
    if choice.lock != "none" and choice.place != "other" and not inherits:
        init.append(f"{scene.lock} = {lock_type(scene)}()")
    if choice.flow in ("submit", "map"):
        init.append("self._executor = InlineExecutor()")
        init = ["super().__init__(backend)", *init] if inherits else init
    parameters = "self, backend, pool" if choice.place == "other" else "self, backend"
    constructor: list[str | Lines] = [f"def __init__({parameters}):", init, ""] if init else []
    return [head, [*fields, *constructor, *functions]]


def _construction(scene: Scene) -> str:
    if scene.choice.place == "other":
        return f"{scene.theme.owner}(backend, {scene.theme.value.capitalize()}Pool())"
    return f"{scene.theme.owner}(backend)"


def _probe(scene: Scene) -> str:
    return scene.cache.replace("self.", "service.", 1)


def _calls(scene: Scene) -> tuple[str, ...]:
    start = f"service.{scene.theme.operation}(" if scene.in_class else f"{scene.theme.operation}(backend, "
    rows = '["one", "", "two"]' if scene.choice.cleanup == "early-exit" else '["one", "two"]'
    row = '""' if scene.choice.cleanup == "early-exit" else '"one"'
    calls = []
    for name in ("b1", "b2")[: 1 + (len(scene.choice.id) % 4 == 0)]:
        base = f'Context("{name}")' if scene.choice.base == "attribute" else f'"{name}"'
        calls.append(f"{start}{base}, 3, {row})" if scene.choice.flow == "straight" else f"{start}{base}, {rows})")
    return tuple(calls)
