"""Which containers only ever grow, as far as the names in a module tell."""

from __future__ import annotations

import ast

import pytest

from leaklint.extract import extract
from leaklint.outline import outline
from leaklint.usage import ends_a_life, growing

CLASS = """\
from collections import defaultdict


class Owner:
    def __init__(self):
        self.entries = {made}

    def put(self, key, value):
        {inserts}

    def other(self, key, watcher):
        {otherwise}
"""


def grows(otherwise: str, inserts: str = "self.entries[key] = value", made: str = "{}", name: str = "entries") -> bool:
    text = CLASS.format(made=made, inserts=inserts, otherwise=otherwise)
    return name in growing(outline(extract(ast.parse(text), "owner.py")))


@pytest.mark.parametrize(
    "otherwise",
    [
        "return self.entries.get(key)",
        "return self.entries[key]",
        "return key in self.entries",
        "return len(self.entries)",
        "for key in self.entries: print(key)",
        "if self.entries: return 1",
        "entries = self.entries; return entries[key]",
    ],
)
def test_what_is_only_read_besides_grows(otherwise: str) -> None:
    assert grows(otherwise)


@pytest.mark.parametrize(
    "otherwise",
    [
        "self.entries.pop(key, None)",
        "del self.entries[key]",
        "self.entries.clear()",
        "self.entries = {}",
        "self.entries = {k: v for k, v in self.entries.items() if k != key}",
        "for key in list(self.entries): del self.entries[key]",
        "entries = self.entries; entries.pop(key)",
        "entries = other = self.entries; del entries[key]",
        "if (entries := self.entries): entries.popitem()",
        "watcher.call_later(1, self.entries.pop, key)",
        "watcher(self.entries)",
        "return self.entries",
        "watcher.entries = self.entries",
        "entries, self.entries = self.entries, {}",
        "return [self.entries]",
    ],
)
def test_what_is_evicted_from_or_handed_on_does_not(otherwise: str) -> None:
    assert not grows(otherwise)


@pytest.mark.parametrize(
    "inserts",
    ["self.entries[key] = value", "self.entries.setdefault(key, value)", "self.entries.update({key: value})"],
)
def test_each_way_to_insert_counts(inserts: str) -> None:
    assert grows("pass", inserts)
    assert not grows("pass", "pass")


def test_reading_a_defaultdict_inserts() -> None:
    assert grows("pass", "return self.entries[key]", "defaultdict(list)")
    assert not grows("pass", "return self.entries[key]", "{}")
    assert not grows("self.entries.pop(key, None)", "return self.entries[key]", "defaultdict(list)")


def test_what_is_no_mapping_or_set_does_not_grow() -> None:
    assert not grows("pass", made="[]")
    assert not grows("pass", made="WeakValueDictionary()")


def test_clearing_at_shutdown_is_no_eviction() -> None:
    shut = CLASS.replace("def other(self, key, watcher)", "def close(self)")
    text = shut.format(made="{}", inserts="self.entries[key] = value", otherwise="self.entries.clear()")
    assert "entries" in growing(outline(extract(ast.parse(text), "owner.py")))


@pytest.mark.parametrize("name", ["close", "__aexit__", "Pool.shutdown", "_reset", "__del__"])
def test_protocols_of_the_end_are_known(name: str) -> None:
    assert ends_a_life(name)


@pytest.mark.parametrize("name", ["close_session", "on_end", "remove", "put"])
def test_what_handles_one_item_is_no_end(name: str) -> None:
    assert not ends_a_life(name)
