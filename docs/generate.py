"""Writes what is made from the code and from measurements: the rules' pages, and the parts of pages between markers.

`make docs` runs it after a rule was added or a message changed; a test fails where something is stale.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.fleet import record as fleet_record
from benchmarks.fleet.scale import page as scale_page
from benchmarks.repairs import page as repairs_page
from benchmarks.repairs import record as repairs_record
from benchmarks.repairs.own_tests import record as own_tests_record
from benchmarks.speed.page import page as speed_page
from benchmarks.speed.record import load
from leaklint import may_raise
from leaklint.rules import all_rules

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MODEL = ROOT / "docs" / "may-raise.md"
SPEED = ROOT / "docs" / "speed.md"
FLEET = ROOT / "docs" / "fleet.md"
REPAIRS = ROOT / "docs" / "repairs.md"
PAGES = ROOT / "docs" / "rules"
EXAMPLE = Path("src", "transform.py")
"""What the README's first block of Python is called there."""

_PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def generated() -> dict[Path, str]:
    """Every file that is made from the code, wholly or in part, and the text that it should have."""
    readme, model, speed, fleet, repairs = (
        path.read_text(encoding="utf-8") for path in (README, MODEL, SPEED, FLEET, REPAIRS)
    )
    repaired = {
        "shares": repairs_page.shares(repairs_record.load()),
        "own tests": repairs_page.own_tests(own_tests_record.load()),
    }
    return {
        README: _filled(readme, {**_example(readme), "rules": _rules_table()}),
        MODEL: _filled(model, {"safe calls": _safe_calls()}),
        SPEED: _filled(speed, {"speed": speed_page(load())}),
        FLEET: _filled(fleet, {"scale": scale_page(fleet_record.load())}),
        REPAIRS: _filled(repairs, repaired),
        **{PAGES / f"{rule.code}.md": _page(rule.code, rule.name, rule.docs) for rule in all_rules()},
    }


def left_over() -> list[Path]:
    """Pages of rules that are no more."""
    return sorted(set(PAGES.glob("*.md")) - generated().keys())


def _page(code: str, name: str, docs: str) -> str:
    return f"# {code} {name}\n\n{inspect.cleandoc(docs)}\n"


def _filled(text: str, parts: dict[str, str]) -> str:
    """Put each part between its markers."""
    for name, part in parts.items():
        markers = re.compile(rf"(?<=<!-- begin {name} -->\n).*?(?=<!-- end {name} -->)", re.DOTALL)
        text, count = markers.subn(part.replace("\\", r"\\"), text)
        if count != 1:
            raise SystemExit(f"needed once, but found {count} times: <!-- begin {name} --> with its end")
    return text


def _example(readme: str) -> dict[str, str]:
    source = _PYTHON_BLOCK.search(readme)
    if source is None:
        raise SystemExit("README.md has no block of Python")
    return {"finding": _console(source[1], "check src"), "repair": _console(source[1], "fix --diff")}


def _safe_calls() -> str:
    groups = {
        "functions": may_raise.SAFE_FUNCTIONS,
        "constructors": may_raise.SAFE_CONSTRUCTORS,
        "calls": may_raise.SAFE_CALLS,
        "waits, which can be cancelled but bring no error": may_raise.ONLY_CANCELLED,
        "methods": may_raise.SAFE_METHODS,
        f"methods of {_listed(may_raise.LOGGERS)}": may_raise.LOGGING_METHODS,
    }
    return "".join(f"- {kind}: {_listed(names)}\n" for kind, names in groups.items())


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _rules_table() -> str:
    lines = ["| code | name | on | what it finds |", "|---|---|---|---|"]
    for rule in all_rules():
        link = f"[{rule.code}](docs/rules/{rule.code}.md)"
        lines.append(f"| {link} | {rule.name} | {'yes' if rule.default else 'no'} | {rule.summary} |")
    return "\n".join(lines) + "\n"


def _console(source: str, arguments: str) -> str:
    """Show what leaklint says of the README's example, as a reader sees it in a terminal of 80 columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, EXAMPLE)
        path.parent.mkdir()
        path.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "leaklint", *arguments.split()],
            cwd=folder,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode != 1:
        raise SystemExit(f"leaklint {arguments} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    shown = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines())
    return f"```console\n$ leaklint {arguments}\n{shown}\n```\n"


def main() -> None:
    """Write what is stale and say so."""
    PAGES.mkdir(exist_ok=True)
    for path, text in generated().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    for path in left_over():
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
