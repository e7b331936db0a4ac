from __future__ import annotations

import os
import signal
import threading

import pytest

from app.vision.runtime import available_cores, on_worker, spread, worker_pool


def test_one_pool_for_all_that_want_as_many_threads():
    assert worker_pool(2) is worker_pool(2)
    assert worker_pool(2) is not worker_pool(3)
    assert worker_pool() is worker_pool(available_cores())


@pytest.mark.parametrize(
    ("items", "threads", "on_pool"),
    [(0, 2, 0), (1, 2, 0), (2, 2, 2), (5, 2, 4), (7, 4, 7), (5, 4, 4), (4, 1, 0)],
)
def test_what_would_leave_cores_idle_is_done_by_the_caller(items: int, threads: int, on_pool: int):
    assert spread(lambda number: (number, on_worker()), range(items), threads) == [
        (number, number < on_pool) for number in range(items)
    ]


def test_items_are_worked_on_at_once():
    meeting = threading.Barrier(2, timeout=10)
    spread(lambda _: meeting.wait(), range(4), 2)


def test_work_on_the_pool_does_not_wait_for_the_pool():
    assert spread(lambda _: spread(lambda number: number, range(4), 2), range(4), 2) == [[0, 1, 2, 3]] * 4
    assert not on_worker()


def test_what_goes_wrong_is_heard():
    def fail(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    with pytest.raises(ValueError, match="two"):
        spread(fail, range(4), 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_gets_a_pool_of_its_own():
    assert worker_pool(2).submit(int, "7").result() == 7
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(10)  # the threads of the parent are not here: a task for them would wait for ever
            code = 0 if worker_pool(2).submit(int, "7").result() == 7 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
