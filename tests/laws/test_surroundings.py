"""What is said of the fixtures depends on nothing but them: no hash seed, locale or working directory changes it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from front_ends import environment

from laws.fixtures import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = FIXTURES[::9]
SURROUNDINGS = {
    "another seed": {"PYTHONHASHSEED": "1"},
    "a third seed": {"PYTHONHASHSEED": "4294967295"},
    "a locale of bytes": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale with other capitals": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
    "optimized Python": {"PYTHONOPTIMIZE": "2"},
}


def told(folder: Path, *paths: Path, **surroundings: str) -> bytes:
    options = ["--isolated", "--no-cache", "-j1", "--select", "ALL", "--format", "json"]
    command = [sys.executable, "-m", "leaklint", "check", *options, *map(str, paths)]
    given = environment(PYTHONHASHSEED="0") | surroundings
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def usual() -> bytes:
    return told(SAMPLE[0].parent, *SAMPLE)


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings_change_nothing(name: str, usual: bytes) -> None:
    assert told(SAMPLE[0].parent, *SAMPLE, **SURROUNDINGS[name]) == usual


def test_another_working_directory_changes_nothing_but_paths(usual: bytes, tmp_path: Path) -> None:
    elsewhere = told(tmp_path, *SAMPLE)
    assert elsewhere.count(b'"fingerprint"') == usual.count(b'"fingerprint"')
    above = f"{SAMPLE[0].parent}/".encode()
    assert elsewhere.replace(above, b"") == usual.replace(above, b"")
