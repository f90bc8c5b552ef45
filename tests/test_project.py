"""Where imports lead, and that a project is never the worse for what its files are like."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from leaklint.analyze import check
from leaklint.evicted_words import EvictedWords, evicted_words
from leaklint.places import LARGEST
from leaklint.project import Project
from leaklint.source import decode, read

USER = """from app.base import Base


class User(Base):
    def run(self, key, work):
        self._items[key] = work
        work(key)
        self._drop(key)
"""
BASE = """class Base:
    def __init__(self):
        self._items = {}

    def _drop(self, key):
        self._items.pop(key, None)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "base.py").write_text(BASE)
    (tmp_path / "app" / "user.py").write_text(USER)
    return tmp_path


def codes(path: Path, project: Project | None = None) -> list[str]:
    report = check(read(str(path)), project=project or Project())
    assert not report.errors
    return [finding.code for finding in report.findings]


def test_a_base_of_another_file_is_read(root: Path) -> None:
    assert codes(root / "app" / "user.py") == ["LKL102"]


def test_without_a_project_no_other_file_is_looked_at(root: Path) -> None:
    report = check(read(str(root / "app" / "user.py")))
    assert "LKL102" not in [finding.code for finding in report.findings]


@pytest.mark.parametrize(
    "content",
    [b"def broken(:\n", b"\x00\x01", b"\xff\xfe", b"(" * 5000, b"x = " + b"-" * 20000 + b"1\n", b"a" * (LARGEST + 1)],
    ids=["syntax", "null bytes", "no text", "parentheses", "deep", "large"],
)
def test_a_broken_base_makes_it_less_sharp_and_nothing_else(root: Path, content: bytes) -> None:
    (root / "app" / "base.py").write_bytes(content)
    assert "LKL102" not in codes(root / "app" / "user.py")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a matter of POSIX")
def test_a_pipe_in_the_place_of_a_module_is_not_waited_for(root: Path) -> None:
    (root / "app" / "base.py").unlink()
    os.mkfifo(root / "app" / "base.py")
    assert "LKL102" not in codes(root / "app" / "user.py")


def test_nothing_is_read_beyond_a_budget_of_modules(root: Path) -> None:
    for number in range(60):
        base = f"from app.m{number + 1} import B{number + 1}\n\n\nclass B{number}(B{number + 1}):\n    pass\n"
        (root / "app" / f"m{number}.py").write_text(base)
    (root / "app" / "m60.py").write_text(BASE.replace("class Base", "class B60"))
    (root / "app" / "user.py").write_text(USER.replace("app.base import Base", "app.m0 import B0 as Base"))
    assert "LKL102" not in codes(root / "app" / "user.py")


def test_what_is_installed_is_not_read(root: Path) -> None:
    site = root / "venv" / "lib" / "site-packages"
    (site / "mine").mkdir(parents=True)
    (site / "other").mkdir()
    for package in ("mine", "other"):
        (site / package / "__init__.py").touch()
        (site / package / "base.py").write_text(BASE)
    (site / "mine" / "user.py").write_text(USER.replace("app.base", "other.base"))
    (site / "mine" / "own.py").write_text(USER.replace("app.base", "mine.base"))
    assert "LKL102" not in codes(site / "mine" / "user.py")
    assert codes(site / "mine" / "own.py") == ["LKL102"]


def test_a_file_that_only_has_a_name_belongs_to_the_folder_it_would_stand_in(root: Path) -> None:
    path = str(root / "app" / "unsaved.py")
    report = check(decode(path, USER.encode()), project=Project())
    assert [finding.code for finding in report.findings] == ["LKL102"]


def test_the_nearest_marker_is_the_root(root: Path) -> None:
    inner = root / "services" / "one"
    inner.mkdir(parents=True)
    (inner / "setup.py").touch()
    assert Project().home(str(inner / "x.py")).root == str(inner)
    assert Project().home(str(root / "services" / "y.py")).root == str(root)


def test_a_project_sent_to_another_process_is_one_there() -> None:
    data = pickle.dumps(Project())
    assert pickle.loads(data) is pickle.loads(data)
    assert pickle.loads(pickle.dumps(Project())) is not pickle.loads(data)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("pool._clients.pop(key)", {"._clients"}),
        ("self._by_user[user].discard(key)", {"self._by_user"}),
        ("    del a._x[k], b._y[k]", {"._x", "._y"}),
        ("pool._clients = {}", {"._clients"}),
        ("self._clients = {}", set()),
        ("finalize(x, CLIENTS.pop, key)", {"CLIENTS"}),
        ("clients = pool._clients", {"._clients"}),
        ("clients = self.pool._clients", {"._clients"}),
        ("clients = self._clients", {"self._clients"}),
        ("clients = myself._clients", {"._clients"}),
        ("clients = pool()._clients", {"._clients"}),
        ("pool._clients[key] = client", set()),
    ],
)
def test_words_that_are_evicted_from(code: str, words: set[str]) -> None:
    assert {word.decode() for word in evicted_words(code.encode())} == words


def test_what_another_class_evicts_from_its_own_private_attribute_counts_if_it_may_be_derived(root: Path) -> None:
    pool, other, heir = root / "pool.py", root / "other.py", root / "heir.py"
    pool.write_text("class Pool:\n    def put(self, k, v):\n        self._clients[k] = v\n")
    other.write_text("class Other:\n    def drop(self, k):\n        self._clients.pop(k)\n")
    assert not Project().evicts(str(pool), "_clients")
    heir.write_text("from pool import Pool\nclass Heir(Pool):\n    def drop(self, k):\n        self._clients.pop(k)\n")
    assert Project().evicts(str(pool), "_clients")


def test_what_another_file_evicts_from_its_own_is_none_of_the_file_s_unless_one_knows_the_other(root: Path) -> None:
    pool, other, user = root / "pool.py", root / "other.py", root / "user.py"
    pool.write_text("class Pool:\n    def put(self, k, v):\n        self.clients[k] = v\n")
    other.write_text("class Other:\n    def drop(self, k):\n        self.clients.pop(k)\n")
    user.write_text("def count(clients):\n    clients.pop(1)\n")
    assert not Project().evicts(str(pool), "clients")
    other.write_text("from app import Pool\nclass Other(Pool):\n    def drop(self, k):\n        self.clients.pop(k)\n")
    assert Project().evicts(str(pool), "clients")
    other.write_text("class Mixin:\n    def drop(self, k):\n        self.clients.pop(k)\n")
    pool.write_text(
        "from other import Mixin\nclass Pool(Mixin):\n    def put(self, k, v):\n        self.clients[k] = v\n"
    )
    assert Project().evicts(str(pool), "clients")
    other.write_text("count(pool.clients)\n")
    assert Project().evicts(str(pool), "clients")


def test_only_another_file_that_is_no_test_counts(root: Path) -> None:
    base = str(root / "app" / "base.py")
    assert not EvictedWords(str(root)).has("_items", base)
    (root / "tests").mkdir()
    (root / "tests" / "test_base.py").write_text("base._items.clear()\n")
    assert not Project().evicts(base, "_items")
    (root / "app" / "admin.py").write_text("base._items.clear()\n")
    assert Project().evicts(base, "_items")
    assert not Project().evicts(base, "_other")


def test_modules_that_were_not_asked_for_longest_are_let_go(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second", "third"):
        (root / "app" / f"{name}.py").write_text(f"name = '{name}'\n")
    monkeypatch.setattr("leaklint.project.MOST_BYTES_KEPT", 2 * len("name = 'second'\n"))
    project = Project()
    home = project.home(str(root / "app" / "user.py"))
    first, second = (project.load(home, f"app/{name}") for name in ("first", "second"))
    assert project.load(home, "app/first") is first
    assert project.load(home, "app/third") is not None
    assert project.load(home, "app/first") is first
    again = project.load(home, "app/second")
    assert again is not None
    assert again is not second
