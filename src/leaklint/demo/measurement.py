"""Runs one side of the transform against the server and collects what it reports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import msgspec

from leaklint.demo.failure import DemoError
from leaklint.demo.server import ChatServer
from leaklint.demo.workload import Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Measurement(msgspec.Struct, frozen=True):
    """One side's readings: before the first batch, and after each."""

    side: str
    readings: tuple[Reading, ...]

    def entries(self, batches: int) -> int:
        """Return how many entries the cache held after so many batches."""
        return self.readings[batches].entries

    def resident_mebibytes(self, batches: int) -> float | None:
        """Return the resident memory after so many batches in MiB, or None where the system does not tell."""
        resident = self.readings[batches].resident_bytes
        return None if resident is None else resident / 2**20

    def grown_mebibytes(self, batches: int) -> float:
        """Return by how many MiB the resident memory grew in so many batches; 0 where the system does not tell."""
        before, after = self.resident_mebibytes(0), self.resident_mebibytes(batches)
        return 0.0 if before is None or after is None else after - before


def measure(side: str, path: Path, batches: int, progress: Callable[[Reading], None]) -> Measurement:
    """Run the transform at `path` in a process of its own for `batches` batches; `progress` sees each reading.

    Raises DemoError if the process fails.
    """
    environment = {**os.environ, "AZURE_OPENAI_API_KEY": "no-secret"}
    readings: list[Reading] = []
    with ChatServer() as server, tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "leaklint.demo.workload", str(path), server.url, str(batches)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    readings.append(msgspec.json.decode(line, type=Reading))
                    progress(readings[-1])
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            raise DemoError(f"the {side} transform failed:\n{errors.read().decode(errors='replace')}")
    return Measurement(side, tuple(readings))
