"""What the transform is told: endpoint, queries, pool, retry limits. The key is no part of it: it stays outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from leaklint.reference.errors import ConfigError
from leaklint.reference.queries import QuerySpec, check_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the model is served."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    deployment: Annotated[str, msgspec.Meta(min_length=1)]
    api_version: str = "2024-10-21"
    api_key_variable: str = "AZURE_OPENAI_API_KEY"
    """The environment variable that holds the key."""
    request_seconds: Seconds = 60.0
    """How long one call may wait for the service."""


class RetryLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long refused calls are tried again; every wait doubles the one before unless the service names a time."""

    retry_seconds: Seconds = 300.0
    """From a query's first call to the last moment another one may start."""
    first_wait_seconds: Seconds = 0.5
    longest_wait_seconds: Seconds = 30.0
    batch_seconds: Seconds = 3600.0
    """From the batch's start to the last moment any call may start."""


class MultiQueryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that shapes a :class:`~leaklint.reference.transform.MultiQueryTransform`."""

    endpoint: Endpoint
    queries: Annotated[tuple[QuerySpec, ...], msgspec.Meta(min_length=1)]
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    """Calls under way at once; with 1 the queries of a batch follow each other and share one client."""
    retry: RetryLimits = RetryLimits()
    alert_above: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Cached clients between two batches above which the metrics report a suspected leak."""


def load_config(data: Mapping[str, object]) -> MultiQueryConfig:
    """Read a configuration from plain data, as JSON or TOML yields it; ConfigError names the field that is wrong."""
    try:
        config = msgspec.convert(dict(data), MultiQueryConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None
    check_queries(config.queries)
    return config
