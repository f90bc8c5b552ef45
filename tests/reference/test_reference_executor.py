import itertools
import threading
import time

import pytest

from leaklint.reference.configuration import RetryLimits
from leaklint.reference.contexts import RowContext
from leaklint.reference.errors import CapacityError, QueryError
from leaklint.reference.executor import PooledExecutor

LIMITS = RetryLimits(retry_seconds=10, first_wait_seconds=0.005, longest_wait_seconds=0.01)
SHORT = RetryLimits(retry_seconds=0.05, first_wait_seconds=0.005, longest_wait_seconds=0.01)


def contexts(count):
    return [RowContext(row=index, state_id=f"id-{index}", row_index=index) for index in range(count)]


def test_results_are_in_order_whoever_finishes_first():
    def slow_first(row, state_id):
        time.sleep(0.02 if row == 0 else 0)
        return (row, state_id)

    outcomes = PooledExecutor(4, LIMITS).execute_batch(contexts(8), slow_first)
    assert [outcome.answer for outcome in outcomes] == [(index, f"id-{index}") for index in range(8)]


def test_refused_work_is_tried_again_until_it_succeeds():
    tries = []

    def third_time(row, state_id):
        tries.append(row)
        if len(tries) < 3:
            raise CapacityError(None)
        return "done"

    (outcome,) = PooledExecutor(1, LIMITS).execute_batch(contexts(1), third_time)
    assert (outcome.answer, outcome.error, len(tries)) == ("done", None, 3)


def test_refusals_end_when_the_retry_time_is_over():
    def refuse(row, state_id):
        raise CapacityError(None)

    started = time.monotonic()
    (outcome,) = PooledExecutor(1, SHORT).execute_batch(contexts(1), refuse)
    assert outcome.error == "refused for capacity (429) until the retry time was over"
    assert time.monotonic() - started < 1


def test_a_wait_beyond_the_retry_time_is_not_begun():
    tries = []

    def refuse(row, state_id):
        tries.append(row)
        raise CapacityError(retry_after_seconds=3600)

    (outcome,) = PooledExecutor(1, LIMITS).execute_batch(contexts(1), refuse)
    assert (len(tries), outcome.error) == (1, "refused for capacity (429) until the retry time was over")


def test_waits_double_up_to_the_longest():
    times = []

    def refuse(row, state_id):
        times.append(time.monotonic())
        raise CapacityError(None)

    limits = RetryLimits(retry_seconds=0.3, first_wait_seconds=0.005, longest_wait_seconds=0.02)
    PooledExecutor(1, limits).execute_batch(contexts(1), refuse)
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert waits[0] >= 0.005
    assert waits[1] >= 0.01
    assert len(waits[2:]) > 1
    assert min(waits[2:]) >= 0.02


def test_the_wait_the_service_names_is_kept():
    times = []

    def second_time(row, state_id):
        times.append(time.monotonic())
        if len(times) == 1:
            raise CapacityError(retry_after_seconds=0.03)
        return "done"

    PooledExecutor(1, LIMITS).execute_batch(contexts(1), second_time)
    assert times[1] - times[0] >= 0.03


def test_other_query_errors_are_not_tried_again():
    tries = []

    def fail(row, state_id):
        tries.append(row)
        raise QueryError("no")

    (outcome,) = PooledExecutor(1, LIMITS).execute_batch(contexts(1), fail)
    assert (outcome.error, len(tries)) == ("no", 1)


def test_work_that_has_not_begun_when_the_batch_time_is_over_is_dropped():
    limits = RetryLimits(batch_seconds=0.3)
    done = []

    def work(row, state_id):
        time.sleep(0.1)
        done.append(row)

    outcomes = PooledExecutor(1, limits).execute_batch(contexts(10), work)
    assert outcomes[0].error is None
    assert outcomes[-1].error == "the batch's time was over before the call"
    assert len(done) < 10


def test_an_unexpected_exception_ends_the_batch_and_nothing_runs_afterwards():
    begun, finished = [], []
    bad_may_fail = threading.Event()

    def work(row, state_id):
        begun.append(row)
        if row == 0:
            bad_may_fail.wait(1)
            raise ZeroDivisionError
        bad_may_fail.set()
        time.sleep(0.02)
        finished.append(row)

    with pytest.raises(ZeroDivisionError):
        PooledExecutor(2, LIMITS).execute_batch(contexts(100), work)
    assert sorted(begun) == sorted([0, *finished])
    assert len(begun) < 100


def test_an_unexpected_exception_ends_a_wait_for_capacity():
    waiting = threading.Event()

    def work(row, state_id):
        if row == 0:
            waiting.wait(1)
            raise ZeroDivisionError
        waiting.set()
        raise CapacityError(retry_after_seconds=30)

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        PooledExecutor(2, RetryLimits()).execute_batch(contexts(2), work)
    assert time.monotonic() - started < 5
