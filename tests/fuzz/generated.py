"""Makes programs at random from what leaklint looks at: caches, keys, tries, loops, calls and classes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


CACHES = ("self._clients", "self._locks", "CACHE", "pool.entries", "self._nested[key]", "cache", "type(self).shared")
KEYS = _lines(
    """
    key
    row
    batch
    f"{batch}_{row}"
    f"{key}"
    "%s-%s" % (batch, row)
    (batch, row)
    row.id
    self.name
    str(key)
    id(row)
    uuid4()
    batch + "_r" + row
    "_".join([batch, row])
    keys[0]
    None
    "fixed"
    *keys
    key := row
    hash((batch, row))
    ctx.state_id
    len(keys)
    next(self._numbers)
    row[0]
    -number
    """
)
VALUES = _lines(
    """
    connect(key)
    object()
    []
    {}
    asyncio.Lock()
    await connect(key)
    client
    None
    self
    lambda: key
    self._open(key)
    [row for row in keys]
    {key: row for row in keys}
    pool
    (yield key)
    asyncio.Future()
    self._clients.get(key)
    key if row else batch
    defaultdict(list)
    self._client(key)
    """
)
TESTS = _lines(
    """
    {key} in {cache}
    {key} not in {cache}
    not {cache}
    row
    len({cache}) > 10
    client is None
    batch == row
    {cache}.get({key}) is client
    isinstance(row, str)
    not row and key
    any(row for row in keys)
    """
)
SIMPLE = _lines(
    """
    {cache}[{key}] = {value}
    {cache}.pop({key}, None)
    {cache}.pop({key})
    del {cache}[{key}]
    {cache}.clear()
    {cache}.setdefault({key}, {value})
    {cache}.update({{{key}: {value}}})
    {cache}.add({key})
    {cache} = {{}}
    {cache}.discard({key})
    {cache}.popitem()
    {cache} |= {{{key}: {value}}}
    keys.append({key})
    keys = []
    key = {key}
    client = {value}
    client = {cache}[{key}]
    client.close()
    client.send(row)
    await client.send(row)
    self._client({key})
    self._drop({key})
    return client
    return
    raise ValueError(row)
    yield {key}
    pass
    key, client = {key}, {value}
    assert row
    global CACHE
    self.work(row, {key})
    stack.callback({cache}.pop, {key})
    task = asyncio.create_task(self.work(row, {key}))
    task.add_done_callback(lambda _: {cache}.pop({key}, None))
    {cache}[{key}] = {cache}[{key}] = {value}
    print({key}); {cache}.pop({key}, None)
    client = {cache}.pop({key}, None)
    executor.submit(self.work, row, {key})
    for row in keys: {cache}[{key}] = {value}
    if row: return
    key += row
    [{cache}.pop({key}, None) for row in keys]
    (client := {value})
    self._clients, old = {{}}, self._clients
    """
)
LOOSE = ("break", "continue")
HEADS = _lines(
    """
    if {test}:
    while {test}:
    for row in keys:
    for number, row in enumerate(keys):
    for key in list({cache}):
    with self._lock:
    with suppress(KeyError):
    async with client:
    async for row in client:
    with open(key) as client:
    for key, client in {cache}.items():
    def inner(row=row):
    with ExitStack() as stack:
    async def inner():
    """
)
HANDLERS = _lines(
    """
    except:
    except ValueError:
    except (KeyError, OSError) as error:
    except Exception:
    except BaseException:
    """
)
DECORATORS = (
    "",
    "",
    "",
    "@staticmethod",
    "@classmethod",
    "@property",
    "@contextmanager",
    "@functools.cache",
    "@pytest.fixture",
)
METHODS = (
    "process",
    "_client",
    "_drop",
    "work",
    "close",
    "__init__",
    "__enter__",
    "__exit__",
    "__call__",
    "on_start",
    "on_end",
)


def program(chance: Random) -> str:
    """A program that Python compiles."""
    while True:
        text = "\n".join(_module(chance)) + "\n"
        if is_python(text):
            return text


def is_python(text: str) -> bool:
    """Whether Python compiles it; `await` outside of a coroutine, for one, parses and does not compile."""
    try:
        compile(ast.parse(text), "program.py", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _module(chance: Random) -> list[str]:
    lines = ["import asyncio", "from uuid import uuid4", "CACHE = {}"]
    for number in range(chance.randint(1, 2)):
        base = chance.choice(("", "", f"(Pool{number - 1})" if number else "", "(dict)", "(Other)"))
        lines.append(f"class Pool{number}{base}:")
        lines += chance.choice((["    shared = {}"], ["    shared: dict[str, object] = {}"], ["    name: str"]))
        lines += ["    def __init__(self):", *(f"        {one}" for one in _made(chance))]
        for name in chance.sample(METHODS, chance.randint(1, 4)):
            lines += [f"    {line}" for line in _function(chance, name, "self, ")]
    return [*lines, *(_function(chance, "run", "") if chance.random() < 0.3 else ())]


def _made(chance: Random) -> list[str]:
    made = ("{}", "dict()", "set()", "defaultdict(list)", "WeakValueDictionary()", "OrderedDict()", "make()", "None")
    return [
        f"self.{name} = {chance.choice(made[:4] if name == '_clients' else made)}"
        for name in ("_clients", "_locks", "_nested")
    ]


def _function(chance: Random, name: str, receiver: str) -> list[str]:
    """A function whose every statement Python takes where it stands; what it does not take is left out."""
    is_async = chance.random() < 0.3
    decorator = chance.choice(DECORATORS) if receiver else ""
    head = f"{'async ' if is_async else ''}def {name}({receiver}key, row=None, batch=None, keys=(), client=None):"
    while True:
        body = _body(chance, chance.randint(1, 3), 0, in_loop=False)
        if chance.random() < 0.6:
            body = _around(chance, body)
        text = "\n".join([head, *(f"    {line}" for line in body)])
        if is_python(text):
            return [*([decorator] if decorator else []), *text.split("\n")]


def _around(chance: Random, body: list[str]) -> list[str]:
    """An operation that puts something in, does something, and takes it or its like out again."""
    key = chance.choice(KEYS[:6])
    evicted = key if chance.random() < 0.7 else chance.choice(KEYS[:6])
    inserting, evicting = f"self._clients[{key}] = connect(row)", f"self._clients.pop({evicted}, None)"
    match chance.randrange(4):
        case 0:
            return [inserting, *body, evicting]
        case 1:
            return ["try:", *_indented([inserting, *body]), "finally:", f"    {evicting}"]
        case 2:
            return [inserting, "try:", *_indented(body), "except OSError:", f"    {evicting}"]
        case _:
            return ["for row in keys:", *_indented([inserting, *body]), evicting]


def _body(chance: Random, depth: int, level: int, *, in_loop: bool) -> list[str]:
    lines: list[str] = []
    for _ in range(chance.randint(1, 4 - min(level, 2))):
        kind = chance.random()
        if depth == 0 or kind < 0.55:
            lines.append(_filled(chance, chance.choice((*SIMPLE, *LOOSE) if in_loop else SIMPLE)))
        elif kind < 0.75:
            lines += _try(chance, depth - 1, level + 1, in_loop=in_loop)
        else:
            head = _filled(chance, chance.choice(HEADS))
            is_loop = head.startswith(("for", "while", "async for")) or (in_loop and "def " not in head)
            lines += [head, *_indented(_body(chance, depth - 1, level + 1, in_loop=is_loop))]
            if head.startswith(("if", "for", "while")) and chance.random() < 0.25:
                lines += ["else:", *_indented(_body(chance, depth - 1, level + 1, in_loop=in_loop))]
    return lines


def _try(chance: Random, depth: int, level: int, *, in_loop: bool) -> list[str]:
    lines = ["try:", *_indented(_body(chance, depth, level, in_loop=in_loop))]
    handlers = [chance.choice(HANDLERS[1:]) for _ in range(chance.randint(0, 2))]
    for handler in handlers:
        lines += [handler, *_indented(_body(chance, depth, level, in_loop=in_loop))]
    if handlers and chance.random() < 0.2:
        lines += ["else:", *_indented(_body(chance, depth, level, in_loop=in_loop))]
    if not handlers or chance.random() < 0.5:
        lines += ["finally:", *_indented(_body(chance, depth, level, in_loop=False))]
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _filled(chance: Random, text: str) -> str:
    # Mostly the same cache and the same few keys, so that something happens.
    cache = chance.choice(CACHES) if chance.random() < 0.3 else "self._clients"
    key = chance.choice(KEYS) if chance.random() < 0.5 else chance.choice(KEYS[:4])
    test = chance.choice(TESTS).format(cache=cache, key=key)
    return text.format(cache=cache, key=key, value=chance.choice(VALUES), test=test)
