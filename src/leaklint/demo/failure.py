"""Why the demonstration cannot go on."""

from __future__ import annotations


class DemoError(Exception):
    """A step of the demonstration failed; the message is for the reader."""
