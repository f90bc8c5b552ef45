"""Starts one command, waits for it and for all that it leaves behind, and says what they cost; run as a script.

A process of its own because the system charges a process with the memory of the one that started it, and because only
so the processor time of a tool's orphans can be told: Python's fork server, which starts the workers of leaklint, is
not waited for by the process that started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time

_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ends. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(command: list[str]) -> None:
    """Print the exit code, the seconds until the command ended, and what all its processes cost together."""
    adopt_orphans()
    started = time.perf_counter()
    returned = subprocess.call(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    try:
        while True:
            os.wait()
    except ChildProcessError:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"returned": returned, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
