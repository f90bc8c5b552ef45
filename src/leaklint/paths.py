"""How paths are compared and shown."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str) -> str:
    """Make `path` absolute and free of `..`, without following symbolic links."""
    return os.path.normpath(Path(path).absolute())


def is_directory(path: str) -> bool:
    """Whether it is one; False where that cannot be seen, in a directory that is closed to the user."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def inside(path: str, directory: str) -> str | None:
    """Make `path` relative to `directory`, with forward slashes; None if it lies outside of it."""
    relative = _relative(absolute(path), absolute(directory))
    return None if relative is None else relative.replace(os.sep, "/")


def shown(path: str) -> str:
    """Make `path` what people read: relative to the working directory if it lies there, else as it is."""
    relative = _relative(absolute(path), str(Path.cwd()))
    return path if relative is None else relative


def encodable(text: str) -> str:
    """Write what UTF-8 cannot hold as escapes: a path's undecodable bytes, lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _relative(path: str, directory: str) -> str | None:
    prefix = directory if directory.endswith(os.sep) else directory + os.sep
    return path[len(prefix) :] if path.startswith(prefix) else None
