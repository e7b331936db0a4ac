"""Recording runs of networks, and making them again."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from app.domain import Image
from app.vision import FaceEngine
from benchmarks import bare


@pytest.fixture
def doubler() -> onnxruntime.InferenceSession:
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(onnx.ModelProto.SerializeToString(model), providers=["CPUExecutionProvider"])


def test_runs_are_recorded_as_they_were_and_made_again(doubler: onnxruntime.InferenceSession) -> None:
    array = np.ones(3, np.float32)
    with bare.taped() as tape:
        assert doubler.run(None, {"x": array})[0].tolist() == [2.0] * 3
        array[:] = 7.0  # who called may use the array again
        doubler.run(["y"], {"x": array[:1]})
    assert [(call.outputs, call.inputs["x"].tolist()) for call in tape.calls] == [(None, [1.0] * 3), (["y"], [7.0])]
    assert all(call.end > call.begin for call in tape.calls)
    with bare.taped() as again:
        assert bare.replay(tape) > 0
    assert [call.inputs["x"].tolist() for call in again.calls] == [[1.0] * 3, [7.0]]


def test_nothing_is_recorded_outside_of_the_block(doubler: onnxruntime.InferenceSession) -> None:
    with bare.taped(keep_inputs=False) as tape:
        doubler.run(None, {"x": np.ones(1, np.float32)})
    doubler.run(None, {"x": np.ones(1, np.float32)})
    assert [call.inputs for call in tape.calls] == [{}]


def test_as_many_runs_are_made_at_once_as_there_were_threads(doubler: onnxruntime.InferenceSession) -> None:
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        doubler.run(None, {"x": np.ones(1, np.float32)})

    with bare.taped() as tape:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        doubler.run(None, {"x": np.ones(2, np.float32)})
    # the two at once, then what the recording thread ran itself
    assert [[len(calls) for calls in phase] for phase in tape.phases()] == [[1, 1], [1]]
    assert bare.replay(tape) > 0


def test_the_networks_of_an_engine_are_all_recorded(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine("bundled", models_cache)
    engine.analyse([astronaut])
    with bare.taped() as tape:
        faces = engine.analyse([astronaut])[0]
    assert len({id(call.session) for call in tape.calls}) >= 4  # three of MTCNN, then the embedder
    assert len(faces) >= 1
    assert 0 < bare.replay(tape) < 60


@pytest.mark.parametrize(
    ("intervals", "others", "expected"),
    [
        pytest.param([(0.0, 1.0), (2.0, 3.0)], [], 2.0, id="apart"),
        pytest.param([(0.0, 2.0), (1.0, 3.0)], [], 3.0, id="overlapping count once"),
        pytest.param([(0.0, 4.0)], [(1.0, 2.0), (3.0, 9.0)], 2.0, id="cut by others"),
        pytest.param([(1.0, 2.0)], [(0.0, 3.0)], 0.0, id="hidden"),
        pytest.param([], [(0.0, 3.0)], 0.0, id="nothing"),
    ],
)
def test_seconds_outside(intervals: list[bare.Interval], others: list[bare.Interval], expected: float) -> None:
    assert bare.outside(intervals, others) == pytest.approx(expected)
