"""What comes back from a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaklint.reference.executor import Outcome
    from leaklint.reference.queries import QuerySpec, Row


class BatchResult(msgspec.Struct, frozen=True):
    """One batch: `success` with a row for every row that came in, or `error` with the reason and no rows.

    A query without an answer is no error of the batch: its row says so under `_error`.
    """

    status: Literal["success", "error"]
    rows: tuple[dict[str, object], ...] = ()
    reason: str | None = None


def answered_row(row: Row, specs: Sequence[QuerySpec], outcomes: Sequence[Outcome[str]]) -> dict[str, object]:
    """`row` with its answers under the queries' names; `_error` maps each query that failed to the reason."""
    answered = dict(row)
    failures: dict[str, str] = {}
    for spec, outcome in zip(specs, outcomes, strict=True):
        if outcome.error is None:
            answered[spec.name] = outcome.answer
        else:
            failures[spec.name] = outcome.error
    if failures:
        answered["_error"] = failures
    return answered
