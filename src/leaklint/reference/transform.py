"""The transform: asks every query about every row of a batch and caches one audited client per state id meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from leaklint.reference.audit import AuditSink, log_record
from leaklint.reference.client import AuditedClient, connect
from leaklint.reference.contexts import BatchContext, RowContext
from leaklint.reference.errors import AccessDeniedError
from leaklint.reference.executor import Outcome, PooledExecutor
from leaklint.reference.metrics import CacheMetrics
from leaklint.reference.queries import QuerySpec, QueryWork, Row
from leaklint.reference.results import BatchResult, answered_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from leaklint.reference.configuration import MultiQueryConfig


class MultiQueryTransform:
    """Rows in, answered rows out. Several threads may process batches of different state ids at once."""

    def __init__(self, config: MultiQueryConfig, audit: AuditSink = log_record) -> None:
        self._config = config
        self._query_specs = config.queries
        self._audit = audit
        self._executor = PooledExecutor(config.pool_size, config.retry)
        self._connection = connect(config.endpoint)
        self._llm_clients: dict[str, AuditedClient] = {}
        self._llm_clients_lock = threading.Lock()
        self.metrics = CacheMetrics(config.alert_above)

    def __enter__(self) -> MultiQueryTransform:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the transform cannot be used any more."""
        self._connection.close()
        with self._llm_clients_lock:
            self._llm_clients.clear()

    def process(self, row: Row, ctx: BatchContext) -> BatchResult:
        """Ask every query about one row, as a batch of its own."""
        return self.process_batch([row], ctx)

    def process_batch(self, rows: Sequence[Row], ctx: BatchContext) -> BatchResult:
        """Ask every query about every row; the result has the rows in their order."""
        try:
            return BatchResult("success", tuple(self._process_batch(rows, ctx)))
        except AccessDeniedError as error:
            return BatchResult("error", reason=str(error))
        finally:
            self.metrics.batch_finished(len(self._llm_clients))

    def _process_batch(self, rows: Sequence[Row], ctx: BatchContext) -> list[dict[str, object]]:
        try:
            if self._config.pool_size == 1:
                return self._process_batch_sequential(rows, ctx)
            return self._process_batch_concurrent(rows, ctx)
        finally:
            with self._llm_clients_lock:
                self._llm_clients.pop(ctx.state_id, None)

    def _process_batch_sequential(self, rows: Sequence[Row], ctx: BatchContext) -> list[dict[str, object]]:
        contexts = [
            RowContext(row=QueryWork(row, spec), state_id=ctx.state_id, row_index=row_idx)
            for row_idx, row in enumerate(rows)
            for spec in self._query_specs
        ]
        all_results = self._executor.execute_batch(
            contexts, lambda work, state_id: self._process_single_query(work.row, work.spec, state_id)
        )
        return self._answered_rows(rows, all_results)

    def _process_batch_concurrent(self, rows: Sequence[Row], ctx: BatchContext) -> list[dict[str, object]]:
        def process_fn(work: QueryWork, work_state_id: str) -> str:
            return self._process_single_query(work.row, work.spec, work_state_id)

        # Each query has a client of its own: a client numbers its calls, so no two threads may share one.
        contexts = []
        per_query_state_ids = []
        for row_idx, row in enumerate(rows):
            for query_idx, spec in enumerate(self._query_specs):
                query_state_id = f"{ctx.state_id}_r{row_idx}_q{query_idx}"
                per_query_state_ids.append(query_state_id)
                contexts.append(RowContext(row=QueryWork(row, spec), state_id=query_state_id, row_index=row_idx))
        try:
            all_results = self._executor.execute_batch(contexts, process_fn)
        finally:
            with self._llm_clients_lock:
                for query_state_id in per_query_state_ids:
                    self._llm_clients.pop(query_state_id, None)
        return self._answered_rows(rows, all_results)

    def _process_single_query(self, row: Row, spec: QuerySpec, state_id: str) -> str:
        client = self._get_llm_client(state_id)
        return client.ask(spec, spec.render(row))

    def _get_llm_client(self, state_id: str) -> AuditedClient:
        with self._llm_clients_lock:
            if state_id not in self._llm_clients:
                deployment = self._config.endpoint.deployment
                self._llm_clients[state_id] = AuditedClient(state_id, self._connection, deployment, self._audit)
            return self._llm_clients[state_id]

    def _answered_rows(self, rows: Sequence[Row], all_results: Sequence[Outcome[str]]) -> list[dict[str, object]]:
        width = len(self._query_specs)
        return [
            answered_row(row, self._query_specs, all_results[row_idx * width : (row_idx + 1) * width])
            for row_idx, row in enumerate(rows)
        ]
