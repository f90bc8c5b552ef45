from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from leaklint.demo.server import ChatServer
from leaklint.demo.twin import leaking_twin, repaired_transform
from leaklint.demo.workload import load_transform
from leaklint.reference.audit import AuditRecord, AuditSink
from leaklint.reference.configuration import load_config
from leaklint.reference.transform import MultiQueryTransform

SIDES = {"repaired": repaired_transform(), "leaking": leaking_twin()}
# Short waits, but time enough for a busy machine.
RETRIES = {"retry_seconds": 10, "first_wait_seconds": 0.005, "longest_wait_seconds": 0.02}

StartServer = Callable[..., ChatServer]
OpenTransform = Callable[..., MultiQueryTransform]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_server(stack: ExitStack) -> StartServer:
    return lambda **behaviour: stack.enter_context(ChatServer(**behaviour))


@pytest.fixture
def open_transform(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> OpenTransform:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "no-secret")

    def open_transform(
        server: ChatServer,
        side: str = "repaired",
        request_seconds: float = 5,
        audit: AuditSink = ignore_record,
        **settings: Any,
    ) -> MultiQueryTransform:
        data = {
            "endpoint": {"url": server.url, "deployment": "a-model", "request_seconds": request_seconds},
            "queries": [
                {"name": name, "template": f"{name} of $text"} for name in ("summary", "language", "sentiment", "topic")
            ],
            "retry": RETRIES,
            "pool_size": 4,
        }
        return stack.enter_context(load_transform(SIDES[side])(load_config({**data, **settings}), audit))

    return open_transform


def ignore_record(record: AuditRecord) -> None:
    pass
