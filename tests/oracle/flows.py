"""How the items of one operation are gone through."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .carriers import Jobs, inline, prepared
from .keys import derived
from .program import Lines
from .scene import Scene
from .unit_cleanups import Unit

STREAMING = ("straight", "loop", "nested-loop", "while", "loop-else", "generator", "method")
STREAMING_ASYNC = ("async-for",)
PREPARED = (
    "jobs-loop",
    "jobs-nested",
    "jobs-while",
    "submit",
    "map",
    "pool-submit",
    "pool-map",
    "nested-function",
    "lambda-callback",
)
PREPARED_ASYNC = (
    "jobs-loop",
    "jobs-nested",
    "jobs-while",
    "gather",
    "task-group",
    "create-task",
    "to-thread",
    "run-in-executor",
)
WITH_METHOD = (
    "method",
    "submit",
    "map",
    "pool-submit",
    "pool-map",
    "lambda-callback",
    "gather",
    "task-group",
    "create-task",
    "to-thread",
    "run-in-executor",
)

UnitBody = Callable[[Scene, Unit], Lines]


class Flow(msgspec.Struct, frozen=True):
    """An operation in parts, for a cleanup to be put around."""

    parameters: tuple[str, ...]
    before: Lines
    run: Lines
    after: Lines
    methods: Lines
    loops: tuple[str, ...]
    """The loop headers that build the keys, for a cleanup that builds them again."""
    items: tuple[str, ...]
    jobs: Jobs | None = None


def items_of(scene: Scene) -> tuple[str, ...]:
    """What tells the items of one operation apart."""
    return ("index", "part") if "nested" in scene.choice.flow and scene.choice.flow != "nested-function" else ("index",)


def loops_of(scene: Scene) -> tuple[str, ...]:
    """The loop headers over the items."""
    outer = f"for index, {scene.theme.row} in enumerate({scene.theme.rows}):"
    return (outer, "for part in range(2):") if len(items_of(scene)) == 2 else (outer,)


def flow(scene: Scene, body: UnitBody, tracking: str = "none") -> Flow:
    """The operation that runs `body` for every item."""
    name = scene.choice.flow
    if name in STREAMING or name in STREAMING_ASYNC:
        return _streaming(scene, body, tracking)
    return _prepared(scene, body, tracking)


def _streaming(scene: Scene, body: UnitBody, tracking: str) -> Flow:
    theme, name, items = scene.theme, scene.choice.flow, items_of(scene)
    built = derived(scene.choice.key, scene.base, items)
    handed = inline(scene, built, theme.row)
    tracked = (f"{theme.key}s.append({handed.key})",) if tracking == "early" else ()
    if name == "method":
        unit, methods = _method(scene, body, handed.parcel, items)
        call = scene.call("_handle", handed.parcel, awaited=scene.is_async)
        inner: Lines = [*handed.before, *tracked, f"results.append({call})"]
    else:
        deliver, leave = _delivery(name)
        unit = Unit(handed.key, handed.row, items, deliver, leave)
        inner, methods = [*handed.before, *tracked, *body(scene, unit)], []
    before = ["results = []"] if name not in ("straight", "generator") else []
    if tracking != "none":
        before.append(f"{theme.key}s = []")
    parameters = (
        (scene.base_parameter, "index", theme.row) if name == "straight" else (scene.base_parameter, theme.rows)
    )
    after = ["return results"] if name not in ("straight", "generator") else []
    return Flow(parameters, before, _looped(scene, inner), after, methods, loops_of(scene), items)


def _delivery(flow_name: str) -> tuple[tuple[str, ...], str]:
    match flow_name:
        case "straight":
            return ("return reply",), "return None"
        case "generator":
            return ("yield reply",), "continue"
        case "loop-else" | "while":
            return ("results.append(reply)",), "break"
        case "nested-loop":
            return ("results.append(reply)",), "return results"
    return ("results.append(reply)",), "continue"


def _looped(scene: Scene, inner: Lines) -> Lines:
    theme = scene.theme
    match scene.choice.flow:
        case "straight":
            return inner
        case "while":
            queue = f"queue = list(enumerate({theme.rows}))"
            return [queue, "while queue:", [f"index, {theme.row} = queue.pop(0)", *inner]]
        case "loop-else":
            return [*loops_of(scene), inner, "else:", ['results.append("all")']]
        case "async-for":
            source = f"{scene.backend}.stream({theme.rows})"
            return ["index = 0", f"async for {theme.row} in {source}:", ["index += 1", *inner]]
        case "nested-loop":
            outer, nested = loops_of(scene)
            return [outer, [nested, inner]]
    return [*loops_of(scene), inner]


def _method(scene: Scene, body: UnitBody, parcel: str, items: tuple[str, ...]) -> tuple[Unit, Lines]:
    theme = scene.theme
    if parcel == "job":
        key, row = _fields(scene)
        parameters: tuple[str, ...] = ("job",)
    else:
        key, row, parameters = theme.key, theme.row, (theme.key, theme.row)
    unit = Unit(key, row, items, ("return reply",), "return None")
    header = scene.header("_handle", *parameters, is_async=scene.unit_is_async)
    return unit, [header, body(scene, unit), ""]


def _fields(scene: Scene) -> tuple[str, str]:
    theme = scene.theme
    match scene.choice.carrier.removesuffix("-comprehension"):
        case "dict-value":
            return f'job["{theme.key}"]', f'job["{theme.row}"]'
        case "tuple-item":
            return "job[0]", "job[1]"
    return f"job.{theme.key}", f"job.{theme.row}"


def _prepared(scene: Scene, body: UnitBody, tracking: str) -> Flow:
    theme, name, items, loops = scene.theme, scene.choice.flow, items_of(scene), loops_of(scene)
    built = derived(scene.choice.key, scene.base, items)
    jobs = prepared(scene, loops, built, theme.row, tracking == "early")
    methods: Lines = []
    before: list[str | Lines] = [*jobs.before]
    if name in WITH_METHOD:
        _, methods = _method(scene, body, jobs.parcel, items)
        run = _handing(scene, jobs)
    elif name == "nested-function":
        parameter = jobs.parcel if jobs.parcel != "job" else "job"
        unit = Unit(jobs.key, jobs.row, items, ("return reply",), "return None")
        before += [f"def handle({parameter}):", body(scene, unit)]
        run = [f"results = [handle({jobs.parcel}) for {jobs.target} in {jobs.iterable}]"]
    else:
        before.append("results = []")
        run = _job_loop(
            scene, jobs, body(scene, Unit(jobs.key, jobs.row, items, ("results.append(reply)",), "continue"))
        )
    parameters = (scene.base_parameter, theme.rows)
    return Flow(parameters, before, run, ["return results"], methods, loops, items, jobs)


def _job_loop(scene: Scene, jobs: Jobs, inner: Lines) -> Lines:
    if scene.choice.flow == "jobs-while":
        return [f"queue = list({jobs.iterable})", "while queue:", [f"{jobs.target} = queue.pop()", *inner]]
    return [f"for {jobs.target} in {jobs.iterable}:", inner]


def _handing(scene: Scene, jobs: Jobs) -> Lines:
    handed = scene.handed_over("_handle", jobs.parcel)
    call = scene.call("_handle", jobs.parcel)
    every = f"for {jobs.target} in {jobs.iterable}"
    executor = "self._executor" if scene.in_class else "InlineExecutor()"
    match scene.choice.flow:
        case "submit":
            return [
                f"futures = [{executor}.submit({handed}) {every}]",
                "results = [future.result() for future in futures]",
            ]
        case "map":
            return [f"results = list({executor}.map({_mapped(scene, jobs)}))"]
        case "pool-submit":
            submitted = f"futures = [pool.submit({handed}) {every}]"
            gathered = "results = [future.result() for future in futures]"
            return ["with ThreadPoolExecutor(max_workers=4) as pool:", [submitted, gathered]]
        case "pool-map":
            mapped = f"results = list(pool.map({_mapped(scene, jobs)}))"
            return ["with ThreadPoolExecutor(max_workers=4) as pool:", [mapped]]
        case "lambda-callback":
            return [f"results = {scene.backend}.each({jobs.iterable}, {_on_each(scene, jobs)})"]
        case "gather":
            return [f"results = await asyncio.gather(*[{call} {every}])"]
        case "task-group":
            created = f"tasks = [group.create_task({call}) {every}]"
            return [
                "async with asyncio.TaskGroup() as group:",
                [created],
                "results = [task.result() for task in tasks]",
            ]
        case "create-task":
            return ["results = []", every + ":", [f"results.append(await asyncio.create_task({call}))"]]
        case "to-thread":
            return ["results = []", every + ":", [f"results.append(await asyncio.to_thread({handed}))"]]
        case "run-in-executor":
            awaited = f"results.append(await loop.run_in_executor(None, {handed}))"
            return ["loop = asyncio.get_running_loop()", "results = []", every + ":", [awaited]]
    raise ValueError(scene.choice.flow)


def _mapped(scene: Scene, jobs: Jobs) -> str:
    """The arguments of an executor's `map`."""
    if scene.in_class and jobs.parcel == "job":
        return f"self._handle, {jobs.iterable}"
    if scene.in_class and jobs.iterable == f"zip({scene.theme.key}s, {scene.theme.rows})":
        return f"self._handle, {scene.theme.key}s, {scene.theme.rows}"
    return f"{_on_each(scene, jobs)}, {jobs.iterable}"


def _on_each(scene: Scene, jobs: Jobs) -> str:
    """A lambda that handles one element of the jobs."""
    if jobs.parcel == "job":
        return f"lambda job: {scene.call('_handle', 'job')}"
    if scene.choice.carrier in ("dict-key", "dict-comprehension"):
        return f"lambda pair: {scene.call('_handle', '*pair')}"
    return f"lambda pair: {scene.call('_handle', 'pair[0]', 'pair[1]')}"
