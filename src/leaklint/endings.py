"""The words by which code is done with an object: `close`, `cancel`, `shut_down_span`."""

from __future__ import annotations

ENDING_WORDS = frozenset(
    """
    abort aclose cancel cleanup close destroy disconnect dispose end exit finish kill quit release shutdown stop
    teardown terminate unsubscribe
    """.split()
)
ENDING_METHODS = frozenset({"__exit__", "__aexit__", "set_exception", "set_result"})
_ASKING_WORDS = frozenset(
    "add after at before can get handle has is join must on register request schedule set should was will".split()
)


def is_ending(name: str) -> bool:
    """Whether a method or function of this name is done with its object: `close`, `async_stop`, `shut_down_span`."""
    if name in ENDING_METHODS:
        return True
    words = name.strip("_").split("_")
    # Verbs of two words are written as one, too: `shutdown`, `shut_down`.
    verbs = (words[0], words[-1], "".join(words[:2]), "".join(words[-2:]))
    return words[0] not in _ASKING_WORDS and not ENDING_WORDS.isdisjoint(verbs)


def names_what_it_ends(name: str) -> bool:
    """Whether the name says what is ended, too: `stop_job`, `close_session`; not `close`, `async_stop`, `shut_down`."""
    words = name.strip("_").removeprefix("async_").replace("shut_down", "shutdown").split("_")
    return not ENDING_WORDS.isdisjoint(words) and not ENDING_WORDS.issuperset(words)
