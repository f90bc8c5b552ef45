"""The audit trail: one record for every call to the model, whatever became of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_LOGGER = logging.getLogger(__name__)


class AuditRecord(msgspec.Struct, frozen=True):
    """One call: either `answer` or `error` is set."""

    state_id: str
    call_index: int
    """Position among the calls made under this state id, from 0: a call that was tried again has several."""
    prompt: str
    answer: str | None
    error: str | None
    started_at: float
    """Seconds since the epoch."""
    seconds: float


AuditSink: TypeAlias = Callable[[AuditRecord], None]
"""Takes the records from several threads at once."""


def log_record(record: AuditRecord) -> None:
    """Log a record without its texts, which may be confidential."""
    fate = "answered" if record.error is None else record.error
    _LOGGER.info("%s call %d: %s in %.3f s", record.state_id, record.call_index, fate, record.seconds)


def json_lines_sink(path: Path) -> AuditSink:
    """Make a sink that appends each record to `path` as one line of JSON; OSError if it cannot be written."""
    lock = threading.Lock()

    def append(record: AuditRecord) -> None:
        line = msgspec.json.encode(record) + b"\n"
        with lock, path.open("ab") as file:
            file.write(line)

    return append
