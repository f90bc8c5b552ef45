"""How much memory a process holds resident."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Return the resident set of this process in bytes, or None where the system does not tell."""
    if _STATM.is_file():
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    try:
        kibibytes = subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())], text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return int(kibibytes) * 1024
