"""What to watch in production: the cache's size between batches, which is 0 or 1 unless something leaks."""

from __future__ import annotations

import logging
import threading

import msgspec

_LOGGER = logging.getLogger(__name__)


class CacheReading(msgspec.Struct, frozen=True):
    """The metrics at one moment."""

    batches: int = 0
    """Batches finished, failed ones included."""
    cached_clients: int = 0
    """Gauge: clients cached after the last batch."""
    most_cached_clients: int = 0
    """The highest the gauge has been."""
    alerts: int = 0
    """Batches after which the gauge stood above the threshold."""


class CacheMetrics:
    """Counts batches and gauges the cache after each; logs a warning while the gauge is above the threshold."""

    def __init__(self, alert_above: int) -> None:
        self._alert_above = alert_above
        self._lock = threading.Lock()
        self._reading = CacheReading()

    def batch_finished(self, cached_clients: int) -> None:
        """Note the end of a batch that left `cached_clients` entries in the cache."""
        alarming = cached_clients > self._alert_above
        with self._lock:
            last = self._reading
            self._reading = CacheReading(
                batches=last.batches + 1,
                cached_clients=cached_clients,
                most_cached_clients=max(last.most_cached_clients, cached_clients),
                alerts=last.alerts + alarming,
            )
        if alarming:
            _LOGGER.warning("%d clients cached between batches, expected 0 or 1: suspect a leak", cached_clients)

    def read(self) -> CacheReading:
        """Read the metrics as they are now."""
        with self._lock:
            return self._reading
