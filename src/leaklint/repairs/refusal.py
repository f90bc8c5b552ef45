"""Why a repair is not made: a sentence that a person reads instead of an edit."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """No repair; `reason` is a sentence without a full stop."""

    reason: str


class RefusedError(Exception):
    """Raised between the functions of this package; the public ones turn it into a :class:`Refusal`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason)
