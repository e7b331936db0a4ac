"""Builds dlib's face ResNet as an ONNX graph.

What dlib does at each layer was read from its public sources (``dnn/layers.h``); the input's scaling and the affine
layers are folded into the convolutions before them, which changes results by rounding only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelError
from app.vision.embedders.dlib_weights import CHIP_SIZE, Layer, Network, find_weights, read_network

DIMENSION = 128
INPUT_NAME = "chips"
OUTPUT_NAME = "descriptors"
GRAPH_VERSION = "1"  # to be raised when the graph that is built changes, so that cached ones are not used

_OPSET, _IR_VERSION = 17, 8
_PIXEL_RANGE = 256.0  # dlib divides by 256, not 255


def build_onnx(path: Path | None = None) -> bytes:
    """Builds the graph: ``chips`` uint8 (n, 150, 150, 3) RGB to ``descriptors`` float32 (n, 128), not unit length.

    Args:
        path: dlib's file; that of the installed package when ``None``.

    Raises:
        ModelError: The file is missing, damaged or of another network.
    """
    try:
        return _GraphBuilder(read_network((path or find_weights()).read_bytes())).build()
    except OSError as error:
        raise ModelError("The face model's file cannot be read.") from error


@dataclass(frozen=True)
class _Value:
    """A tensor of the graph: its name and its shape without the batch."""

    name: str
    channels: int
    rows: int
    columns: int


class _GraphBuilder:
    """Turns layers into ONNX nodes; input scaling and affine layers are folded into the convolutions."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def build(self) -> bytes:
        value = tag = kept = self._input()
        layers = _fold(self._network)
        for index, layer in enumerate(layers):
            if layer.kind == "add_prev_":
                value = self._add(value, kept)
            elif layer.kind != "marker":
                value = self._plain(layer, value)
            elif layers[index - 1].kind == "marker":  # skip1, right after tag2: go on from tag1, through the shortcut
                value = tag
            else:  # tag1, or tag2 where skip1 follows; add_prev adds the latest of them
                kept = value
                tag = tag if layers[index + 1].kind == "marker" else value
        return self._model()

    def _input(self) -> _Value:
        self._node("Cast", [INPUT_NAME], "as_float", to=TensorProto.FLOAT)
        self._node("Transpose", ["as_float"], "planes", perm=[0, 3, 1, 2])
        return _Value("planes", 3, CHIP_SIZE, CHIP_SIZE)

    def _plain(self, layer: Layer, value: _Value) -> _Value:
        if layer.kind == "con_4":
            return self._convolve(layer, value)
        if layer.kind == "relu_":
            return _Value(self._node("Relu", [value.name]), value.channels, value.rows, value.columns)
        if layer.kind == "fc_2":
            flat = self._node("Flatten", [value.name])
            self._node("MatMul", [flat, self._constant(layer.weights)], OUTPUT_NAME)
            return _Value(OUTPUT_NAME, layer.weights.shape[1], 1, 1)
        return self._pool(layer, value)

    def _convolve(self, layer: Layer, value: _Value) -> _Value:
        names = [value.name, self._constant(layer.weights), self._constant(layer.bias)]
        rows, columns, *steps = layer.numbers
        name = self._node("Conv", names, kernel_shape=[rows, columns], **_steps(steps))
        return _shrunk(name, layer.weights.shape[0], value, layer.numbers)

    def _pool(self, layer: Layer, value: _Value) -> _Value:
        rows, columns, *steps = layer.numbers
        if rows == 0:
            name = self._node("GlobalAveragePool", [value.name])
            return _Value(name, value.channels, 1, 1)
        operator = {"max_pool_2": "MaxPool", "avg_pool_2": "AveragePool"}[layer.kind]
        name = self._node(operator, [value.name], kernel_shape=[rows, columns], **_steps(steps))
        return _shrunk(name, value.channels, value, layer.numbers)

    def _add(self, left: _Value, right: _Value) -> _Value:
        shape = tuple(max(getattr(left, side), getattr(right, side)) for side in ("channels", "rows", "columns"))
        name = self._node("Add", [self._extend(left, shape), self._extend(right, shape)])
        return _Value(name, *shape)

    def _extend(self, value: _Value, shape: Iterable[int]) -> str:
        """Pads with zeros at the end of channels, rows and columns, as dlib's ``add_prev`` does."""
        have = (value.channels, value.rows, value.columns)
        missing = [want - got for want, got in zip(shape, have, strict=True)]
        if not any(missing):
            return value.name
        pads = self._constant(np.array([0, 0, 0, 0, 0, *missing], np.int64))
        return self._node("Pad", [value.name, pads])

    def _node(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _model(self) -> bytes:
        chips = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["n", CHIP_SIZE, CHIP_SIZE, 3])
        out = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", DIMENSION])
        graph = helper.make_graph(self._nodes, "dlib_face_resnet", [chips], [out], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def _fold(network: Network) -> list[Layer]:
    """Folds (x - mean) / 256 into the first convolution and every affine layer into the one before it."""
    means = np.array(network.means, np.float64)
    layers: list[Layer] = []
    for layer in network.layers:
        if layer.kind == "con_4" and not layers:
            weights = layer.weights.astype(np.float64) / _PIXEL_RANGE
            bias = layer.bias - np.einsum("oihw,i->o", weights, means)
            layers.append(Layer("con_4", layer.numbers, weights.astype(np.float32), bias.astype(np.float32)))
        elif layer.kind == "affine_":
            before = layers.pop()
            if before.kind != "con_4":
                raise ModelError("The face model's file is of another kind: an affine layer without a convolution.")
            gamma, beta = layer.weights.astype(np.float64)
            weights = before.weights * gamma[:, None, None, None]
            bias = before.bias * gamma + beta
            layers.append(Layer("con_4", before.numbers, weights.astype(np.float32), bias.astype(np.float32)))
        else:
            layers.append(layer)
    return layers


def _steps(steps: list[int]) -> dict[str, Any]:
    stride_y, stride_x, pad_y, pad_x = steps
    return {"strides": [stride_y, stride_x], "pads": [pad_y, pad_x, pad_y, pad_x]}


def _shrunk(name: str, channels: int, value: _Value, numbers: tuple[int, ...]) -> _Value:
    rows, columns, stride_y, stride_x, pad_y, pad_x = numbers
    return _Value(
        name,
        channels,
        (value.rows + 2 * pad_y - rows) // stride_y + 1,
        (value.columns + 2 * pad_x - columns) // stride_x + 1,
    )
