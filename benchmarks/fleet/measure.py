"""One run of `leaklint fleet`: how long it took, what the driver itself did meanwhile, and how much memory it held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

DRIVER = """
import atexit, json, pathlib, re, resource, sys, time
place = pathlib.Path(sys.argv[1])
sys.argv[:2] = ["leaklint"]
spent = {"pinning": 0.0, "keeping": 0.0, "telling": 0.0}

def told():
    status = pathlib.Path("/proc/self/status")
    found = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
    peak = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    place.write_text(json.dumps({"peak": peak, **spent}))

def timed(module, name, what):
    work = getattr(module, name)
    def working(*arguments):
        begun = time.monotonic()
        try:
            return work(*arguments)
        finally:
            spent[what] += time.monotonic() - begun
    setattr(module, name, working)

if __name__ == "__main__":
    atexit.register(told)
    from leaklint.fleet import driver, record
    timed(driver, "_sorted", "pinning")
    timed(record, "keep", "keeping")
    timed(driver, "write_summary", "telling")
    timed(driver, "write_page", "telling")
    from leaklint.cli import main
    main()
"""


class Measured(msgspec.Struct, frozen=True):
    """One run. `peak` is the most memory that the driver itself held, in KiB; `output` is in bytes.

    `pinning`, `keeping` and `telling` are seconds of the driver: before the work, beside it, and behind it.
    """

    repositories: int
    workers: int
    seconds: float
    lines: int
    findings: int
    peak: int
    output: int
    pinning: float
    keeping: float
    telling: float


def measure(places: list[Path], workers: int) -> Measured:
    """Run once over `places`."""
    with tempfile.TemporaryDirectory(prefix="leaklint-bench-") as made:
        told, output = Path(made, "told"), Path(made, "output")
        command = [sys.executable, "-c", DRIVER, str(told), "fleet", "-q", "-j", str(workers), "-o", str(output)]
        started = time.monotonic()
        subprocess.run([*command, *map(str, places)], env=dict(os.environ), stderr=subprocess.DEVNULL, check=False)
        seconds = time.monotonic() - started
        totals = json.loads((output / "summary.json").read_bytes())["totals"]
        size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
        spent = json.loads(told.read_text(encoding="utf-8"))
        return Measured(
            len(places), workers, round(seconds, 2), totals["lines"], totals["findings"], output=size, **spent
        )
