"""Bytes and text of a file: decoding, positions, edits that leave all other bytes alone, writing all or nothing."""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from bisect import bisect_right
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leaklint.leftovers import hold, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leaklint.model import Edit

_BOM = codecs.BOM_UTF8
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#|$)")
_BYTE_NEWLINE = re.compile(rb"\r\n|\r|\n")
_NEWLINE = re.compile(r"\r\n|\r|\n")


class SourceError(Exception):
    """A file that cannot be read, decoded, parsed, analysed or written. Line and column count from 1, in characters."""

    def __init__(self, path: str, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(path, message, line, column)
        self.path = path
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = [str(part) for part in (self.path, self.line, self.column) if part is not None]
        return f"{':'.join(place)}: {self.message}"


class Source(msgspec.Struct, frozen=True):
    """A decoded file. `text` has no byte order mark and its newlines as they stand in the file.

    `line_starts` are the offsets at which the lines begin; lines end at LF, CR LF or CR only, as for Python.
    """

    path: str
    data: bytes
    text: str
    encoding: str
    bom: bool
    line_starts: tuple[int, ...]


def read(path: str) -> Source:
    """Read and decode a regular file. Raises SourceError for whatever is in the way."""
    try:
        _require_regular(path, Path(path).stat().st_mode)
        return decode(path, Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(path, f"cannot read: {_reason(error)}") from error


def decode(path: str, data: bytes) -> Source:
    """Decode `data` as Python does: byte order mark, coding cookie, else UTF-8.

    Raises SourceError for bytes that are not Python text, and for text that would not encode to exactly `data` again.
    """
    _refuse_binary(path, data)
    bom = data.startswith(_BOM)
    body = data[len(_BOM) :] if bom else data
    encoding = _declared_encoding(path, body, bom)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        place = _place_in_bytes(body, error.start)
        message = f"byte 0x{body[error.start]:02x} is not valid {encoding}"
        raise SourceError(path, message, *place) from error
    if not _encodes_back(text, encoding, body):
        raise SourceError(path, f"the text cannot be written back in {encoding} unchanged", 1)
    starts = (0, *(match.end() for match in _NEWLINE.finditer(text)))
    return Source(path, data, text, encoding, bom, starts)


def offset(source: Source, line: int, column: int) -> int:
    """Offset in characters of `line` (from 1) and `column` (from 0, in UTF-8 bytes), kept within the line."""
    index = min(max(line, 1), len(source.line_starts)) - 1
    start = source.line_starts[index]
    end = source.line_starts[index + 1] if index + 1 < len(source.line_starts) else len(source.text)
    text = source.text[start:end]
    if text.isascii():
        return start + min(column, len(text))
    return start + len(text.encode()[:column].decode(errors="ignore"))


def position(source: Source, offset: int) -> tuple[int, int]:
    """Line and column, both from 1 and in characters, of an offset in characters."""
    line = bisect_right(source.line_starts, offset)
    return line, offset - source.line_starts[line - 1] + 1


def newline(source: Source) -> str:
    """Return the newline that most of the file's lines end with: LF for a file of one line."""
    found = _NEWLINE.findall(source.text)
    return max(("\n", "\r\n", "\r"), key=found.count)


def apply_edits(source: Source, edits: Iterable[Edit]) -> bytes:
    """Return the file's bytes after `edits`; newlines in their texts become the file's own.

    Edits that begin at one place are applied in the order given, insertions first. Raises ValueError for edits that
    overlap or lie outside the text, SourceError for a text that the file's encoding cannot write.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    _require_apart(source, ordered)
    own_newline = newline(source)
    inserted = [_NEWLINE.sub(lambda _: own_newline, edit.text) for edit in ordered]
    bounds = [0, *(place for edit in ordered for place in (edit.start, edit.end)), len(source.text)]
    kept = [source.text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    expected = kept[0] + "".join(text + after for text, after in zip(inserted, kept[1:], strict=True))
    cuts = _byte_offsets(source, bounds)
    kept_bytes = [source.data[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)]
    try:
        new = b"".join(
            text.encode(source.encoding) + after for text, after in zip(inserted, kept_bytes[1:], strict=True)
        )
        changed = kept_bytes[0] + new
        faithful = decode(source.path, changed).text == expected
    except UnicodeEncodeError as error:
        raise SourceError(source.path, f"the change cannot be written in {source.encoding}") from error
    if not faithful:
        raise SourceError(source.path, f"the change cannot be written in {source.encoding} without touching other text")
    return changed


def write_atomically(path: str, data: bytes) -> None:
    """Replace the file by `data`, whole or not at all; a symbolic link keeps pointing at the file it points at.

    The mode is kept, and the owner where that is allowed. Raises SourceError for anything in the way.
    """
    try:
        target = Path(path).resolve()
        existing = target.stat() if target.exists() else None
        if existing is not None:
            _require_regular(path, existing.st_mode)
        temporary = temporary_beside(target)
        try:
            _write_synced(temporary, data, existing, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(path, f"cannot write: {_reason(error)}") from error


def _write_synced(temporary: Path, data: bytes, existing: os.stat_result | None, target: Path) -> None:
    mode = 0o666 if existing is None else 0o600
    with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        hold(file)
        if existing is not None:
            _keep_owner_and_mode(temporary, existing)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if sys.platform == "win32":
            file.close()  # no open file can be moved there
        temporary.replace(target)


def _keep_owner_and_mode(temporary: Path, existing: os.stat_result) -> None:
    chown = getattr(os, "chown", None)  # not on Windows
    if chown is not None:
        with suppress(PermissionError):
            chown(temporary, existing.st_uid, existing.st_gid)
    # After the owner, because a change of owner clears set-user-id.
    temporary.chmod(stat.S_IMODE(existing.st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the renaming durable; not every system and file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _require_regular(path: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise SourceError(path, "is a directory, not a file")
    if not stat.S_ISREG(mode):
        raise SourceError(path, "is not a regular file")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def _refuse_binary(path: str, data: bytes) -> None:
    if data.startswith(_UTF16_BOMS):
        raise SourceError(path, "is UTF-16 text; Python reads UTF-8 unless a coding cookie says otherwise", 1)
    nul = data.find(b"\0")
    if nul >= 0:
        raise SourceError(path, "contains a NUL byte: a binary file, not Python", *_place_in_bytes(data, nul))


def _declared_encoding(path: str, body: bytes, bom: bool) -> str:
    cookie = _cookie(body)
    if cookie is None:
        return "utf-8"
    name, line = cookie
    try:
        encoding = codecs.lookup(_plain_name(name)).name
    except LookupError as error:
        raise SourceError(path, f"unknown encoding in the coding cookie: {name}", line) from error
    if not _contains_ascii(encoding):
        raise SourceError(path, f"the coding cookie names {name}, in which Python cannot be written", line)
    if bom and encoding != "utf-8":
        raise SourceError(path, f"the byte order mark says utf-8, the coding cookie says {name}", line)
    return encoding


def _cookie(body: bytes) -> tuple[str, int] | None:
    """Find the name in the coding cookie and its line, which may be the second one behind a comment or blank one."""
    for number, line in enumerate(_BYTE_NEWLINE.split(body[:4096], maxsplit=2)[:2], start=1):
        found = _COOKIE.match(line)
        if found is not None:
            return found[1].decode("ascii", "replace"), number
        if _BLANK.match(line) is None:
            return None
    return None


def _plain_name(name: str) -> str:
    """Drop what editors append (`utf-8-unix`), as Python's own tokenizer does."""
    folded = name.lower().replace("_", "-")
    for plain in ("utf-8", "latin-1", "iso-8859-1", "iso-latin-1"):
        if folded == plain or folded.startswith(f"{plain}-"):
            return "utf-8" if plain == "utf-8" else "iso-8859-1"
    return name


def _contains_ascii(encoding: str) -> bool:
    """Whether the cookie itself reads the same in the encoding it names."""
    try:
        return b"# coding: x\n".decode(encoding) == "# coding: x\n"
    except (LookupError, ValueError):
        return False


def _encodes_back(text: str, encoding: str, body: bytes) -> bool:
    try:
        return text.encode(encoding) == body
    except UnicodeError:
        return False


def _place_in_bytes(data: bytes, index: int) -> tuple[int, int]:
    starts = [0, *(match.end() for match in _BYTE_NEWLINE.finditer(data, 0, index))]
    return len(starts), index - starts[-1] + 1


def _require_apart(source: Source, ordered: list[Edit]) -> None:
    reached = 0
    for edit in ordered:
        if not reached <= edit.start <= edit.end <= len(source.text):
            raise ValueError(f"{source.path}: edits overlap or lie outside the file at character {edit.start}")
        reached = edit.end


def _byte_offsets(source: Source, places: list[int]) -> list[int]:
    """Where ascending offsets in characters lie in the file's bytes."""
    pieces = zip([0, *places], places, strict=False)
    lengths = [len(source.text[start:end].encode(source.encoding)) for start, end in pieces]
    base = len(_BOM) if source.bom else 0
    # The first kept stretch owns the byte order mark.
    return [0, *(base + length for length in list(accumulate(lengths))[1:])]
