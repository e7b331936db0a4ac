from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from app.errors import ModelError
from app.vision.runtime import OnnxSession
from app.vision.runtime.overlap import run_overlapped
from tests.small_models import doubling_model


def test_results_come_in_order():
    assert list(run_overlapped(lambda number: number * 2, iter(range(50)))) == [2 * number for number in range(50)]
    assert list(run_overlapped(lambda number: number, [])) == []


def test_two_are_in_flight_at_once():
    meeting = threading.Barrier(2, timeout=10)  # breaks, and fails the test, where one waits for the other

    def run(number: int) -> int:
        meeting.wait()
        return number

    assert list(run_overlapped(run, range(6))) == list(range(6))


def test_no_more_items_are_made_than_needed():
    made = []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    results = run_overlapped(lambda number: number, items())
    assert next(results) == 0
    assert len(made) == 3
    results.close()
    assert len(made) == 3


def test_an_error_comes_out_in_its_place():
    def run(number: int) -> int:
        if number == 2:
            raise ModelError("two")
        return number

    results = run_overlapped(run, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ModelError, match="two"):
        next(results)


@pytest.mark.parametrize("accelerated", [False, True])
def test_a_session_runs_batches(accelerated):
    session = OnnxSession(doubling_model())
    if accelerated:
        session.providers = ("cuda", "cpu")
    batches = ({"x": np.full((rows, 2), rows, np.float32)} for rows in (1, 2, 3))
    answers = [outputs[0] for outputs in session.run_all(batches)]
    assert [answer.shape for answer in answers] == [(1, 2), (2, 2), (3, 2)]
    assert [float(answer[0, 0]) for answer in answers] == [2.0, 4.0, 6.0]
