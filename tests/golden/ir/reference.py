"""The shape of the reference case."""


class Transform:
    def _process_batch(self, rows, ctx):
        try:
            return self._process_batch_concurrent(rows, ctx)
        finally:
            with self._lock:
                self._clients.pop(ctx.state_id, None)

    def _process_batch_concurrent(self, rows, ctx):
        contexts = []
        for row_index, row in enumerate(rows):
            for query_index, spec in enumerate(self._specs):
                state_id = f"{ctx.state_id}_r{row_index}_q{query_index}"
                contexts.append(RowContext(row=row, spec=spec, state_id=state_id))
        return self._executor.execute_batch(contexts, lambda work, work_state_id: self._single(work, work_state_id))

    def _client(self, state_id):
        with self._lock:
            if state_id not in self._clients:
                self._clients[state_id] = Client(self._underlying)
            return self._clients[state_id]
