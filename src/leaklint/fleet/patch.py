"""A patch of one repository, which `git apply` takes: any name of a file, any newlines, any encoding."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from leaklint.fleet.git import quoted
from leaklint.writing import patch

if TYPE_CHECKING:
    from leaklint.outcome import Outcome


def patch_of(outcome: Outcome, name: str) -> bytes:
    """Write what changes in the file that the repository knows as `name`; nothing if nothing does."""
    plain = msgspec.structs.replace(outcome, report=msgspec.structs.replace(outcome.report, path="file"))
    written = patch(plain)
    if not written:
        return b""
    hunks = written.split(b"\n", 2)[2]
    one, other = (quoted(side + os.fsencode(name)) for side in (b"a/", b"b/"))
    # As git writes it: a tab ends a name with a space in it.
    end = b"\t\n" if b" " in one and not one.startswith(b'"') else b"\n"
    return b"diff --git %s %s\n--- %s%s+++ %s%s%s" % (one, other, one, end, other, end, hunks)
