"""A source from text that somebody else has decoded: flake8, or a codemod that reads standard input."""

from __future__ import annotations

import io
import tokenize

from leaklint.source import Source, SourceError, decode


def from_text(path: str, text: str) -> Source:
    """Encode `text` as it declares itself, so that every offset in it is one in the source too.

    Raises SourceError if that is not possible.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        return decode(path, text.encode(encoding))
    except SyntaxError as error:
        raise SourceError(path, str(error), 1) from error
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise SourceError(
            path, f"the text cannot be written in {error.encoding}, its declared encoding", line
        ) from error
