"""The same work on a dask.distributed cluster, whose workers see the repositories under the same paths.

Only the driver writes results. `pure=False`, because two runs over one repository are two pieces of work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from distributed import Client

SECONDS = 10
"""How long a scheduler may take to answer."""

ABSENT = 'a cluster needs dask.distributed: pip install "flake8-leaklint[fleet]"'


class ClusterError(Exception):
    """A cluster that cannot be used, and why."""


class Cluster(msgspec.Struct, frozen=True):
    """A cluster that answers: how many threads work there, and how to get an executor."""

    workers: int
    executor: Callable[[], Executor]


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to the scheduler at `address`, such as `tcp://host:8786`. Raises ClusterError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(ABSENT) from error
    try:
        client = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"the scheduler at {address} does not answer: {error}") from error
    with client:
        workers = _threads(client)
        if not workers:
            raise ClusterError(f"the scheduler at {address} has no workers")
        yield Cluster(workers, lambda: _executor(client))


def _threads(client: Client) -> int:
    return sum(client.nthreads().values())


def _executor(client: Client) -> Executor:
    executor: Executor = client.get_executor(pure=False)
    return executor
