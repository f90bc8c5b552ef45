"""The may-raise model: which calls can raise.

Every call, `await`, `yield`, `raise` and `assert` can, and every `async with` and `async for`, with these exceptions:
attribute access, subscripts and operators (a typo there fails at once and in every test), and the calls listed here,
which do not fail on arguments of the kinds they are made for. Acquiring a lock by `with` does not raise either, and a
cleanup (a `finally` or `except` suite, up to its last eviction) is taken to run to its end. `docs/may-raise.md` says
why; the tests hold both against executed programs.
"""

from __future__ import annotations

import msgspec

from leaklint import ir
from leaklint.ir_walk import dotted, last_part

SAFE_FUNCTIONS = frozenset(
    """
    all any bool bytes callable dict enumerate filter format frozenset hasattr hash id isinstance issubclass iter len
    list locals map object print property range repr reversed set slice sorted str sum super tuple type vars zip
    """.split()
)
SAFE_CONSTRUCTORS = frozenset(
    """
    BoundedSemaphore Condition Counter Event ExitStack AsyncExitStack Future Lock OrderedDict Queue RLock Semaphore
    SimpleQueue deque defaultdict partial ref suppress
    """.split()
)
SAFE_CALLS = frozenset(
    """
    asyncio.create_task asyncio.current_task asyncio.ensure_future asyncio.get_running_loop datetime.datetime.now
    datetime.datetime.utcnow datetime.now datetime.utcnow monotonic perf_counter secrets.token_bytes secrets.token_hex
    secrets.token_urlsafe threading.current_thread threading.get_ident time.monotonic time.monotonic_ns
    time.perf_counter time.perf_counter_ns time.process_time time.sleep time.time time.time_ns token_hex token_urlsafe
    uuid.uuid1 uuid.uuid4 uuid1 uuid4
    """.split()
)
SAFE_METHODS = frozenset(
    """
    add add_done_callback append appendleft cancel cancelled clear copy create_future digest discard done empty endswith
    extend full hexdigest is_set items keys locked lower lstrip notify notify_all qsize release replace rstrip
    setdefault startswith strip title upper values
    """.split()
)
LOGGING_METHODS = frozenset("critical debug error exception info log warning".split())
LOGGERS = frozenset("_log _logger LOG LOGGER log logger logging".split())

ONLY_CANCELLED = frozenset({"asyncio.sleep", "asyncio.wait", "anyio.sleep", "trio.sleep"})
"""Waits that end well or are cancelled."""


def is_only_cancelled(awaited: ir.Expression) -> bool:
    """Whether waiting for this raises nothing but a cancellation."""
    return isinstance(awaited, ir.Call) and dotted(awaited.function) in ONLY_CANCELLED


def is_invariant(asserted: ir.Expression) -> bool:
    """Whether the assertion is about the code around, and not about what it is given: who calls it has the lock."""
    return isinstance(asserted, ir.Call) and last_part(asserted.function) == "locked" and not asserted.arguments


def operation_may_raise(node: msgspec.Struct) -> bool:
    """Whether the node itself can raise; what it is made of are operations of their own."""
    match node:
        case ir.Call():
            return call_may_raise(node)
        case ir.Assert(test=test):
            return not is_invariant(test)
        case ir.For(is_async=is_async) | ir.With(is_async=is_async):
            return is_async
        case _:
            return isinstance(node, ir.Raise | ir.Yield | ir.Await)


def call_may_raise(call: ir.Call) -> bool:
    """Whether the call itself can raise, going by what is called; its arguments are calls of their own."""
    function = call.function
    name = last_part(function)
    if isinstance(function, ir.Name):
        return name not in SAFE_FUNCTIONS | SAFE_CONSTRUCTORS | SAFE_CALLS
    if not isinstance(function, ir.Attribute) or name is None:
        return True
    if name in SAFE_CONSTRUCTORS or dotted(function) in SAFE_CALLS:
        return False
    if name in LOGGING_METHODS and last_part(function.value) in LOGGERS:
        return False
    if name == "set":
        # An event's has no argument, a context variable's or a gauge's has one; what has two goes to a store.
        return len(call.arguments) > 1
    if name == "pop":
        return len(call.arguments) < 2
    if name == "wait_for" and call.arguments and isinstance(call.arguments[0].value, ir.Lambda):
        # A condition's, which says whether the time was enough.
        return False
    if name == "join" and isinstance(function.value, ir.Text):
        return False
    return name not in SAFE_METHODS
