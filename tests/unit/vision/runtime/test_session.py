from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelError
from app.vision.runtime import Model, OnnxSession
from tests.small_models import doubling_model


@pytest.mark.parametrize("given", ["bytes", "file", "function"])
def test_runs_a_model(tmp_path: Path, given: str):
    path = tmp_path / "m.onnx"
    path.write_bytes(doubling_model())
    models: dict[str, Model] = {"bytes": doubling_model(), "file": path, "function": doubling_model}
    session = OnnxSession(models[given], threads=1)
    assert (session.input_names, session.output_names) == (["x"], ["y"])
    for rows in (1, 3, 0):
        (y,) = session.run({"x": np.ones((rows, 2), np.float32)})
        assert y.shape == (rows, 2)
        assert (y == 2).all()


def test_counts_its_seconds():
    session = OnnxSession(doubling_model())
    assert session.seconds == 0
    session.run({"x": np.ones((1, 2), np.float32)})
    first = session.seconds
    session.run({"x": np.ones((1, 2), np.float32)})
    assert 0 < first < session.seconds


def test_many_threads_may_share_a_session():
    session = OnnxSession(doubling_model(), threads=1)

    def run(value: int) -> float:
        return float(session.run({"x": np.full((1, 2), value, np.float32)})[0][0, 0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(50))) == [2.0 * value for value in range(50)]


def test_runs_that_overlap_count_once():
    session = OnnxSession(doubling_model(), threads=1)
    rows = np.ones((2_000_000, 2), np.float32)
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: session.run({"x": rows}), range(12)))
    assert 0 < session.seconds <= time.perf_counter() - started


@pytest.mark.parametrize(
    "inputs",
    [{"x": np.ones((1, 3), np.float32)}, {"x": np.ones((1, 2), np.float64)}, {"z": np.ones((1, 2), np.float32)}],
    ids=["shape", "dtype", "name"],
)
def test_unfit_input_is_our_error(inputs):
    with pytest.raises(ModelError) as caught:
        OnnxSession(doubling_model()).run(inputs)
    assert caught.value.__cause__ is not None


def test_a_broken_model_is_our_error(tmp_path: Path):
    with pytest.raises(ModelError):
        OnnxSession(b"no model at all")
    with pytest.raises(ModelError):
        OnnxSession(tmp_path / "missing.onnx")
