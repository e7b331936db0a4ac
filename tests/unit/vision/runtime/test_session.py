from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelError
from app.vision.runtime import Model, OnnxSession, RuntimeOptions, give_back_memory, loading, spread
from app.vision.runtime.loading import Plan
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


@pytest.mark.parametrize("fixed", [False, True])
def test_sessions_share_memory_and_do_not_spin(fixed: bool):
    options = loading._options(Plan(RuntimeOptions(threads=3), None, False, fixed, None))
    assert options.intra_op_num_threads == 3
    assert options.enable_mem_pattern is fixed
    assert options.get_session_config_entry("session.use_env_allocators") == "1"
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_session_that_promised_its_shapes_runs():
    session = OnnxSession(doubling_model(), fixed_shapes=True)
    for value in (1, 2, 3):
        assert (session.run({"x": np.full((4, 2), value, np.float32)})[0] == 2 * value).all()


def test_what_cannot_be_needed_again_is_not_kept():
    model = doubling_model()
    assert OnnxSession(model)._model == b""
    assert OnnxSession(model, runtime=RuntimeOptions(idle_seconds=60))._model == model


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_makes_sessions_of_its_own():
    rows = np.ones((1, 2), np.float32)
    OnnxSession(doubling_model(), threads=2).run({"x": rows})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            session = OnnxSession(doubling_model(), runtime=RuntimeOptions(threads=2, idle_seconds=60))
            code = 0 if (session.run({"x": rows})[0] == 2).all() else 2
            give_back_memory()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_twin_runs_on_workers_and_only_there():
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(("cpu",), threads=2), twin_bytes=2**20)
    x = {"x": np.ones((1, 2), np.float32)}
    assert session.side_by_side
    session.run(x)
    assert session._twin is None
    assert [float(y[0, 0]) for (y,) in spread(lambda _: session.run(x), range(4), 2)] == [2.0] * 4
    assert session._twin is not None
    assert session._model == b""  # nothing is loaded any more
    assert session.seconds > 0


@pytest.mark.parametrize(("twin_bytes", "threads"), [(0, 2), (10, 2), (2**20, 1)], ids=["unasked", "large", "one core"])
def test_not_every_network_has_a_twin(twin_bytes: int, threads: int):
    session = OnnxSession(doubling_model(), runtime=RuntimeOptions(("cpu",), threads=threads), twin_bytes=twin_bytes)
    assert not session.side_by_side
    spread(lambda _: session.run({"x": np.ones((1, 2), np.float32)}), range(4), 2)
    assert session._twin is None


def test_a_twin_is_unloaded_with_the_other():
    runtime = RuntimeOptions(("cpu",), threads=2, idle_seconds=1e-3)
    session = OnnxSession(doubling_model(), runtime=runtime, twin_bytes=2**20)
    for _ in range(2):
        spread(lambda _: session.run({"x": np.ones((1, 2), np.float32)}), range(2), 2)
        deadline = time.monotonic() + 10
        while session.loaded and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not session.loaded
        assert session._twin is None
