"""What the documentation says is so: what is made from the code is fresh, and tables are tried row by row."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from distribution import ROOT, tracked_files
from documents import rows
from front_ends import leaklint

from leaklint import config
from leaklint.analyze import check
from leaklint.rules import all_rules
from leaklint.source import decode

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GENERATOR: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PAGES = [path for path in tracked_files() if path.suffix == ".md" and path.parts[0] != "tests"]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_what_is_made_from_the_code_is_fresh() -> None:
    generated: dict[Path, str] = GENERATOR["generated"]()
    stale = [path.name for path, text in generated.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs`"
    assert GENERATOR["left_over"]() == []


def test_a_stale_part_would_be_noticed() -> None:
    fill: Callable[[str, dict[str, str]], str] = GENERATOR["_filled"]
    text = "a\n<!-- begin rules -->\nold\n<!-- end rules -->\n"
    assert fill(text, {"rules": "new\n"}) == text.replace("old", "new")
    with pytest.raises(SystemExit, match="found 0 times"):
        fill("a\n", {"rules": "new\n"})


@pytest.mark.parametrize("code", [rule.code for rule in all_rules()])
def test_explain_prints_the_page(code: str, tmp_path: Path) -> None:
    done = leaklint("explain", code, cwd=tmp_path)
    assert done.stdout.decode() == page(f"docs/rules/{code}.md")


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page(str(path)))
    nowhere = [target for target in targets if "://" not in target and not (ROOT / path.parent / target).exists()]
    assert nowhere == []


def test_every_room_of_the_house_is_in_the_table_and_no_other() -> None:
    told = {
        name for row in rows(page("docs/architecture.md"), "## The rooms") for name in re.findall(r"`(\w+)`", row[0])
    }
    package = ROOT / "src" / "leaklint"
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert told == modules | folders


def test_every_dependency_has_its_reason_and_no_other() -> None:
    project = tomllib.loads(page("pyproject.toml"))
    text = page("docs/dependencies.md")

    def names(requirements: list[Any]) -> set[str]:
        return {re.split(r"[\[<>=; ]", written, maxsplit=1)[0] for written in requirements if isinstance(written, str)}

    def told(heading: str) -> list[list[str]]:
        return [[cell.replace("`", "") for cell in row] for row in rows(text, heading)]

    metadata, groups = project["project"], project["dependency-groups"]
    assert {row[0] for row in told("# Dependencies")} == names(metadata["dependencies"])
    extras = {(row[0], extra) for row in told("Extras:") for extra in row[1].split(", ")}
    assert extras == {
        (name, extra) for extra, wanted in metadata["optional-dependencies"].items() for name in names(wanted)
    }
    development = {(row[0], row[1]) for row in told("For development:")}
    assert development == {(name, group) for group, wanted in groups.items() for name in names(wanted)}


def test_the_table_of_settings_has_every_key_and_no_other() -> None:
    told = [row[0].strip("`") for row in rows(page("README.md"), "## Configuration")]
    assert told == list(config.Table.__struct_encode_fields__)


MODULE = """\
import logging
import threading
import time
from contextlib import suppress
from services import fetch

logger = logging.getLogger(__name__)


class Worker:
    def __init__(self):
        self._active = {{}}
        self._lock = threading.Lock()

    def _check(self, key):
        if not key:
            raise ValueError(key)
        return key

    def _label(self, key):
        return f"<{{key}}>"

    {definition} run(self, key, work):
        self._active[key] = work
        {code}
        self._active.pop(key, None)
"""


def codes_found(code: str) -> list[str]:
    """The rules that speak if `code` stands between an insertion and its eviction."""
    definition = "async def" if re.search(r"\b(await|async)\b", code) else "def"
    report = check(decode("worker.py", MODULE.format(definition=definition, code=code).encode()))
    assert not report.errors, code
    return [finding.code for finding in report.findings]


def tried(heading: str) -> list[str]:
    return [row[0].strip("`") for row in rows(page("docs/may-raise.md"), heading)]


@pytest.mark.parametrize("code", tried("## What can raise"))
def test_what_can_raise_leaves_the_entry(code: str) -> None:
    assert codes_found(code) == ["LKL102"]


@pytest.mark.parametrize("code", tried("## What cannot"))
def test_what_cannot_raise_does_not(code: str) -> None:
    assert codes_found(code) == []


def test_a_cleanup_is_taken_to_reach_its_last_eviction() -> None:
    lines = ["try: work()", "finally:", "    {}", "    del self._active[key]", "    return"]
    cleanup = "\n        ".join(lines)
    assert codes_found(cleanup.format("work.close()")) == []
    assert codes_found(cleanup.format("if work: raise ValueError(key)")) != []


@pytest.mark.parametrize(
    ("handler", "is_caught"),
    [("except Exception", False), ("except TimeoutError", False), ("except BaseException", True), ("except", True)],
)
@pytest.mark.parametrize(
    "wait",
    [
        "await work",
        "if key: await work",
        "async with work: pass",
        "async for part in work: pass",
        "done = [part async for part in work]",
        "if key: done = [part async for part in work]",
    ],
)
def test_a_cancellation_passes_handlers_of_errors(wait: str, handler: str, is_caught: bool) -> None:
    code = f"try:\n            {wait}\n        {handler}:\n            del self._active[key]\n            raise"
    assert codes_found(code) == ([] if is_caught else ["LKL102"])


@pytest.mark.parametrize("wait", ["await asyncio.sleep(1)", "if key: await asyncio.sleep(1)"])
@pytest.mark.parametrize(
    ("handler", "is_caught"), [("except asyncio.CancelledError", True), ("except Exception", False)]
)
def test_a_wait_that_is_only_cancelled_brings_no_error(wait: str, handler: str, is_caught: bool) -> None:
    code = f"try:\n            {wait}\n        {handler}:\n            del self._active[key]\n            raise"
    assert codes_found(code) == ([] if is_caught else ["LKL102"])
    error = code.replace("asyncio.sleep(1)", "work.go()")
    assert codes_found(error) == ["LKL102"]


def test_a_key_may_be_missing_where_a_handler_is_around() -> None:
    code = "try: seen = {}\n        except KeyError: return"
    assert codes_found(code.format("self._active[work]")) == ["LKL103"]
    assert codes_found(code.format("work[0]")) == codes_found("seen = self._active[work]") == []


@pytest.mark.parametrize(
    "start", ["work.submit(self._check, key)", "threading.Thread(target=self._check, args=(key,))"]
)
def test_what_a_started_callable_raises_stays_with_the_future(start: str) -> None:
    quiet = start.replace("_check", "_label")
    assert codes_found(start) == codes_found(quiet)
