"""Names that a repair gives: telling, and free."""

from __future__ import annotations

import pytest
from repairing import laid_out

from leaklint import ir
from leaklint.ir_walk import below
from leaklint.repairs.naming import free_name, loop_name, plural, singular, tracking_name

TAKEN = """\
import os.path as imported, package.module
from m import *
from m import name as renamed
CONSTANT: int = 1
for at_top in []: pass
[in_comprehension for in_comprehension in []]

def other():
    global made_global
    local_elsewhere = made_global = 1

class Thing:
    attribute = 1

    def method(self, parameter, *stars, key=None, **more):
        global declared
        plain = walrus = 1
        first, (second, *rest) = plain
        self.field[index] = read_only
        for looped in []: pass
        with opened as handle: pass
        try: pass
        except E as error: pass
        match plain:
            case {"a": bound, **others}: pass
        if (walrus_bound := 1): pass
        [comprehended for comprehended in []]
        plain += 1
        del deleted
        import imported_here
        def nested(inner_parameter):
            nonlocal plain
            inner = 1
        lambda lambda_parameter: lambda_parameter
        class Inner: pass
"""


def method() -> tuple[ir.Function, frozenset[str]]:
    layout = laid_out(TAKEN)
    module = layout.module
    functions = {node.name: node for node in below(module) if isinstance(node, ir.Function)}
    return functions["method"], layout.names


MEANS_SOMETHING = """
    imported package renamed CONSTANT at_top in_comprehension other made_global Thing parameter stars key more declared
    plain first second rest index read_only looped opened handle E error bound others walrus_bound comprehended
    deleted imported_here nested inner_parameter inner lambda_parameter Inner
    self method list ValueError print class None match type case _
"""


@pytest.mark.parametrize("name", MEANS_SOMETHING.split())
def test_a_name_that_means_something_is_not_taken(name: str) -> None:
    assert free_name(name, *method()) == f"{name}_2"


@pytest.mark.parametrize("name", ["fresh", "local_elsewhere", "attribute", "field", "os", "path"])
def test_a_name_that_means_nothing_here_is_taken(name: str) -> None:
    assert free_name(name, *method()) == name


def test_numbers_go_on_until_one_is_free() -> None:
    assert free_name("x", None, laid_out("x = x_2 = x_3 = 1\n").names) == "x_4"


@pytest.mark.parametrize(
    ("key", "base", "name"),
    [
        ("query_state_id", "state_id", "per_query_state_ids"),
        ("query_state_id", "ctx.state_id", "per_query_state_ids"),
        ("key", "state_id", "tracked_keys"),
        ("k", None, "tracked_keys"),
        (None, "state_id", "tracked_keys"),
        ("_", None, "tracked_keys"),
        ("client_id", None, "client_ids"),
        ("client_id", "state_id", "client_ids"),
        ("state_id", "state_id", "tracked_state_ids"),
        ("_entry", "batch", "entries"),
        ("i", None, "tracked_is"),
    ],
)
def test_a_tracking_list_is_named_after_its_keys(key: str | None, base: str | None, name: str) -> None:
    assert tracking_name(key, base) == name


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("entry", "entries"),
        ("key", "keys"),
        ("y", "ys"),
        ("box", "boxes"),
        ("address", "addresses"),
        ("batch", "batches"),
        ("hash", "hashes"),
        ("client_id", "client_ids"),
    ],
)
def test_plurals(word: str, words: str) -> None:
    assert plural(word) == words


@pytest.mark.parametrize(
    "word", ["client", "entry", "box", "process", "branch", "cache", "client_id", "bus", "file_size"]
)
def test_singulars(word: str) -> None:
    assert singular(plural(word)) == word


@pytest.mark.parametrize("word", ["status", "address", "before", "agent_cache", "axis", "as", ""])
def test_what_is_no_plural_has_no_singular(word: str) -> None:
    assert singular(word) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("looped", "looped"),
        ("comprehended", "comprehended"),
        ("first", "first"),
        ("parameter", "parameter_2"),
        ("declared", "declared_2"),
        ("plain", "plain_2"),
        ("inner", "inner_2"),
        ("fresh", "fresh"),
        (None, "tracked_key"),
    ],
)
def test_a_loop_uses_the_keys_own_variable_where_nobody_else_sees_it(name: str | None, expected: str) -> None:
    assert loop_name(name, *method()) == expected
