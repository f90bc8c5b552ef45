"""A file that is not analysed to its end: it says so, and is no error."""

from __future__ import annotations

import json
from pathlib import Path

from tests.front_ends import LEAKING, run_module

BRANCHES = "".join(
    f"        if work.is_{number}():\n            self._open[key + {number!r}] = work.a\n" for number in range(9)
)
LONG = (
    "class Long:\n    def __init__(self):\n        self._open = {}\n\n"
    "    def endless(self, key, work):\n        self._open[key] = work\n"
    + "".join(f"        self._step_{number}(key, work)\n" for number in range(2))
    + "        self._open.pop(key, None)\n\n"
    + "".join(
        f"    def _step_{number}(self, key, work):\n" + BRANCHES + f"        self._step_{number + 1}(key, work)\n"
        f"        self._step_{number + 1}(key, work)\n\n"
        for number in range(8)
    )
    + "    def _step_8(self, key, work):\n        self._open.pop(key, None)\n"
)


AROUND = LONG.replace(
    "        self._open = {}\n",
    """        self._open = {}
        self._locks = {}

    async def in_turn(self, key, work):
        if key not in self._locks:
            self._locks[key] = asyncio.Lock()
        async with self._locks[key]:
            self.endless(key, work)
        self._locks.pop(key, None)

    async def in_turn_to_the_end(self, key, work):
        self._locks[key] = asyncio.Lock()
        try:
            async with self._locks[key]:
                self.endless(key, work)
        finally:
            self._locks.pop(key, None)
""",
)


def findings(folder: Path, text: str) -> list[tuple[str, str, int]]:
    (folder / "around.py").write_text("import asyncio\n\n\n" + text)
    done = run_module("leaklint", "check", "--format", "json", cwd=folder)
    assert b"`Long.in_turn`, `Long.in_turn_to_the_end`" in done.stderr
    return [(found["code"], found["cache"], found["line"]) for found in json.loads(done.stdout)["findings"]]


def test_what_a_function_itself_puts_in_is_seen_though_its_callees_take_too_long(tmp_path: Path) -> None:
    assert findings(tmp_path, AROUND) == [("LKL102", "self._locks", 11)]


def test_the_functions_are_named_on_standard_error_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG)
    done = run_module("leaklint", "check", "--format", "json", cwd=tmp_path)
    assert b"long.py: warning: not analysed to the end, it would take too long: `Long.endless`" in done.stderr
    assert done.returncode == (1 if json.loads(done.stdout)["findings"] else 0)
    (notice,) = json.loads(done.stdout)["notices"]
    assert (notice["path"], notice["functions"][0]) == ("long.py", "Long.endless")
    assert json.loads(done.stdout)["errors"] == []


def test_a_short_file_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(LEAKING)
    done = run_module("leaklint", "check", "--format", "json", cwd=tmp_path)
    assert b"warning" not in done.stderr
    assert json.loads(done.stdout)["notices"] == []


def test_a_known_result_says_it_again(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG)
    cold, warm = (run_module("leaklint", "check", cwd=tmp_path) for _ in range(2))
    assert warm.stderr == cold.stderr


BEFORE = LONG.replace(
    "        self._open = {}\n",
    """        self._open = {}
        self._tickets = {}

    async def issue_in_the_end(self, key, work):
        self.endless(key, work)
        ticket = uuid.uuid4()
        self._tickets[ticket] = work
        return ticket
""",
)


def test_what_only_grows_is_seen_though_what_comes_before_takes_too_long(tmp_path: Path) -> None:
    (tmp_path / "before.py").write_text("import uuid\n\n\n" + BEFORE)
    done = run_module("leaklint", "check", "--format", "json", cwd=tmp_path)
    assert b"`Long.issue_in_the_end`" in done.stderr
    found = json.loads(done.stdout)["findings"]
    assert [(one["code"], one["cache"], one["line"]) for one in found] == [("LKL107", "self._tickets", 12)]


THROUGH = LONG.replace(
    "        self._open = {}\n",
    """        self._open = {}
        self._turns = {}

    async def in_turn(self, key, work):
        self._enter(key)
        self.endless(key, work)
        self._turns.pop(key, None)

    async def in_turn_to_the_end(self, key, work):
        self._enter(key)
        try:
            self.endless(key, work)
        finally:
            self._turns.pop(key, None)

    def _enter(self, key):
        self._turns[key] = True
""",
)


def test_what_a_helper_puts_in_is_seen_as_well(tmp_path: Path) -> None:
    assert findings(tmp_path, THROUGH) == [("LKL102", "self._turns", 10)]
