"""Rebuilds dlib's face ResNet as an ONNX graph, from the weights inside the ``face-recognition-models`` package.

dlib itself is not needed: its file is a plain stream of numbers that describes the layers from the output to the
input. The format was read from dlib's public sources (``serialize.h``, ``dnn/core.h``, ``dnn/layers.h``; Boost licence);
the weights are in the public domain (CC0). The reader demands that the file ends exactly where the last layer does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.domain import FloatArray
from app.errors import ModelError

CHIP_SIZE = 150
DIMENSION = 128
INPUT_NAME = "chips"
OUTPUT_NAME = "descriptors"
WEIGHTS_VERSION = "1"

_WEIGHTS = "models/dlib_face_recognition_resnet_model_v1.dat"
_OPSET, _IR_VERSION = 17, 8
_NO_BODY, _ON_INPUT = 1, 3  # version numbers: a tag or skip marker; the layer that sits on the input
_PIXEL_RANGE = 256.0  # dlib divides by 256, not 255


@dataclass(frozen=True)
class Layer:
    """One layer of the file.

    Attributes:
        kind: dlib's name (``con_4``, ``affine_``, ``relu_`` ...), or ``marker`` for a tag or skip.
        numbers: Sizes of a convolution or pool: rows, columns, stride y, stride x, padding y, padding x; 0 rows and
            columns mean the whole input. Empty elsewhere.
        weights: ``float32``; convolution OIHW, affine (2, channels) gamma then beta, ``fc_2`` (inputs, outputs).
        bias: ``float32`` (filters,) of a convolution.
    """

    kind: str
    numbers: tuple[int, ...] = ()
    weights: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    bias: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))


@dataclass(frozen=True)
class Network:
    """What the file holds.

    Attributes:
        means: Mean of the red, green and blue channel, 0..255.
        layers: From the input to the output.
    """

    means: tuple[float, float, float]
    layers: tuple[Layer, ...]


def find_weights() -> Path:
    """Finds dlib's file without importing its package, which would want ``pkg_resources``.

    Raises:
        ModelError: The package is not installed, or holds no such file.
    """
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _WEIGHTS).is_file():
            return path
    raise ModelError("The face model is missing. Install the package face-recognition-models.")


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


def read_network(data: bytes) -> Network:
    """Reads dlib's serialised ``anet_type`` of the face recognition example.

    Args:
        data: The whole file.

    Raises:
        ModelError: The data are damaged, go on after the network, or describe another kind of network.
    """
    try:
        return _Reader(data).network()
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelError("The face model's file is damaged or of another kind.") from error


class _Reader:
    """Walks through dlib's portable binary form. Raises ValueError or IndexError where it does not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def network(self) -> Network:
        self._expect(1, self._int())
        self._expect("loss_metric_2", self._string())
        self._float(), self._float()  # the loss's margin and threshold, used in training only
        versions = [self._int()]
        while versions[-1] != _ON_INPUT:
            versions.append(self._int())
        self._expect("input_rgb_image_sized", self._string())
        means = (self._float(), self._float(), self._float())
        self._expect((CHIP_SIZE, CHIP_SIZE), (self._int(), self._int()))
        layers = tuple(self._layer(version) for version in reversed(versions))
        self._expect(len(self._data), self._at)
        return Network(means, layers)

    def _layer(self, version: int) -> Layer:
        if version == _NO_BODY:
            return Layer("marker")
        kind = self._string()
        layer = self._fields(kind)
        self._at += 3  # three flags of the training state
        for _ in range(3):  # gradients and cached output, empty in a cleaned file
            self._expect(0, self._tensor().size)
        if version == _ON_INPUT:
            self._int()  # how many samples an input makes
        return layer

    def _fields(self, kind: str) -> Layer:
        if kind == "con_4":
            return self._convolution()
        if kind in ("max_pool_2", "avg_pool_2"):
            return Layer(kind, self._ints(6))
        if kind == "affine_":
            weights = self._tensor()
            self._skip_aliases()
            self._int()
            return Layer(kind, weights=weights.reshape(2, -1))
        if kind == "fc_2":
            outputs, inputs = self._ints(2)
            weights = self._tensor()
            self._skip_aliases()
            self._int()
            self._floats(4)
            return Layer(kind, weights=weights.reshape(inputs, outputs))
        if kind in ("relu_", "add_prev_"):
            return Layer(kind)
        raise ValueError(f"unknown layer {kind!r}")

    def _convolution(self) -> Layer:
        weights = self._tensor().ravel()
        filters, *numbers = self._ints(7)
        self._skip_aliases()
        self._floats(4)
        cut = weights.size - filters
        kernel = weights[:cut].reshape(filters, -1, numbers[0], numbers[1])
        return Layer("con_4", tuple(numbers), kernel, weights[cut:])

    def _int(self) -> int:
        head = self._data[self._at]
        end = self._at + 1 + (head & 0x0F)
        magnitude = int.from_bytes(self._data[self._at + 1 : end], "little")
        self._at = end
        return -magnitude if head & 0x80 else magnitude

    def _ints(self, count: int) -> tuple[int, ...]:
        return tuple(self._int() for _ in range(count))

    def _float(self) -> float:
        mantissa, exponent = self._ints(2)
        return math.ldexp(mantissa, exponent)

    def _floats(self, count: int) -> tuple[float, ...]:
        return tuple(self._float() for _ in range(count))

    def _string(self) -> str:
        size = self._int()
        text = self._data[self._at : self._at + size].decode("ascii")
        self._at += size
        return text

    def _tensor(self) -> FloatArray:
        self._expect(2, self._int())
        shape = self._ints(4)
        size = math.prod(shape)
        values = np.frombuffer(self._data, "<f4", size, self._at).astype(np.float32)
        self._at += 4 * size
        return values.reshape(shape)

    def _skip_aliases(self) -> None:
        for _ in range(2):  # views of weights and bias: a version and a shape each
            self._expect(1, self._int())
            self._ints(4)

    @staticmethod
    def _expect(wanted: object, found: object) -> None:
        if wanted != found:
            raise ValueError(f"expected {wanted!r}, found {found!r}")


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
