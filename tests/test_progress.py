from __future__ import annotations

import os
import pty
import sys
from typing import TYPE_CHECKING

from leaklint.progress import with_progress

if TYPE_CHECKING:
    import pytest


def shown_on_terminal(monkeypatch: pytest.MonkeyPatch, patience: float) -> bytes:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert list(with_progress(iter("abc"), 3, "Checking", patience)) == ["a", "b", "c"]
        monkeypatch.undo()
        terminal.write("the end")
        terminal.flush()
        out = b""
        while not out.endswith(b"the end"):
            out += os.read(ours, 4096)
    os.close(ours)
    return out


def test_a_long_run_on_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown_on_terminal(monkeypatch, 0.0)
    assert b"Checking" in out
    assert b"100%" in out


def test_a_short_run_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_on_terminal(monkeypatch, 60.0) == b"the end"


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress(iter("abc"), 3, "Checking", 0.0)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
