"""Small networks made by hand: they take and give what the real ones do, and find squares of one colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
_GAIN = 8.0


class Graph:
    """Collects nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def model(
        self, source: tuple[str, Sequence[Any]], outputs: dict[str, Sequence[Any]], domain: str = ""
    ) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, list(source[1]))]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()]
        graph = helper.make_graph(self.nodes, "toy", inputs, made, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 17)], ir_version=8)


def _cells(
    graph: Graph,
    pixels: str,
    stride: int,
    channel: int,
    level: float | None,
    biases: Sequence[float],
    slopes: Sequence[float],
) -> str:
    """Maps of one value per cell and head channel: slope * (mean of a colour - level) + bias."""
    weights = np.zeros((len(biases), 3, stride, stride), np.float32)
    weights[:, channel] = np.array(slopes, np.float32)[:, None, None] / stride**2
    moved = np.array(biases, np.float32) - np.array(slopes, np.float32) * (level or 0.0)
    return graph.node(
        "Conv",
        [pixels, graph.constant(weights), graph.constant(moved)],
        kernel_shape=[stride] * 2,
        strides=[stride] * 2,
    )


def toy_yunet(
    live: int, box: Sequence[float], points: Sequence[float], *, side: int | None = None, blue_at: int = 0
) -> onnx.ModelProto:
    """A YuNet that finds blue cells of one stride.

    Args:
        live: The stride whose cells are looked at; the others find nothing.
        box: Four deltas that every cell gives.
        points: Ten.
        side: Fixes the input at 1 x 3 x side x side, as OpenCV's file is.
        blue_at: Channel of the input that is looked at.
    """
    graph, outputs = Graph(), {}
    for name, width, values in (("cls", 1, None), ("obj", 1, None), ("bbox", 4, box), ("kps", 10, points)):
        for stride in STRIDES:
            if values is None:
                slope, bias = (_GAIN / 32, 0.0) if stride == live else (0.0, -20.0)
                maps = _cells(graph, "input", stride, blue_at, 200.0, [bias], [slope])
                maps = graph.node("Sigmoid", [maps])
            else:
                maps = _cells(graph, "input", stride, blue_at, None, values, [0.0] * width)
            rows = graph.node("Transpose", [maps], perm=[0, 2, 3, 1])
            shape = graph.constant([1 if side else 0, -1, width], np.int64)
            graph.node("Reshape", [rows, shape], f"{name}_{stride}")
            count = (side // stride) ** 2 if side else f"cells_{stride}"
            outputs[f"{name}_{stride}"] = [1 if side else "n", count, width]
    return graph.model(("input", [1, 3, side, side] if side else ["n", 3, "height", "width"]), outputs)


def toy_scrfd(
    live: int, distances: Sequence[float], points: Sequence[float], *, batched: bool = False, side: int | None = None
) -> onnx.ModelProto:
    """An SCRFD whose second anchor of each cell of one stride finds red cells.

    Args:
        live: The stride.
        distances: Four distances in strides that every anchor gives.
        points: Ten.
        batched: Whether outputs have an axis for the pictures; InsightFace's own files have none.
        side: Fixes the input at 1 x 3 x side x side.
    """
    graph, outputs = Graph(), {}
    for name, width, values in (("score", 1, None), ("bbox", 4, distances), ("kps", 10, points)):
        for stride in STRIDES:
            if values is None:
                slope = _GAIN if stride == live else 0.0
                maps = _cells(graph, "input.1", stride, 0, 0.5, [-20.0, 0.0 if slope else -20.0], [0.0, slope])
                maps = graph.node("Sigmoid", [maps])
            else:
                maps = _cells(graph, "input.1", stride, 0, None, [*values, *values], [0.0] * 2 * width)
            rows = graph.node("Transpose", [maps], perm=[0, 2, 3, 1] if batched else [2, 3, 0, 1])
            shape = graph.constant([1, -1, width] if batched else [-1, width], np.int64)
            graph.node("Reshape", [rows, shape], f"{name}_{stride}")
            count = 2 * (side // stride) ** 2 if side else f"anchors_{stride}"
            outputs[f"{name}_{stride}"] = [1, count, width] if batched else [count, width]
    return graph.model(("input.1", [1, 3, side or "height", side or "width"]), outputs)


def toy_embedder(
    shape: Sequence[int | str], dimension: int, *, normalises: bool = False, fixed_reshape: bool = True
) -> onnx.ModelProto:
    """An embedder with random weights.

    Args:
        shape: Of the input.
        dimension: Length of the vector.
        normalises: Whether it begins with its own subtraction and scaling.
        fixed_reshape: Whether it ends in a reshape to [1, dimension], as an export for one picture does.
    """
    graph, value = Graph(), "data"
    if normalises:
        value = graph.node("Sub", [value, graph.constant([127.5])])
        value = graph.node("Mul", [value, graph.constant([1 / 128])])
    if shape[3] == 3:
        value = graph.node("Transpose", [value], perm=[0, 3, 1, 2])
    weights = np.random.default_rng(3).normal(0, 0.05, (dimension, 3, 8, 8))
    value = graph.node("Conv", [value, graph.constant(weights)], kernel_shape=[8, 8], strides=[8, 8])
    value = graph.node("GlobalAveragePool", [graph.node("Relu", [value])])
    batch = shape[0] if isinstance(shape[0], int) else 0
    target = graph.constant([batch if fixed_reshape else 0, dimension], np.int64)
    graph.node("Reshape", [value, target], "fc1")
    return graph.model(("data", shape), {"fc1": [shape[0], dimension]})
