"""The words that tell a key which comes with each item."""

from __future__ import annotations

import pytest

from leaklint.analyze import check
from leaklint.source import decode

TEXT = """\
class Consumer:
    def __init__(self):
        self._seen_by_key = {{}}

    async def receive(self, {parameter}, value):
        self._seen_by_key[{key}] = value
"""


def asks(parameter: str, key: str) -> bool:
    found = check(decode("consumer.py", TEXT.format(parameter=parameter, key=key).encode())).findings
    return [finding.code for finding in found] == ["LKL201"]


@pytest.mark.parametrize("name", ["message_id", "messageId", "requestID", "run_ids", "uuid", "sid", "session", "id_"])
def test_identifiers_are_told_by_their_words(name: str) -> None:
    assert asks(name, name)


@pytest.mark.parametrize("name", ["name", "host", "path", "kind", "identity", "idle", "void", "extension"])
def test_other_words_are_not_taken_for_identifiers(name: str) -> None:
    assert not asks(name, name)


@pytest.mark.parametrize(
    "key",
    [
        "message.id",
        "message['message_id']",
        "str(message.id)",
        "message.get('session')",
        "(message.topic, message.id)",
        "f'{message.topic}/{message.id}'",
    ],
)
def test_the_word_is_found_through_what_is_made_of_it(key: str) -> None:
    assert asks("message", key)


@pytest.mark.parametrize("key", ["message.topic", "message['kind']", "message.get('kind')", "type(message)"])
def test_no_word_no_question(key: str) -> None:
    assert not asks("message", key)
