"""Stopwatches of the benchmarks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.clock import Steps, timed


def _work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_processor_time_counts_all_threads_and_wall_time_does_not_stop() -> None:
    with timed() as elapsed:
        threads = [threading.Thread(target=_work, args=(0.02,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert elapsed.cpu >= 0.04
    assert elapsed.wall >= 0.02


def test_of_steps_within_steps_the_outermost_counts() -> None:
    steps = Steps()
    with steps.step("outer"):
        _work(0.01)
        with steps.step("inner"):
            _work(0.02)
    with steps.step("inner"):
        pass
    assert steps.seconds["outer"] >= 0.03
    assert steps.seconds["inner"] < 0.01


def test_other_threads_are_left_out() -> None:
    steps = Steps()
    thread = threading.Thread(target=steps.around("work", _work), args=(0.01,))
    thread.start()
    thread.join()
    assert not steps.seconds


def test_functions_and_blocks_are_counted_and_otherwise_unchanged() -> None:
    steps = Steps()

    @contextmanager
    def block(value: int) -> Iterator[int]:
        yield value

    assert steps.around("call", lambda value: value + 1)(2) == 3
    with steps.around_block("block", block)(5) as value:
        _work(0.01)
    assert value == 5
    assert set(steps.seconds) == {"call", "block"}
    assert steps.seconds["block"] >= 0.01


def test_a_step_that_fails_is_counted_and_over() -> None:
    steps = Steps()
    with pytest.raises(KeyError), steps.step("broken"):
        raise KeyError
    with steps.step("next"):
        pass
    assert set(steps.seconds) == {"broken", "next"}
