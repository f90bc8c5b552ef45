import logging
import threading

import pytest

from leaklint.reference.contexts import BatchContext

QUERIES = ("summary", "language", "sentiment", "topic")
BATCH = BatchContext(state_id="batch-001")


def rows(count):
    return [{"text": f"row {index}", "id": index} for index in range(count)]


@pytest.mark.parametrize("pool_size", [1, 8])
def test_rows_come_back_in_order_with_their_fields_and_answers(start_server, open_transform, pool_size):
    transform = open_transform(start_server(), pool_size=pool_size)
    result = transform.process_batch(rows(12), BATCH)
    expected = [{**row, **{name: f"answer to: {name} of {row['text']}" for name in QUERIES}} for row in rows(12)]
    assert list(result.rows) == expected


def test_one_row_is_a_batch_of_its_own(start_server, open_transform):
    server = start_server()
    result = open_transform(server).process({"text": "only"}, BATCH)
    assert (result.status, len(result.rows), server.calls) == ("success", 1, 4)


def test_no_rows_need_no_call(start_server, open_transform):
    server = start_server()
    result = open_transform(server).process_batch([], BATCH)
    assert (result.status, result.rows, server.calls) == ("success", (), 0)


def test_every_query_has_a_client_of_its_own_in_the_pool(start_server, open_transform):
    records = []
    open_transform(start_server(), audit=records.append).process_batch(rows(2), BATCH)
    expected = {f"batch-001_r{row}_q{query}" for row in range(2) for query in range(4)}
    assert {record.state_id for record in records} == expected
    assert {record.call_index for record in records} == {0}


def test_queries_one_after_the_other_share_the_batch_client(start_server, open_transform):
    records = []
    transform = open_transform(start_server(), audit=records.append, pool_size=1)
    transform.process_batch(rows(2), BATCH)
    assert {record.state_id for record in records} == {"batch-001"}
    assert [record.call_index for record in records] == list(range(8))
    assert len(transform._llm_clients) == 0


def test_a_refused_call_is_tried_again_by_the_same_client(start_server, open_transform):
    records = []
    server = start_server(refuse=4)
    transform = open_transform(server, audit=records.append)
    result = transform.process_batch(rows(1), BATCH)
    assert "_error" not in result.rows[0]
    assert server.calls == 8
    assert sum(record.error == "refused for capacity (429)" for record in records) == 4
    for query in range(4):
        trail = [record for record in records if record.state_id == f"batch-001_r0_q{query}"]
        assert [record.call_index for record in trail] == list(range(len(trail)))
        assert [record.error is None for record in trail] == [False] * (len(trail) - 1) + [True]


def test_the_audit_trail_has_prompt_answer_and_time(start_server, open_transform):
    records = []
    open_transform(start_server(), audit=records.append).process(rows(1)[0], BATCH)
    (record,) = (record for record in records if record.state_id.endswith("_q1"))
    assert record.prompt == "language of row 0"
    assert record.answer == "answer to: language of row 0"
    assert record.error is None
    assert record.started_at > 0
    assert record.seconds > 0


@pytest.mark.parametrize(
    ("headers", "calls"),
    [
        ({"retry-after": "3600"}, 4),
        ({"retry-after-ms": "3600000", "retry-after": "0"}, 4),
        ({"retry-after-ms": "1"}, 8),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 8),
    ],
)
def test_the_wait_named_by_the_service_decides_whether_to_try_again(start_server, open_transform, headers, calls):
    server = start_server(refuse=4, refusal_headers=headers)
    open_transform(server).process(rows(1)[0], BATCH)
    assert server.calls == calls


def test_an_answer_without_text_is_an_error_of_the_row(start_server, open_transform):
    result = open_transform(start_server(answer=lambda prompt: None)).process(rows(1)[0], BATCH)
    assert set(result.rows[0]["_error"].values()) == {"the model gave no text (stop)"}


def test_a_slow_service_is_an_error_of_the_row(start_server, open_transform):
    transform = open_transform(start_server(delay_seconds=0.2), request_seconds=0.05)
    result = transform.process(rows(1)[0], BATCH)
    assert set(result.rows[0]["_error"].values()) == {"the service did not answer in time"}
    assert len(transform._llm_clients) == 0


def test_a_row_without_the_field_keeps_the_other_rows_answers(start_server, open_transform):
    result = open_transform(start_server()).process_batch([{"text": "row 0"}, {"id": 1}], BATCH)
    assert "_error" not in result.rows[0]
    assert result.rows[1] == {"id": 1, "_error": dict.fromkeys(QUERIES, "the row has no field 'text'")}


def test_a_failing_query_keeps_the_other_queries_answers(start_server, open_transform):
    queries = [{"name": "good", "template": "$text"}, {"name": "bad", "template": "$missing"}]
    result = open_transform(start_server(), queries=queries).process({"text": "hi"}, BATCH)
    assert result.rows[0]["good"] == "answer to: hi"
    assert result.rows[0]["_error"] == {"bad": "the row has no field 'missing'"}


@pytest.mark.parametrize("pool_size", [1, 4])
def test_denied_access_ends_the_batch_and_leaves_nothing(start_server, open_transform, pool_size):
    server = start_server(refuse=10**6, refusal_status=403)
    transform = open_transform(server, pool_size=pool_size)
    result = transform.process_batch(rows(50), BATCH)
    assert (result.status, result.rows, result.reason) == ("error", (), "access denied (403)")
    assert server.calls < 200
    assert len(transform._llm_clients) == 0


def test_a_server_error_is_not_tried_again(start_server, open_transform):
    server = start_server(refuse=10**6, refusal_status=500)
    result = open_transform(server).process(rows(1)[0], BATCH)
    assert set(result.rows[0]["_error"].values()) == {"the service answered 500"}
    assert server.calls == 4


def test_an_unreachable_service_is_an_error_of_the_row(start_server, open_transform):
    endpoint = {"url": "http://127.0.0.1:9", "deployment": "a-model"}
    result = open_transform(start_server(), endpoint=endpoint).process(rows(1)[0], BATCH)
    assert all(reason.startswith("the call failed: ") for reason in result.rows[0]["_error"].values())


def test_an_audit_sink_that_fails_leaves_nothing(start_server, open_transform):
    def broken_sink(record):
        raise OSError("disk full")

    transform = open_transform(start_server(), audit=broken_sink)
    with pytest.raises(OSError, match="disk full"):
        transform.process_batch(rows(3), BATCH)
    assert len(transform._llm_clients) == 0


def test_batches_at_the_same_time_do_not_disturb_each_other(start_server, open_transform):
    transform = open_transform(start_server())
    results = {}

    def process(name):
        results[name] = transform.process_batch([{"text": f"{name} {index}"} for index in range(5)], BatchContext(name))

    threads = [threading.Thread(target=process, args=(f"batch-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, result in results.items():
        assert [row["topic"] for row in result.rows] == [f"answer to: topic of {name} {index}" for index in range(5)]
    assert len(results) == 4
    assert len(transform._llm_clients) == 0


def test_the_gauge_is_at_rest_between_batches(start_server, open_transform, caplog):
    transform = open_transform(start_server())
    for number in range(3):
        transform.process_batch(rows(2), BatchContext(f"batch-{number}"))
    reading = transform.metrics.read()
    assert (reading.batches, reading.cached_clients, reading.most_cached_clients, reading.alerts) == (3, 0, 0, 0)
    assert not caplog.records


def test_the_twin_raises_the_alert(start_server, open_transform, caplog):
    transform = open_transform(start_server(), "leaking")
    with caplog.at_level(logging.WARNING, "leaklint.reference.metrics"):
        for number in range(3):
            transform.process_batch(rows(10), BatchContext(f"batch-{number}"))
    reading = transform.metrics.read()
    assert (reading.cached_clients, reading.alerts) == (120, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "120 clients cached between batches, expected 0 or 1: suspect a leak"
    ]


def test_closing_empties_the_cache(start_server, open_transform):
    transform = open_transform(start_server())
    transform._get_llm_client("batch-001")
    assert len(transform._llm_clients) == 1
    transform.close()
    assert len(transform._llm_clients) == 0
