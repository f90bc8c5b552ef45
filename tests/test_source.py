"""Bytes and text of a file."""

import errno
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaklint import source
from leaklint.model import Edit
from leaklint.source import Source, SourceError


def refused(data: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.decode("bad.py", data)
    return caught.value


def whole(text: str) -> Source:
    return source.decode("good.py", text.encode())


@pytest.mark.parametrize(
    ("data", "text", "encoding", "bom"),
    [
        (b"", "", "utf-8", False),
        (b"x = 1", "x = 1", "utf-8", False),
        (b"x = '\xc3\xa9'\r\n", "x = 'é'\r\n", "utf-8", False),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n", "utf-8", True),
        (b"\xef\xbb\xbf# coding: utf8\n", "# coding: utf8\n", "utf-8", True),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n", "iso8859-1", False),
        (
            b"#!/bin/sh\n# vim: fileencoding=cp1252\n'\x80'",
            "#!/bin/sh\n# vim: fileencoding=cp1252\n'€'",
            "cp1252",
            False,
        ),
        (b"\n# coding: latin-1\n'\xe9'", "\n# coding: latin-1\n'é'", "iso8859-1", False),
        (b"# coding: utf-8-unix\n", "# coding: utf-8-unix\n", "utf-8", False),
        (b"x = 1\n# coding: nonsense\n", "x = 1\n# coding: nonsense\n", "utf-8", False),
        (b"# one\r# two\r# coding: nonsense\r", "# one\r# two\r# coding: nonsense\r", "utf-8", False),
    ],
)
def test_a_file_is_decoded_as_python_decodes_it(data: bytes, text: str, encoding: str, bom: bool) -> None:
    found = source.decode("good.py", data)
    assert (found.text, found.encoding, found.bom, found.data) == (text, encoding, bom, data)


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [
        (b"x = 1\ny = '\xff'\n", "byte 0xff is not valid utf-8", 2, 6),
        (b"\xef\xbb\xbfx\r\xff", "byte 0xff is not valid utf-8", 2, 1),
        (b"# coding: ascii\n\r\n\xe9", "byte 0xe9 is not valid ascii", 3, 1),
        (b"x\0y", "contains a NUL byte: a binary file, not Python", 1, 2),
        (b"\x7fELF\n\n\0", "contains a NUL byte: a binary file, not Python", 3, 1),
        (b"#\n# coding: klingon\n", "unknown encoding in the coding cookie: klingon", 2, None),
        (b"# coding: rot13\n", "the coding cookie names rot13, in which Python cannot be written", 1, None),
        (b"# coding: utf-16-le", "the coding cookie names utf-16-le, in which Python cannot be written", 1, None),
        (b"# coding: utf-7\n'+AGE-'", "the text cannot be written back in utf-7 unchanged", 1, None),
        (b"\xef\xbb\xbf# coding: cp1252\n", "the byte order mark says utf-8, the coding cookie says cp1252", 1, None),
        (b"\xff\xfex\0", "is UTF-16 text; Python reads UTF-8 unless a coding cookie says otherwise", 1, None),
    ],
)
def test_bytes_that_are_not_python_text_are_refused_with_their_place(
    data: bytes, message: str, line: int, column: int | None
) -> None:
    error = refused(data)
    assert (error.path, error.message, error.line, error.column) == ("bad.py", message, line, column)


def test_an_error_names_file_and_place_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(SourceError("a.py", "is bad", 3, 7)))
    assert str(error) == "a.py:3:7: is bad"
    assert str(SourceError("a.py", "is bad")) == "a.py: is bad"


def test_lines_end_where_python_ends_them() -> None:
    text = "a\nb\r\nc\rd\x0ce\x85f\u2028g\x0b"
    assert whole(text).line_starts == (0, 2, 5, 7)


def test_offsets_count_characters_and_columns_bytes() -> None:
    found = whole("é = 1\r\n\x0cx = 'ü' + z")
    assert found.text[source.offset(found, 1, 3)] == "="
    assert found.text[source.offset(found, 2, 1)] == "x"
    assert found.text[source.offset(found, 2, 12)] == "z"


def test_an_offset_is_kept_within_the_line_and_the_file() -> None:
    found = whole("é\nab\n")
    assert source.offset(found, 1, 99) == 2
    assert source.offset(found, 99, 99) == len(found.text)
    assert source.offset(found, 0, 0) == 0
    assert source.offset(found, 1, 1) == 0  # in the middle of a character


def test_positions_count_from_one_in_characters() -> None:
    found = whole("é = 1\r\nüx")
    assert [source.position(found, offset) for offset in (0, 4, 7, 8, 9)] == [(1, 1), (1, 5), (2, 1), (2, 2), (2, 3)]


@given(st.text(st.sampled_from("aé€😀\n\r\x0c "), max_size=30), st.data())
def test_position_and_offset_are_inverse(text: str, data: st.DataObject) -> None:
    found = whole(text)
    offset = data.draw(st.integers(0, len(text)))
    line, column = source.position(found, offset)
    start = found.line_starts[line - 1]
    width = len(text[start : start + column - 1].encode())
    assert source.offset(found, line, width) == offset


@pytest.mark.parametrize(
    ("text", "expected"), [("", "\n"), ("a\r\nb\r\nc\n", "\r\n"), ("a\rb", "\r"), ("a\nb\r", "\n")]
)
def test_the_dominant_newline(text: str, expected: str) -> None:
    assert source.newline(whole(text)) == expected


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_edits_leave_every_other_byte_alone(prefix: bytes, newline: str) -> None:
    text = newline.join(["é = 1", "b = 2", "\x0cc = 'ü'"])
    found = source.decode("a.py", prefix + text.encode())
    at = text.index("b")
    edits = [Edit(len(text), len(text), "\r\n# end"), Edit(at, at + 1, "ß\n"), Edit(0, 1, "e")]
    wanted = newline.join(["e = 1", "ß", " = 2", "\x0cc = 'ü'", "# end"])
    assert source.apply_edits(found, edits) == prefix + wanted.encode()


def test_odd_newlines_outside_an_edit_stay_odd() -> None:
    assert source.apply_edits(whole("a\r\nb\nc\rd\r\n"), [Edit(3, 4, "x\ny")]) == b"a\r\nx\r\ny\nc\rd\r\n"


def test_no_edits_give_the_same_bytes() -> None:
    data = b"\xef\xbb\xbfa\r\nb"
    assert source.apply_edits(source.decode("a.py", data), []) == data


def test_edits_at_one_place_keep_their_order_and_come_before_a_replacement() -> None:
    assert source.apply_edits(whole("abc"), [Edit(1, 2, "B"), Edit(1, 1, "2"), Edit(1, 1, "1")]) == b"a21Bc"


@pytest.mark.parametrize(
    "edits", [[Edit(0, 2, ""), Edit(1, 3, "")], [Edit(2, 9, "")], [Edit(-1, 1, "")], [Edit(2, 1, "")]]
)
def test_edits_that_overlap_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match=r"good\.py: edits overlap or lie outside"):
        source.apply_edits(whole("abc"), edits)


def test_an_edit_in_the_encoding_of_the_file() -> None:
    found = source.decode("a.py", b"# coding: latin-1\n'\xe9'\n")
    assert source.apply_edits(found, [Edit(19, 20, "ü")]) == b"# coding: latin-1\n'\xfc'\n"
    with pytest.raises(SourceError, match="cannot be written in iso8859-1"):
        source.apply_edits(found, [Edit(19, 20, "€")])


def test_an_edit_that_would_change_how_the_rest_is_read_is_refused() -> None:
    found = source.decode("a.py", b"# coding: latin-1\n'\xc3\xa9'\n")
    with pytest.raises(SourceError):
        source.apply_edits(found, [Edit(0, 17, "# coding: utf-8")])


@given(st.text(st.sampled_from("aé\n\r"), max_size=20), st.data())
def test_edits_equal_edits_of_the_text(text: str, data: st.DataObject) -> None:
    cuts = (
        sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4, unique=True)))
        if len(text) > 3
        else []
    )
    edits = [Edit(start, end, "ß") for start, end in zip(cuts[::2], cuts[1::2], strict=True)]
    wanted = text
    for edit in reversed(edits):
        wanted = wanted[: edit.start] + edit.text + wanted[edit.end :]
    assert source.apply_edits(whole(text), edits) == wanted.encode()


def unreadable(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        source.read(str(path))
    assert caught.value.path == str(path)
    return caught.value.message


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\r\n")
    assert source.read(str(path)).text == "x = 1\r\n"


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.py"
    os.mkfifo(fifo)
    loop = tmp_path / "loop.py"
    loop.symlink_to(loop)
    assert unreadable(tmp_path / "gone.py") == "cannot read: no such file"
    assert unreadable(tmp_path) == "is a directory, not a file"
    assert unreadable(fifo) == "is not a regular file"
    assert unreadable(loop).startswith("cannot read: too many levels of symbolic links")
    assert unreadable(tmp_path / "a\0b").startswith("cannot read: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.py"
    path.touch(mode=0)
    assert unreadable(path) == "cannot read: permission denied"


def test_a_refused_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "secret.py"
    path.touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert unreadable(path) == "cannot read: permission denied"


def test_writing_keeps_the_mode_and_the_link(tmp_path: Path) -> None:
    target = tmp_path / "real" / "a.py"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o751)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    source.write_atomically(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o751
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.py", "link.py", "real"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_writing_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    source.write_atomically(str(path), b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_writing_goes_on_where_the_owner_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "chown", refuse)
    source.write_atomically(str(path), b"new")
    assert path.read_bytes() == b"new"


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    source.write_atomically(str(tmp_path / "new.py"), b"new")
    (tmp_path / "usual.py").touch()
    assert (tmp_path / "new.py").stat().st_mode == (tmp_path / "usual.py").stat().st_mode


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(*((os, "fsync") if broken == "fsync" else (Path, "replace")), fail)
    with pytest.raises(SourceError, match="cannot write: no space left on device"):
        source.write_atomically(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        source.write_atomically(str(path), b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory, not a file"):
        source.write_atomically(str(tmp_path), b"")
    with pytest.raises(SourceError, match="cannot write: no such file"):
        source.write_atomically(str(tmp_path / "gone" / "a.py"), b"")
