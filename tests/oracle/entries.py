"""How an entry comes into the cache, and how it goes: insertions and evictions in all their forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .program import Lines
    from .scene import Scene

INSERTIONS = (
    "assign",
    "assign-inline",
    "setdefault",
    "update",
    "merge",
    "set-add",
    "defaultdict-read",
    "nested-setdefault",
    "accessor",
    "guarded-accessor",
    "cache-parameter",
    "base-method",
)
THROUGH_METHOD = ("accessor", "guarded-accessor", "base-method")


def empty(scene: Scene) -> str:
    """The expression that makes the empty cache."""
    return {"set-add": "set()", "defaultdict-read": "defaultdict(list)"}.get(scene.choice.insertion, "{}")


def connect(scene: Scene, key: str) -> str:
    """The call that makes the value of an entry."""
    return connect_through(scene, scene.backend, key)


def connect_through(scene: Scene, backend: str, key: str) -> str:
    """The same on a collaborator that goes by another name."""
    if scene.unit_is_async:
        return f"await {backend}.{scene.theme.connect_async}({key})"
    return f"{backend}.{scene.theme.connect}({key})"


def insert(scene: Scene, key: str, row: str) -> tuple[Lines, str | None]:
    """The lines that insert, and the expression for the value afterwards (None: the value does no work)."""
    cache, value = scene.cache, scene.theme.value
    made = connect(scene, key)
    match scene.choice.insertion:
        case "assign":
            return [f"{value} = {made}", *scene.locked([f"{cache}[{key}] = {value}"])], value
        case "assign-inline":
            return scene.locked([f"{cache}[{key}] = {made}"]), f"{cache}[{key}]"
        case "setdefault":
            return [f"{value} = {made}", *scene.locked([f"{value} = {cache}.setdefault({key}, {value})"])], value
        case "update":
            return scene.locked([f"{cache}.update({{{key}: {made}}})"]), f"{cache}[{key}]"
        case "merge":
            return [f"{value} = {made}", *scene.locked([f"{cache} |= {{{key}: {value}}}"])], value
        case "set-add":
            return scene.locked([f"{cache}.add({key})"]), None
        case "defaultdict-read":
            return scene.locked([f"{cache}[{key}].append({row})"]), None
        case "nested-setdefault":
            return [
                f"{value} = {made}",
                *scene.locked([f"{cache}.setdefault({scene.base}, {{}})[{key}] = {value}"]),
            ], value
        case "cache-parameter":
            return [f"{value} = {made}", *scene.locked([f"remember({cache}, {key}, {value})"])], value
        case _:
            name = f"_get_{value}"
            return [f"{value} = {scene.call(name, key, awaited=scene.unit_is_async)}"], value


def evict(scene: Scene, key: str, form: str = "pop") -> Lines:
    """The lines that take an entry out, without the lock."""
    cache, value = scene.cache, scene.theme.value
    match scene.choice.insertion, form:
        case "set-add", "guarded-del":
            return [f"if {key} in {cache}:", [f"{cache}.remove({key})"]]
        case "set-add", "del":
            return [f"{cache}.remove({key})"]
        case _, "del" if scene.choice.insertion != "nested-setdefault":
            return [f"del {cache}[{key}]"]
        case "set-add", _:
            return [f"{cache}.discard({key})"]
        case "nested-setdefault", _:
            return [
                f"{cache}.get({scene.base}, {{}}).pop({key}, None)",
                f"if not {cache}.get({scene.base}):",
                [f"{cache}.pop({scene.base}, None)"],
            ]
        case _, "guarded-del":
            return [f"if {key} in {cache}:", [f"del {cache}[{key}]"]]
        case _, "close" if scene.choice.insertion != "defaultdict-read":
            return [f"{value} = {cache}.pop({key}, None)", f"if {value} is not None:", [f"{value}.close()"]]
        case _:
            return [f"{cache}.pop({key}, None)"]


def accessor(scene: Scene) -> Lines:
    """The methods and functions that the insertion goes through."""
    insertion, cache, value = scene.choice.insertion, scene.cache, scene.theme.value
    if insertion not in ("accessor", "guarded-accessor"):
        return []
    header = scene.header(f"_get_{value}", "key", is_async=scene.unit_is_async)
    if insertion == "accessor":
        body: Lines = [f"if key not in {cache}:", [f"{cache}[key] = {connect(scene, 'key')}"], f"return {cache}[key]"]
    else:
        body = [
            f"{value} = {cache}.get(key)",
            f"if {value} is None:",
            [f"{value} = {connect(scene, 'key')}", f"{cache}[key] = {value}"],
            f"return {value}",
        ]
    return [header, list(scene.locked(body)), ""]


def base_class(scene: Scene) -> Lines:
    """The base class with the inserting method, for the insertion `base-method`."""
    if scene.choice.insertion != "base-method":
        return []
    cache, value = f"self._{scene.theme.cache}", scene.theme.value
    body: Lines = [f"if key not in {cache}:", [f"{cache}[key] = {connect(scene, 'key')}"], f"return {cache}[key]"]
    init: list[str | Lines] = ["self._backend = backend", f"{cache} = {{}}"]
    if scene.choice.lock != "none":
        init.append(f"{scene.lock} = {lock_type(scene)}()")
    return [
        f"class {scene.theme.owner}Base:",
        [
            "def __init__(self, backend):",
            init,
            "",
            f"{'async ' if scene.unit_is_async else ''}def _get_{value}(self, key):",
            list(scene.locked(body)),
        ],
        "",
        "",
    ]


def cache_function(scene: Scene) -> Lines:
    """The function that takes the cache as a parameter, for the insertion `cache-parameter`."""
    if scene.choice.insertion != "cache-parameter":
        return []
    return ["def remember(cache, key, value):", ["cache[key] = value"], "", ""]


def lock_type(scene: Scene) -> str:
    """The class of the cache's lock."""
    return "asyncio.Lock" if scene.unit_is_async else "threading.Lock"
