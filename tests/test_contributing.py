"""Adds a rule as CONTRIBUTING.md says, step by step, to a copy of this repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from distribution import ROOT, copy_checkout, stand_in_for_venv, unmeasured
from documents import blocks

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.split(r"^\*\*\d\. ", PAGE.partition("## Release")[0], flags=re.MULTILINE)[1:]
EVERYTHING = "make test"
"""The last command, which would run this test again."""


def run(command: str, checkout: Path) -> str:
    done = subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=checkout,
        env=unmeasured(COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def follow(step: str, checkout: Path) -> str:
    """Write the files of a step, run its commands, and return what they printed."""
    told = []
    for block in blocks(step):
        if block.language == "python":
            path = checkout / block.above
            assert not path.exists()
            path.write_text(block.text, encoding="utf-8")
        else:
            assert block.language == "sh"
            told += [run(line, checkout) for line in block.text.splitlines() if line != EVERYTHING]
    return "".join(told)


def test_there_are_five_steps_and_the_last_runs_everything() -> None:
    assert len(STEPS) == 5
    assert [block.text.strip() for block in blocks(STEPS[-1])] == [EVERYTHING]


def test_a_rule_is_added_in_five_steps(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    stand_in_for_venv(checkout)
    untouched = {path: path.read_bytes() for path in (checkout / "src").rglob("*.py")}

    follow(STEPS[0], checkout)
    follow(STEPS[1], checkout)
    tried = follow(STEPS[2], checkout)
    assert re.search(r"^LKL190 +everything-evicted +on ", tried, re.MULTILINE)
    assert tried.count("LKL190 everything-evicted: ") == 2
    passed = re.search(r"(\d+) passed", tried)
    assert passed is not None
    assert int(passed[1]) > 20
    assert "failed" not in tried

    written = follow(STEPS[3], checkout)
    assert "wrote README.md" in written
    page = (checkout / "docs" / "rules" / "LKL190.md").read_text(encoding="utf-8")
    assert page.startswith("# LKL190 everything-evicted\n\nAn operation empties a cache")
    assert page in written
    assert "[LKL190](docs/rules/LKL190.md) | everything-evicted | yes |" in (checkout / "README.md").read_text("utf-8")
    assert {path: path.read_bytes() for path in untouched} == untouched
