"""Walks that go deep or wide end: constructors of their own class, chains of calls in many blocks, long conditions."""

from __future__ import annotations

import time

import pytest

from leaklint.analyze import check
from leaklint.flow.machine import CALLS_DEEP
from leaklint.source import decode

SECONDS = 20
"""Without a bound on paths it would be years; with one it is less than a second."""

TREE = """\
class Tree:
    def __init__(self, parts):
        self.children = []
        if parts:
            if isinstance(parts, list):
                for part in parts:
                    if not isinstance(part, Tree):
                        part = Tree(part)
                    self.children.append(part)


class Forest:
    def __init__(self):
        self._trees = {}

    def plant(self, name, parts, count):
        key = f"{name}_{count}"
        self._trees[key] = Tree(parts)
        self._trees.pop(name, None)
"""


def _chain(blocks: int) -> str:
    """A chain of calls as long as a walk follows, each inside `blocks` blocks, to the insertion of a derived key."""
    lines = ["class Chain:", "    def __init__(self):", "        self._open = {}", ""]
    for number in range(CALLS_DEEP):
        lines.append(f"    def step_{number}(self, base, key, work):")
        lines += ["    " * (2 + depth) + f"if work.is_{depth}:" for depth in range(blocks)]
        called = f"self.step_{number + 1}(base, key, work)" if number + 1 < CALLS_DEEP else "self._open[key] = work"
        lines += ["    " * (2 + blocks) + called, ""]
    lines += ["    def run(self, base, number, work):", '        self.step_0(base, f"{base}-{number}", work)']
    return "\n".join([*lines, "        self._open.pop(base, None)", ""])


def test_a_constructor_that_makes_its_own_class_is_read_once():
    report = check(decode("forest.py", TREE.encode()), repairs=False)
    assert report.errors == ()
    assert [finding.code for finding in report.findings if finding.code < "LKL2"] == ["LKL101"]


@pytest.mark.parametrize("blocks", [1, 15])
def test_the_longest_chain_is_walked_however_deep_its_blocks(blocks: int):
    report = check(decode("chain.py", _chain(blocks).encode()), repairs=False)
    assert report.errors == ()
    assert "LKL101" in {finding.code for finding in report.findings}


def test_a_condition_of_many_parts_ends():
    parts = " and ".join(
        f"(work.part_{number} or any(x.done for x in work.more_{number} if x.on))" for number in range(24)
    )
    program = (
        "class Open:\n    def __init__(self):\n        self._open = {}\n\n"
        "    def run(self, base, number, work):\n"
        f'        key = f"{{base}}-{{number}}"\n        self._open[key] = work\n        done = {parts}\n'
        "        self._open.pop(base, None)\n        return done\n"
    )
    started = time.process_time()
    report = check(decode("condition.py", program.encode()), repairs=False)
    assert time.process_time() - started < SECONDS
    assert [finding.code for finding in report.findings if finding.code < "LKL2"] == ["LKL101"]


def test_a_call_of_many_conditional_arguments_ends():
    arguments = ", ".join(f"work.a{number} if work.b{number} else self.c{number}" for number in range(24))
    program = (
        "class Open:\n    def __init__(self):\n        self._open = {}\n\n"
        "    def run(self, base, number, work):\n"
        f'        key = f"{{base}}-{{number}}"\n        self._open[key] = work.start({arguments})\n'
        "        self._open.pop(base, None)\n"
    )
    started = time.process_time()
    report = check(decode("arguments.py", program.encode()), repairs=False)
    assert time.process_time() - started < SECONDS
    assert [finding.code for finding in report.findings if finding.code < "LKL2"] == ["LKL101"]


RAISING_PROPERTY = """\
class Base:
    def __init__(self):
        self._open = {}

    @property
    def options(self):
        self._open.pop("options", None)
        raise NotImplementedError

    def run(self, base, number, work):
        key = f"{base}-{number}"
        self._open[key] = work
        self.options.limit = number
        self._open.pop(base, None)

    def start(self, base, number, work):
        key = f"{base}-{number}"
        self._open[key] = work
        self.options[key] = number
        self._open.pop(base, None)
"""


def test_a_property_that_always_raises_ends_the_path():
    assert check(decode("base.py", RAISING_PROPERTY.encode()), repairs=False).errors == ()
