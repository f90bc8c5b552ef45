"""What can go wrong between a row and its answers."""

from __future__ import annotations


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the field."""


class QueryError(Exception):
    """One query about one row has no answer; the other queries go on."""


class CapacityError(QueryError):
    """The service refused a call for capacity (429); it may be tried again."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("refused for capacity (429)")
        self.retry_after_seconds = retry_after_seconds
        """How long the service asks to wait, or None if it does not say."""


class AccessDeniedError(Exception):
    """The service does not know the key or denies it the deployment: no call of the batch can succeed."""
