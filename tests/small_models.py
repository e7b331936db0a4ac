"""Small networks for tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


def doubling_model() -> bytes:
    """y = x + x over float32 (n, 2)."""
    return _model([helper.make_node("Add", ["x", "x"], ["y"])], ["n", 2], ["n", 2])


def linear_model(weights: npt.NDArray[np.float32]) -> bytes:
    """y = x @ weights over float32 (n, rows of the weights)."""
    rows, columns = weights.shape
    held = numpy_helper.from_array(weights, "w")
    return _model([helper.make_node("MatMul", ["x", "w"], ["y"])], ["n", rows], ["n", columns], [held])


def _model(
    nodes: list[onnx.NodeProto], x: list[str | int], y: list[str | int], held: list[TensorProto] | None = None
) -> bytes:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)]
    graph = helper.make_graph(nodes, "small", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
