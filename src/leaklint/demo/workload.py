"""One side's run: a process that loads a transform from a file, feeds it batches and reports after each.

Run as ``python -m leaklint.demo.workload TRANSFORM URL BATCHES``; it prints one :class:`Reading` a line, as JSON. Each
side has a process of its own, so that neither's memory is counted for the other.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from leaklint.demo.memory import resident_bytes
from leaklint.reference.configuration import MultiQueryConfig, load_config
from leaklint.reference.contexts import BatchContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leaklint.reference.transform import MultiQueryTransform

ROWS_PER_BATCH = 10
QUERIES = ("summary", "language", "sentiment", "topic")
_TEXT = "A row's text as a document pipeline would carry it. " * 80


class Reading(msgspec.Struct, frozen=True):
    """The transform between two batches."""

    batches: int
    """Batches done so far; the reading for 0 is taken before the first."""
    entries: int
    resident_bytes: int | None


def load_transform(path: Path) -> type[MultiQueryTransform]:
    """Import the transform class of the file at `path`, whatever its suffix."""
    module = ModuleType("transform_at_work")
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    transform: type[MultiQueryTransform] = module.MultiQueryTransform
    return transform


def configuration(url: str) -> MultiQueryConfig:
    """Four queries about every row, answered by the server at `url`."""
    return load_config(
        {
            "endpoint": {"url": url, "deployment": "demo", "request_seconds": 10},
            "queries": [{"name": name, "template": f"Give the {name} of: $text"} for name in QUERIES],
            "pool_size": 4,
            # The cache is read here after every batch; a warning in the middle of it would only repeat that.
            "alert_above": sys.maxsize,
        }
    )


def run(path: Path, url: str, batches: int) -> Iterator[Reading]:
    """Process `batches` batches with the transform at `path` and yield a reading before the first and after each."""
    rows = [{"text": f"{row_index}: {_TEXT}"} for row_index in range(ROWS_PER_BATCH)]
    with load_transform(path)(configuration(url)) as transform:
        yield _read(transform, 0)
        for batch in range(1, batches + 1):
            result = transform.process_batch(rows, BatchContext(state_id=f"batch-{batch:03}"))
            if result.status != "success" or any("_error" in row for row in result.rows):
                raise RuntimeError(f"batch {batch} failed: {result.reason or result.rows}")
            yield _read(transform, batch)


def _read(transform: MultiQueryTransform, batches: int) -> Reading:
    # Garbage in cycles is not what the cache holds.
    gc.collect()
    return Reading(batches, len(transform._llm_clients), resident_bytes())


def main() -> None:
    """Print the readings as they come."""
    path, url, batches = sys.argv[1:]
    for reading in run(Path(path), url, int(batches)):
        sys.stdout.buffer.write(msgspec.json.encode(reading) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
