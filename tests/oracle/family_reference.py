"""The reference case: derived ids go through contexts, an executor, a callback and an accessor into the cache."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .families import MODES, filled, pick, told
from .keys import KEY_FORMS, derived
from .scene import THEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Program

TEXT = '''
"""Ask several questions about every row."""

$IMPORTS


@dataclass
class RowContext:
    row: str
    index: int
    state_id: object


$EXECUTOR
class MultiQueryTransform:
    def __init__(self, backend, executor):
        self._backend = backend
        self._executor = executor
        self._query_specs = ("sentiment", "topic")
        self._llm_clients = {}
        self._llm_clients_lock = $Lock()

    ${async_}def _get_llm_client(self, state_id):
        ${async_}with self._llm_clients_lock:
            if state_id not in self._llm_clients:
                self._llm_clients[state_id] = ${await_}self._backend.$connect(state_id)
            return self._llm_clients[state_id]

    ${async_}def _process_single_query(self, row, state_id):
        client = ${await_}self._get_llm_client(state_id)
        return ${await_}client.$ask(row)

    ${async_}def process_batch(self, rows, ctx):
        $BEFORE
        try:
            return ${await_}self._process_batch_concurrent(rows, ctx)
        finally:
            ${async_}with self._llm_clients_lock:
                self._llm_clients.pop(ctx.state_id, None)

    ${async_}def _process_batch_concurrent(self, rows, ctx):
        contexts = []
        $LIST
        for row_idx, row in enumerate(rows):
            for query_idx, spec in enumerate(self._query_specs):
                query_state_id = $QUERY_KEY
                $APPEND
                contexts.append(RowContext(row=f"{row} {spec}", index=row_idx, state_id=query_state_id))

        $CALLBACK
        $RUN
        return all_results


class Context:
    def __init__(self, state_id):
        self.state_id = state_id
'''
LOOP_EXECUTOR = """
class BatchExecutor:
    ${async_}def execute_batch(self, contexts, process_fn):
        results = []
        for context in contexts:
            results.append(${await_}process_fn(context.row, context.state_id))
        return results


"""
POOL_EXECUTOR = """
class BatchExecutor:
    def execute_batch(self, contexts, process_fn):
        with ThreadPoolExecutor(max_workers=8) as pool:
            futures = [pool.submit(process_fn, context.row, context.state_id) for context in contexts]
            return [future.result() for future in futures]


"""
EXECUTORS = {"opaque": "", "at-hand": LOOP_EXECUTOR, "pooled": POOL_EXECUTOR}
CALLBACKS = {
    "nested": """
${async_}def process_fn(work, work_state_id):
    return ${await_}self._process_single_query(work, work_state_id)

""",
    "lambda": "process_fn = lambda work, work_state_id: self._process_single_query(work, work_state_id)",
    "method": "process_fn = self._process_single_query",
}
PER_ROW = """
${async_}def process_fn(work, work_state_id):
    try:
        return ${await_}self._process_single_query(work, work_state_id)
    finally:
        ${async_}with self._llm_clients_lock:
            self._llm_clients.pop(work_state_id, None)

"""
PLAIN = "all_results = ${await_}self._executor.$execute(contexts, process_fn)"
GUARDED = """
try:
    all_results = ${await_}self._executor.$execute(contexts, process_fn)
finally:
    ${async_}with self._llm_clients_lock:
        $EVICTIONS
"""
EVICTIONS = {
    "tracked": "for query_state_id in query_state_ids:\n    self._llm_clients.pop(query_state_id, None)",
    "from-contexts": "for context in contexts:\n    self._llm_clients.pop(context.state_id, None)",
    "rebuilt": """
for row_idx in range(len(rows)):
    for query_idx in range(len(self._query_specs)):
        self._llm_clients.pop($QUERY_KEY, None)
""",
    "other-template": """
for row_idx in range(len(rows)):
    for query_idx in range(len(self._query_specs)):
        self._llm_clients.pop($OTHER_KEY, None)
""",
    "scan": """
for state_id in [known for known in self._llm_clients if known.startswith(f"{ctx.state_id}_r")]:
    self._llm_clients.pop(state_id, None)
""",
    "base-again": "self._llm_clients.pop(ctx.state_id, None)",
}
ON_SUCCESS = (
    PLAIN
    + """
${async_}with self._llm_clients_lock:
    for query_state_id in query_state_ids:
        self._llm_clients.pop(query_state_id, None)
"""
)
SEQUENTIAL = """
if len(rows) == 1:
    return [${await_}self._process_single_query(rows[0], ctx.state_id)]
"""
EXPECTED = {
    "leaking": ("LKL101",),
    "base-again": ("LKL101",),
    "on-success": ("LKL102",),
    "other-template": ("LKL101", "LKL104"),
    "sequential-return": ("LKL102", "LKL103"),
}
VARIANTS = ("leaking", "on-success", "shared-id", "per-row-finally", "sequential-return", *EVICTIONS)
SCANNABLE = ("fstring", "percent", "format", "named-format", "plus", "join")


def reference_programs() -> Iterator[Program]:
    """Each variant with each executor, callback and mode; the key forms take turns."""
    for variant, executor, callback, mode in itertools.product(VARIANTS, EXECUTORS, CALLBACKS, MODES):
        if (executor, mode) == ("pooled", "async") or (variant == "per-row-finally" and callback != "nested"):
            continue
        forms = SCANNABLE if variant == "scan" else KEY_FORMS
        yield _program(variant, executor, callback, mode, pick(forms, variant, executor, callback, mode))


def _program(variant: str, executor: str, callback: str, mode: str, form: str) -> Program:
    items = ("row_idx", "query_idx")
    key = "ctx.state_id" if variant == "shared-id" else derived(form, "ctx.state_id", items)
    run = GUARDED.replace("        $EVICTIONS", _deeper(EVICTIONS[variant])) if variant in EVICTIONS else PLAIN
    if variant == "on-success":
        run = ON_SUCCESS
    if variant == "sequential-return":
        run = GUARDED.replace("        $EVICTIONS", _deeper(EVICTIONS["tracked"]))
    text = TEXT.replace("$EXECUTOR\n", EXECUTORS[executor].lstrip("\n"))
    tracking = variant not in ("leaking", "shared-id", "per-row-finally", "rebuilt", "scan")
    text = _put(text, "LIST", "query_state_ids = []" if tracking else "")
    text = text.replace("        $APPEND\n", "        query_state_ids.append(query_state_id)\n" if tracking else "\0")
    text = text.replace("        \0", "")
    text = _put(text, "BEFORE", SEQUENTIAL if variant == "sequential-return" else "")
    text = _put(text, "CALLBACK", PER_ROW if variant == "per-row-finally" else CALLBACKS[callback])
    text = _put(text, "RUN", run)
    source = filled(
        text,
        mode,
        THEMES[0],
        form,
        IMPORTS=_imports(form, executor, mode),
        QUERY_KEY=key,
        OTHER_KEY=derived(form, "ctx.state_id", items, "row"),
        execute="run_batch" if mode == "async" and executor == "opaque" else "execute_batch",
    )
    rows = '["one"]' if variant == "sequential-return" else '["one", "two"]'
    handed = "executor" if executor == "opaque" else "BatchExecutor()"
    return told(
        f"reference/{form}/{variant}-of-{executor}-{callback}/{mode}",
        source,
        (f'service.process_batch({rows}, Context("batch-001"))',),
        ("service._llm_clients",),
        EXPECTED.get(variant, ()),
        (f"service = MultiQueryTransform(backend, {handed})",),
    )


def _imports(form: str, executor: str, mode: str) -> str:
    lines = ["import asyncio"] if mode == "async" else []
    if form in ("sha", "md5-of-join"):
        lines.append("import hashlib")
    if mode == "sync":
        lines.append("import threading")
    if executor == "pooled":
        lines.append("from concurrent.futures import ThreadPoolExecutor")
    return "\n".join([*lines, "from dataclasses import dataclass"])


def _put(text: str, hole: str, lines: str) -> str:
    if not lines:
        return text.replace(f"        ${hole}\n", "")
    body = "".join(f"        {line}\n" if line else "\n" for line in lines.lstrip("\n").removesuffix("\n").split("\n"))
    return text.replace(f"        ${hole}\n", body)


def _deeper(lines: str) -> str:
    return "\n".join(f"        {line}" for line in lines.strip("\n").split("\n"))
