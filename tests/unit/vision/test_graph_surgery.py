from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelError
from app.vision.graph_surgery import inputs_of, join_padding, read_graph, same_answers, split_prelu, take_bytes
from app.vision.runtime import OnnxSession, RuntimeOptions

CPU = RuntimeOptions(providers=("cpu",))
RANDOM = np.random.default_rng(3)


def graph(nodes: Sequence[onnx.NodeProto], weights: dict[str, np.ndarray], outputs: Sequence[str] = ("out",)) -> bytes:
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, ["n", 4, "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def node(kind: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def run(model: bytes, pixels: np.ndarray) -> np.ndarray:
    session = OnnxSession(model, runtime=CPU, threads=1)
    return session.run({session.input_names[0]: pixels})[0]


def rewritten(model: bytes, rewrite: Callable[[onnx.ModelProto], None]) -> onnx.ModelProto:
    changed = read_graph(model, "test", outputs=1)
    rewrite(changed)
    return changed


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


SLOPES = np.array([0.25, -0.5, 0.0, 1.5], np.float32)
PIXELS = RANDOM.normal(size=(2, 4, 9, 7)).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1)])
def test_prelu_is_split(shape: tuple[int, ...]) -> None:
    model = graph([node("Identity", "a", "slopes"), node("PRelu", "in slopes", "out")], {"a": SLOPES.reshape(shape)})
    changed = rewritten(model, split_prelu)
    assert "PRelu" not in kinds(changed)
    np.testing.assert_allclose(run(changed.SerializeToString(), PIXELS), run(model, PIXELS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "weights", [np.full((1, 1, 1), 0.2, np.float32), RANDOM.random((4, 9, 7)).astype(np.float32)], ids=["one", "all"]
)
def test_other_slopes_are_left_alone(weights: np.ndarray) -> None:
    model = graph([node("PRelu", "in slopes", "out")], {"slopes": weights})
    changed = rewritten(model, split_prelu)
    assert kinds(changed) == ["PRelu"]


def padded_pool(pads: Sequence[int], *, before: str = "Relu", value: float = 0.0, computed: bool = False) -> bytes:
    amounts = np.array(pads, np.int64)
    nodes = [
        node(before, "in", "a"),
        *([node("Add", "half half", "pads")] if computed else []),
        node("Pad", "a pads value", "b"),
        node("MaxPool", "b", "out", kernel_shape=[3, 3], strides=[2, 2]),
    ]
    name = {"half": amounts // 2} if computed else {"pads": amounts}
    return graph(nodes, {**name, "value": np.array(value, np.float32)})


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("pads", [(0, 0, 2, 2, 0, 0, 2, 2), (0, 0, 0, 2, 0, 0, 2, 0)])
def test_padding_is_joined(pads: Sequence[int], computed: bool) -> None:
    model = padded_pool(pads, computed=computed)
    changed = rewritten(model, join_padding)
    assert "Pad" not in kinds(changed)
    np.testing.assert_array_equal(run(changed.SerializeToString(), PIXELS), run(model, PIXELS))


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(padded_pool((0, 0, 1, 1, 0, 0, 1, 1), before="Tanh"), id="below zero before"),
        pytest.param(padded_pool((0, 0, 1, 1, 0, 0, 1, 1), value=9.0), id="not with zeros"),
        pytest.param(padded_pool((0, 1, 1, 1, 0, 0, 1, 1)), id="a channel"),
        pytest.param(padded_pool((0, 0, -1, 1, 0, 0, 1, 1)), id="cuts"),
    ],
)
def test_other_padding_is_left_alone(model: bytes) -> None:
    changed = rewritten(model, join_padding)
    assert "Pad" in kinds(changed)
    np.testing.assert_array_equal(run(changed.SerializeToString(), PIXELS), run(model, PIXELS))


def test_bytes_are_taken() -> None:
    model = graph([node("Neg", "in", "a"), node("Add", "in a", "b"), node("Sub", "b in", "out")], {})
    changed = rewritten(model, take_bytes)
    assert inputs_of(changed)[0].type.tensor_type.elem_type == TensorProto.UINT8
    pixels = RANDOM.integers(0, 256, PIXELS.shape, np.uint8)
    np.testing.assert_array_equal(run(changed.SerializeToString(), pixels), run(model, pixels.astype(np.float32)))
    take_bytes(changed)
    assert kinds(changed).count("Cast") == 1


def test_tells_different_answers() -> None:
    first = graph([node("Mul", "in factor", "out")], {"factor": np.array(2.0, np.float32)})
    nearly = graph([node("Mul", "in factor", "out")], {"factor": np.array(2.00001, np.float32)})
    other = graph([node("Mul", "in factor", "out")], {"factor": np.array(2.01, np.float32)})
    assert same_answers(first, nearly, PIXELS)
    assert not same_answers(first, other, PIXELS)
    assert not same_answers(first, b"no graph", PIXELS)


@pytest.mark.parametrize("data", [b"", b"<html>", graph([node("Neg", "in", "out")], {})[:40]])
def test_what_is_no_graph_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"weights\.onnx"):
        read_graph(data, "weights.onnx", outputs=1)


def test_a_graph_with_other_outputs_is_refused() -> None:
    with pytest.raises(ModelError, match="another model"):
        read_graph(graph([node("Neg", "in", "out")], {}), "weights.onnx", outputs=9)
