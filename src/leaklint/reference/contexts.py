"""The contexts that work travels with. A *state id* names whose work it is, in the cache and in the audit trail."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Work = TypeVar("Work")


class BatchContext(msgspec.Struct, frozen=True):
    """One batch. Batches that run at the same time need different state ids."""

    state_id: str


class RowContext(msgspec.Struct, Generic[Work], frozen=True):
    """One piece of work of a batch: what is to be done about which row, under which state id."""

    row: Work
    state_id: str
    row_index: int
    """Position of the row in its batch, from 0."""
