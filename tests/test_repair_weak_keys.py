"""LKL107: a weak mapping in place of one keyed by `id()`; repaired programs are executed, and the objects let go."""

from __future__ import annotations

import gc
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import pytest

from leaklint import analyze
from leaklint.project import Project
from leaklint.repairs.weak_keys import MUST_BE_WEAK, NO_IDENTITY
from leaklint.source import decode

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = '''
"""Sessions."""

import threading


class Session:
    name = "a session"

    def open(self):
        return [self]


class Wrapper:
    def __init__(self, session, label):
        self._name = session.name
        self._label = label


class Pool:
    def __init__(self):
        self._lock = threading.Lock()
        self._states = {}  # by session
'''
JOIN = """
def join(self, session):
    self._states[id(session)] = "active"
"""
FORMS = {
    "put in": JOIN,
    "read": JOIN
    + """
def state(self, session):
    if id(session) in self._states and id(session) not in {}:
        return self._states[id(session)]
    return self._states.get(id(session), "none")
""",
    "a name": """
def join(self, session):
    # Once each.
    key = id(session)
    if key not in self._states:
        with self._lock:
            self._states[key] = "active"
""",
    "a name that is told, too": """
def join(self, session):
    key = id(session)
    self._states[key] = "active"
    return f"joined {key}"
""",
    "of what has no name": """
def join(self, session):
    key = id([session][0])
    self._states[key] = "active"
    return self._states.get(key)
""",
    "of a choice": """
def join(self, session, other=""):
    self._states[id(session or other)] = "active"
""",
    "set by default": """
def join(self, session):
    self._states.setdefault(id(session), []).append("active")
""",
    "a wrapper that reads it": """
def join(self, session):
    wrapper = Wrapper(session, label=len(session.name))
    self._states[id(session)] = wrapper
""",
    "counted and emptied": JOIN
    + """
def count(self):
    return len(self._states), list(self._states.values())

def stop(self):
    self._states.clear()
""",
    "built anew": JOIN
    + """
def stop(self):
    self._states = dict()
""",
}
REFUSED = {
    "the object in its entry": (
        "def join(self, session):\n    self._states[id(session)] = (session, 1)\n",
        "may hold the object itself",
    ),
    "what the object makes": (
        "def join(self, session):\n    self._states[id(session)] = session.open()\n",
        "may hold the object itself",
    ),
    "what is made of it": (
        "def join(self, session, connect):\n    made = connect(session)\n    self._states[id(session)] = made\n",
        "may hold the object itself",
    ),
    "added to its entry": (
        "def join(self, session):\n    self._states.setdefault(id(session), []).append(session)\n",
        "puts the object into its own entry",
    ),
    "more than an id": (
        "def join(self, session, kind):\n    self._states[id(session), kind] = 1\n",
        "more than the `id()` of one object",
    ),
    "goes through the keys": (
        JOIN + "def numbers(self):\n    return [number for number in self._states]\n",
        "uses the container without the `id()`",
    ),
    "items": (
        JOIN + "def numbers(self):\n    return sorted(self._states.items())\n",
        "uses the container without the `id()`",
    ),
    "copied": (JOIN + "def copied(self):\n    return dict(self._states)\n", "uses the container without"),
    "another key": (
        JOIN + "def name(self, name):\n    return self._states.get(name)\n",
        "is not the `id()` of an object",
    ),
    "a key bound twice": (
        (
            "def join(self, session, other):\n    key = id(session)\n    if other:\n        key = id(other)\n"
            "    self._states[key] = 1\n"
        ),
        "is not the `id()` of an object",
    ),
    "told, and of what has no name": (
        "def join(self, get):\n    key = id(get())\n    self._states[key] = 1\n    return key\n",
        "is more than a key",
    ),
    "perhaps None": ("def join(self, session=None):\n    self._states[id(session)] = 1\n", "may be None"),
    "a list": ("def join(self, rows: list):\n    self._states[id(rows)] = 1\n", "no weak mapping takes"),
    "named in a string": (JOIN + "def states(self):\n    return vars(self)['_states']\n", "in a string"),
}


def _source(methods: str, prelude: str = PRELUDE) -> str:
    return prelude.lstrip("\n") + "\n" + indent(dedent(methods).strip("\n") + "\n", "    ")


def _findings(source: str) -> list[tuple[str | None, str | None]]:
    found = analyze.check(decode("pool.py", source.encode())).findings
    return [(f.fix.risk if f.fix else None, f.fix_refused) for f in found if f.code == "LKL107"]


def _repaired(source: str, *, unsafe: bool = True) -> str:
    outcome = analyze.repair(decode("pool.py", source.encode()), lambda finding: finding.code == "LKL107", unsafe)
    return outcome.data.decode()


def _left(source: str) -> tuple[int, int]:
    """How many entries there are while the objects are, and after they have gone."""
    names: dict[str, Any] = {}
    exec(compile(source, "pool.py", "exec"), names)
    pool, sessions = names["Pool"](), [names["Session"]() for _ in range(3)]
    for session in sessions:
        pool.join(session)
    alive = len(pool._states)
    del session
    sessions.clear()
    gc.collect()
    return alive, len(pool._states)


@pytest.mark.parametrize("name", FORMS)
def test_entries_go_with_their_objects(name: str) -> None:
    source = _source(FORMS[name])
    assert _findings(source) == [(MUST_BE_WEAK, None)]
    repaired = _repaired(source)
    assert not _findings(repaired)
    assert _repaired(repaired) == repaired
    assert _left(source) == (3, 3)
    assert _left(repaired) == (3, 0)
    assert all(comment in repaired for comment in ("# by session", *(["# Once each."] if name == "a name" else [])))


def test_what_is_read_is_what_was_put_in() -> None:
    names: dict[str, Any] = {}
    exec(compile(_repaired(_source(FORMS["read"])), "pool.py", "exec"), names)
    pool, session = names["Pool"](), names["Session"]()
    assert pool.state(session) == "none"
    pool.join(session)
    assert pool.state(session) == "active"


def test_nothing_is_repaired_without_being_asked_for() -> None:
    source = _source(JOIN)
    assert _repaired(source, unsafe=False) == source


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    methods, reason = REFUSED[name]
    found = _findings(_source(methods))
    assert found
    assert all(refused is not None and reason in refused for _, refused in found), found


@pytest.mark.parametrize("body", ["def __eq__(self, other):\n        return True", "__slots__ = ('a',)"])
def test_objects_that_are_equal_to_others_or_have_no_room_are_left(body: str) -> None:
    methods = JOIN.replace("session)", "session: Session)", 1).replace("id(session: Session)", "id(session)")
    source = _source(methods).replace('    name = "a session"', f"    {body}")
    assert "session: Session" in source
    ((risk, refused),) = _findings(source)
    assert risk is None
    assert refused is not None
    assert "compared by what they hold" in refused


@pytest.mark.parametrize("annotation", ["dict[int, str]", "'MutableMapping[int, str]'"])
def test_an_annotation_that_tells_of_the_keys_is_left(annotation: str) -> None:
    source = _source(JOIN).replace("self._states = {}", f"self._states: {annotation} = {{}}")
    ((_, refused),) = _findings(source)
    assert refused is not None
    assert "says what keys there are" in refused


def test_a_key_that_is_counted_is_left() -> None:
    source = _source("def join(self):\n    import uuid\n    self._states[uuid.uuid4()] = 1\n")
    assert _findings(source) == [(None, NO_IDENTITY)]


MODULE = """
_STATES = {}


def join(session):
    _STATES[id(session)] = "active"
"""
WEAK = """
_STATES = weakref.WeakKeyDictionary()


def join(session):
    _STATES[session] = "active"
"""
HEADS = {
    "none": ("", "\nimport weakref\n"),
    "a docstring": ('"""Doc."""\n', '"""Doc."""\n\nimport weakref\n'),
    "a script": ("#!/usr/bin/python\n", "#!/usr/bin/python\n\nimport weakref\n"),
    "a script with imports": (
        "#!/usr/bin/python\nimport attr\n",
        "#!/usr/bin/python\nimport weakref\n\nimport attr\n",
    ),
    "the future": (
        '"""Doc."""\n\nfrom __future__ import annotations\n',
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport weakref\n',
    ),
    "others": (
        "import abc\nimport zlib\nfrom os import path\n\nimport attr\n",
        "import abc\nimport weakref\nimport zlib\nfrom os import path\n\nimport attr\n",
    ),
    "from alone": ("from os import path\n", "import weakref\nfrom os import path\n"),
    "strangers": ("import attr\n", "import weakref\n\nimport attr\n"),
    "there": ("import weakref\n", "import weakref\n"),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_import_comes_where_the_imports_are(name: str, newline: str) -> None:
    before, after = (text.replace("\n", newline) for text in HEADS[name])
    assert _repaired(before + MODULE.replace("\n", newline)) == after + WEAK.replace("\n", newline)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("import weakref as weak\n", "weak.WeakKeyDictionary"),
        ("from weakref import WeakKeyDictionary as Weak\n", "Weak"),
    ],
)
def test_the_mapping_goes_by_the_name_that_the_file_has_for_it(head: str, name: str) -> None:
    assert _repaired(head + MODULE) == head + WEAK.replace("weakref.WeakKeyDictionary", name)


def test_a_name_that_means_something_else_is_left() -> None:
    ((_, refused),) = _findings(MODULE + "\nweakref = None\n")
    assert refused == "`weakref` means something else in this file"


def test_another_file_that_names_the_container_has_it_left(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "states.py"
    path.write_text(MODULE)
    other = tmp_path / "other.py"
    for text, reason in (
        ("import states\n", None),
        ("import states\nprint(states._STATES.get(1))\n", "another file names"),
    ):
        other.write_text(text)
        (finding,) = analyze.check(decode(str(path), path.read_bytes()), project=Project()).findings
        assert finding.code == "LKL107"
        assert (finding.fix_refused or "").startswith(reason or "")
        assert (finding.fix is None) == (reason is not None)
