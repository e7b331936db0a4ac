from __future__ import annotations

import os
import signal

import pytest

from app.vision.runtime import available_cores, worker_pool


def test_one_pool_for_all_that_want_as_many_threads():
    assert worker_pool(2) is worker_pool(2)
    assert worker_pool(2) is not worker_pool(3)
    assert worker_pool() is worker_pool(available_cores())


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
