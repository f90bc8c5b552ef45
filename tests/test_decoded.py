from __future__ import annotations

import pytest

from leaklint.decoded import from_text
from leaklint.source import SourceError


@pytest.mark.parametrize(
    "text", ["", "é = '€'\n", "# coding: latin-1\né = 1\n", "#!python\n# coding: cp1252\nx = '€'\r\n"]
)
def test_offsets_in_the_text_are_offsets_in_the_source(text: str) -> None:
    assert from_text("a.py", text).text == text


def test_the_bytes_are_in_the_declared_encoding() -> None:
    assert from_text("a.py", "# coding: latin-1\nx = 'é'\n").data.endswith(b"\xe9'\n")


def test_text_that_its_declared_encoding_cannot_write_is_an_error() -> None:
    with pytest.raises(SourceError, match="cannot be written in latin-1, its declared encoding") as caught:
        from_text("a.py", "# coding: latin-1\nx = 1\ny = '€'\n")
    assert caught.value.line == 3


def test_an_unknown_encoding_is_an_error() -> None:
    with pytest.raises(SourceError, match="nonsense"):
        from_text("a.py", "# coding: nonsense\n")


def test_half_a_character_is_an_error() -> None:
    with pytest.raises(SourceError, match="utf-8"):
        from_text("a.py", "x = '\ud800'\n")
