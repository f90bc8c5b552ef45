"""Which files are test code by their names, as pytest, unittest and Django find it: it is left out by default.

A test makes what it needs and throws all of it away, so that hardly any leak in it matters.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

TEST_DIRECTORIES = ("test", "tests")
TEST_FILES = ("conftest.py", "test_*.py", "*_test.py", "tests.py")

PATTERNS = (*(f"{name}/" for name in TEST_DIRECTORIES), *TEST_FILES)
"""The same in the syntax of `.gitignore`."""


def is_test_code(path: str) -> bool:
    """Whether a path with forward slashes, relative to its project, is that of a test or lies among tests."""
    *directories, name = path.split("/")
    return not set(directories).isdisjoint(TEST_DIRECTORIES) or any(fnmatchcase(name, one) for one in TEST_FILES)
