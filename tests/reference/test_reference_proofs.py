"""What proved the repair of the reference case, through the real openai client, and the same on the leaking twin."""

import math

import pytest

from leaklint.reference.contexts import BatchContext

BATCH = BatchContext(state_id="batch-001")


def rows(count):
    return [{"text": f"row {index}"} for index in range(count)]


@pytest.mark.parametrize(("side", "entries_left"), [("repaired", 0), ("leaking", 40)])
def test_success_takes_40_calls(start_server, open_transform, side, entries_left):
    server = start_server()
    transform = open_transform(server, side)
    result = transform.process_batch(rows(10), BATCH)
    assert result.status == "success"
    assert len(result.rows) == 10
    assert not any("_error" in row for row in result.rows)
    assert server.calls == 40
    assert len(transform._llm_clients) == entries_left


@pytest.mark.parametrize(("side", "entries_left"), [("repaired", 0), ("leaking", 20)])
def test_refusal_until_the_retry_time_is_over_marks_every_row(start_server, open_transform, side, entries_left):
    server = start_server(refuse=math.inf)
    retry = {"retry_seconds": 0.3, "first_wait_seconds": 0.02, "longest_wait_seconds": 0.05}
    transform = open_transform(server, side, pool_size=20, retry=retry)
    result = transform.process_batch(rows(5), BATCH)
    assert result.status == "success"
    assert len(result.rows) == 5
    for row in result.rows:
        assert set(row["_error"]) == {"summary", "language", "sentiment", "topic"}
        assert set(row["_error"].values()) == {"refused for capacity (429) until the retry time was over"}
    assert server.calls > 20
    assert len(transform._llm_clients) == entries_left


@pytest.mark.parametrize(("side", "left_by_a_batch"), [("repaired", 0), ("leaking", 4)])
def test_entries_over_many_batches(start_server, open_transform, side, left_by_a_batch):
    transform = open_transform(start_server(), side)
    after = {}
    for batch in range(1, 101):
        transform.process(rows(1)[0], BatchContext(state_id=f"batch-{batch}"))
        after[batch] = len(transform._llm_clients)
    assert (after[1], after[10], after[100]) == (left_by_a_batch, 10 * left_by_a_batch, 100 * left_by_a_batch)


@pytest.mark.parametrize("refuse", [0, 3])
def test_both_sides_answer_alike(start_server, open_transform, refuse):
    # One call at a time, so that the refused calls are the same ones on both sides.
    trails = {"repaired": [], "leaking": []}
    results = {}
    for side in trails:
        transform = open_transform(start_server(refuse=refuse), side, audit=trails[side].append, pool_size=1)
        results[side] = transform.process_batch(rows(3), BATCH)
    assert results["repaired"] == results["leaking"]
    comparable = {side: [(r.state_id, r.prompt, r.answer, r.error) for r in trail] for side, trail in trails.items()}
    assert comparable["repaired"] == comparable["leaking"]
