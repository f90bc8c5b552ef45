from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from fleet import repository
from front_ends import environment

from leaklint.fleet.progress import progress_on_terminal
from leaklint.fleet.record import Record


def record(slug: str, files: int, findings: int) -> Record:
    return Record(slug, slug, "HEAD", "", "", None, files, 10 * files, findings, 0, (), 1.0)


class Terminal:
    """What is written to `end` is read at once: whoever writes to a terminal that nobody reads waits for ever."""

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        self._out = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._out.endswith(b"the end"):
            self._out += os.read(self._ours, 4096)

    def told(self) -> str:
        """All that was written, without the codes that move and colour."""
        os.write(self.end, b"the end")
        self._reader.join(timeout=60)
        os.close(self._ours)
        os.close(self.end)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._out.decode()).removesuffix("the end")


def test_the_bar_names_repository_files_findings_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    with os.fdopen(terminal.end, "w", encoding="utf-8", closefd=False) as file, ExitStack() as stack:
        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "140")
        progress = progress_on_terminal(stack)
        for slug, files, findings in (("first", 1000, 2), ("second", 200, 0), ("[third]", 34, 5)):
            progress(record(slug, files, findings), 9)
            time.sleep(0.7)
        stack.close()
        monkeypatch.undo()
    lines = [line for line in re.split(r"[\r\n]+", terminal.told()) if "findings" in line]
    assert any(line.startswith("first") and "1/9 1,000 files, 2 findings" in line for line in lines)
    assert any(line.startswith("second") and "2/9 1,200 files, 2 findings" in line for line in lines)
    assert re.search(r"^\[third\] .*3/9 1,234 files, 7 findings 0:00:0[1-9]", lines[-1])


def test_without_a_terminal_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        progress_on_terminal(stack)(record("first", 1, 1), 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("quiet", [False, True])
def test_a_run_on_a_terminal_shows_it_unless_it_is_quiet(tmp_path: Path, quiet: bool) -> None:
    for name in ("one", "two"):
        repository(tmp_path / name)
    terminal = Terminal()
    command = [sys.executable, "-m", "leaklint", "fleet", "one", "two", "-j", "1", *(["-q"] if quiet else [])]
    surroundings = environment(TERM="xterm", COLUMNS="140")
    done = subprocess.run(
        command, cwd=tmp_path, env=surroundings, stderr=terminal.end, stdout=subprocess.PIPE, check=False, timeout=120
    )
    shown = terminal.told()
    assert done.returncode == 0
    assert ("2/2 2 files, 2 findings" in shown) is not quiet
    assert (shown == "") is quiet
