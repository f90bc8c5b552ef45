"""Runs leaklint as a user does: as a process, on files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from leaklint.demo.failure import DemoError

if TYPE_CHECKING:
    from pathlib import Path


def run_leaklint(folder: Path, *arguments: str, columns: int, colour: bool) -> subprocess.CompletedProcess[str]:
    """Run `leaklint ARGUMENTS` in `folder`; what it prints is `columns` wide. Exit code 1, findings, is no failure.

    Raises DemoError if leaklint could not do its job.
    """
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    environment.pop("FORCE_COLOR", None)
    if colour:
        environment["FORCE_COLOR"] = "1"
    command = [sys.executable, "-m", "leaklint", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode not in (0, 1) or done.stderr.startswith("Traceback"):
        raise DemoError(f"leaklint {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done
