"""Times the check of one file within this process; run as a script by the Python that has leaklint.

It prints JSON: the seconds of each repetition, and what was found and given up, so that nobody mistakes a refusal to
look for speed. The system ends it when it has used more seconds than it may.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from leaklint.config import Settings
from leaklint.files import Found
from leaklint.outcome import Outcome
from leaklint.project import Project
from leaklint.work import check_file

MOST_REPETITIONS = 5
ENOUGH_SECONDS = 1.0
"""A repetition more is only begun while less than this was spent."""


def timed(path: Path) -> tuple[float, Outcome]:
    """Check one file and say how much processor time it took."""
    folder = str(path.parent)
    found = Found(str(path), Settings(root=folder, repository=folder))
    started = time.process_time()
    outcome = check_file(found, project=Project())
    return time.process_time() - started, outcome


def main(path: Path, warming: str, most_seconds: int) -> None:
    """Check a small file first, so that all that is imported when it is needed has been imported."""
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.py")
        small.write_text(warming, encoding="utf-8")
        timed(small)
    seconds: list[float] = []
    while not seconds or (len(seconds) < MOST_REPETITIONS and sum(seconds) < ENOUGH_SECONDS):
        spent, outcome = timed(path)
        seconds.append(spent)
    errors = [error.message for error in outcome.report.errors]
    told = {"seconds": seconds, "findings": len(outcome.report.findings), "given_up": len(outcome.report.given_up)}
    json.dump({**told, "errors": errors}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]))
