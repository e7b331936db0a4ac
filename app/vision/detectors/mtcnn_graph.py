"""Builds the ONNX graphs of MTCNN's nets from their arrays. Arrays in, bytes out.

The nets are small, and as they are written most of their time goes into PReLU and into moving data between layouts. On
a CPU ONNX Runtime keeps the channels of a convolution in blocks; what it has no kernel for in that layout (PReLU, max,
split, concatenation, and pools of an odd number of channels) makes it put them in order and back again. Here everything
is written as convolutions, pools, ReLU and sums of whole blocks of channels, which computes the same and takes two
thirds of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.domain import FloatArray
from app.errors import ModelError

NetName = Literal["pnet", "rnet", "onet"]
Doubles = npt.NDArray[np.float64]

# Opset and file version that every ONNX Runtime since 1.14 reads.
_OPSET = 17
_IR_VERSION = 8

# The nets were trained on (pixel - 127.5) / 128.
_PIXEL_MEAN = 127.5
_PIXEL_SCALE = 128.0

# Per net the pool after each convolution: (side, treatment of the border), or None.
_Pool = tuple[int, str] | None
_POOLS: dict[NetName, tuple[_Pool, ...]] = {
    "pnet": ((2, "SAME_UPPER"), None, None),
    "rnet": ((3, "SAME_UPPER"), (3, "VALID"), None),
    "onet": ((3, "SAME_UPPER"), (3, "VALID"), (2, "SAME_UPPER"), None),
}
_INPUT_SIDES: dict[NetName, int | str] = {"pnet": "side", "rnet": 24, "onet": 48}
# Rows and columns of the last feature map before it is flattened.
_MAP_SIDE = 3
# Channels are filled up with zeros to a multiple of this, the largest block of any processor.
_BLOCK = 16
# A slope is kept this far from 1, where the form that is used here divides by zero.
_LEAST = 1e-6


class _Flow(NamedTuple):
    """A tensor of the graph. What the net means is ``factors`` times what it holds.

    Attributes:
        name: Of the tensor.
        channels: How many channels it has, filled up.
        factors: One for each channel of the net; the next layer's kernel takes them in.
    """

    name: str
    channels: int
    factors: Doubles


def build_net(name: NetName, arrays: Sequence[FloatArray], *, step: int = 2) -> bytes:
    """Builds one net.

    The graph takes ``pixels``, ``float32`` (n, height, width, 3) RGB in 0..255: any size from 12 for ``pnet``, 24 for
    ``rnet``, 48 for ``onet``. The normalisation is folded into the first convolution. It gives ``answers``: offsets of
    the box's corners (x1, y1, x2, y2) as fractions of its size, for ``onet`` landmarks (x of five points, then y) as
    fractions of the box, and last a logit, of which the probability of a face is 1 / (1 + exp(-logit)). For ``pnet``
    these are maps (n, 5, rows, columns), for the others (n, 5) and (n, 15).

    Args:
        name: Which net.
        arrays: Its weights in Keras's order: kernel (HWIO), bias, slopes for each layer, then kernel and bias of each
            head. Dense kernels expect features flattened in the order width, height, channel.
        step: For ``pnet``, how far apart in pixels the windows are for which it answers: 2, as it was made, or 4.

    Returns:
        The serialised ``ModelProto``, checked.

    Raises:
        ModelError: The arrays do not make up this net.
    """
    graph = _Graph()
    remaining = iter([array.astype(np.float64) for array in arrays])
    try:
        if name == "pnet":
            flow = _add_body(graph, _POOLS[name][:-1], remaining)
            answers = _add_map_heads(graph, flow, remaining, step // 2)
        else:
            flow = _add_body(graph, _POOLS[name], remaining)
            answers = _add_dense_heads(graph, flow, remaining, heads=3 if name == "onet" else 2)
        if next(remaining, None) is not None:
            raise ValueError("arrays are left over")
        return graph.serialise(name, answers)
    except (
        StopIteration,
        ValueError,
        IndexError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise ModelError(f"The weights in the mtcnn package do not make up its {name}.") from error


def _add_body(graph: _Graph, pools: Sequence[_Pool], arrays: Iterator[Doubles]) -> _Flow:
    # Folding (pixel - mean) / scale: the scale is a factor of the input, the mean goes into the bias.
    flow = _Flow(graph.add("Transpose", ["pixels"], perm=[0, 3, 1, 2]), 3, np.full(3, 1 / _PIXEL_SCALE))
    for number, pool in enumerate(pools):
        kernel, bias, slopes = next(arrays), next(arrays), next(arrays).reshape(-1)
        if number == 0:
            bias = bias - kernel.sum(axis=(0, 1, 2)) * (_PIXEL_MEAN / _PIXEL_SCALE)
        kernel = _taking_in(flow, kernel)
        flow = (
            _add_pooled(graph, flow, kernel, bias, slopes, pool)
            if pool
            else _add_bent(graph, flow, kernel, bias, slopes)
        )
    return flow


def _taking_in(flow: _Flow, kernel: Doubles) -> Doubles:
    """A kernel HWIO as OIHW, which takes what the flow holds for what the net means."""
    return kernel.transpose(3, 2, 0, 1) * flow.factors[:, None, None]


def _add_bent(graph: _Graph, flow: _Flow, kernel: Doubles, bias: Doubles, slopes: Doubles) -> _Flow:
    """Convolution and PReLU.

    PReLU of slope a is a x + (1 - a) relu(x). What is computed is a / (1 - a) x + relu(x); the rest is a factor.
    """
    factors = _away_from_zero(1 - slopes)
    channels = _filled(len(slopes))
    plain = graph.conv(flow, kernel, bias, channels)
    share = np.zeros((channels, 1, 1, 1))
    share[: len(slopes), 0, 0, 0] = slopes / factors
    bent = graph.add("Add", [graph.conv_each(plain, share), graph.add("Relu", [plain])])
    return _Flow(bent, channels, factors)


def _away_from_zero(values: Doubles) -> Doubles:
    return np.where(np.abs(values) < _LEAST, _LEAST, values)


def _add_pooled(
    graph: _Graph, flow: _Flow, kernel: Doubles, bias: Doubles, slopes: Doubles, pool: tuple[int, str]
) -> _Flow:
    """Convolution, PReLU and max pool, with the pool moved before the PReLU, where there is a quarter of the data.

    Where the slope a is not negative, PReLU rises everywhere and changes places with the maximum; of the pool u it is
    a u + relu((1 - a) u), or the negative of -a u + relu((a - 1) u). Where the slope is negative, PReLU is
    max(x, a x), and the maximum of that is the larger of the pools u of x and v of a x, v + relu(u - v); the
    convolution makes both.
    """
    side, border = pool
    below = np.flatnonzero(slopes < 0)
    count, pooled_count = len(slopes), _filled(len(slopes) + len(below))
    kernel = np.concatenate([kernel, kernel[below] * slopes[below, None, None, None]])
    bias = np.concatenate([bias, bias[below] * slopes[below]])
    pooled = _Flow(
        graph.add(
            "MaxPool",
            [graph.conv(flow, kernel, bias, pooled_count)],
            kernel_shape=[side, side],
            strides=[2, 2],
            auto_pad=border,
        ),
        pooled_count,
        np.ones(pooled_count),
    )
    factors = np.where(slopes > 1, -1.0, 1.0)
    straight, bent = np.zeros((2, count, pooled_count, 1, 1))
    channel = np.arange(count)
    straight[channel, channel, 0, 0] = np.where(slopes < 0, 0, slopes * factors)
    straight[below, count + np.arange(len(below)), 0, 0] = 1
    bent[channel, channel, 0, 0] = np.where(slopes < 0, 1, np.abs(1 - slopes))
    bent[below, count + np.arange(len(below)), 0, 0] = -1
    channels, nothing = _filled(count), np.zeros(count)
    bend = graph.add("Relu", [graph.conv(pooled, bent, nothing, channels)])
    return _Flow(graph.add("Add", [graph.conv(pooled, straight, nothing, channels), bend]), channels, factors)


def _add_map_heads(graph: _Graph, flow: _Flow, arrays: Iterator[Doubles], stride: int) -> str:
    """The last convolution with its PReLU, and both heads at once, which read the PReLU's two parts."""
    kernel, bias, slopes = next(arrays), next(arrays), next(arrays).reshape(-1)
    channels = _filled(len(slopes))
    plain = graph.conv(flow, _taking_in(flow, kernel), bias, channels, stride)
    offsets, offsets_bias, faces, faces_bias = [next(arrays) for _ in range(4)]
    heads = np.concatenate([offsets, faces[..., 1:] - faces[..., :1]], axis=-1)
    heads_bias = np.concatenate([offsets_bias, faces_bias[1:] - faces_bias[:1]])
    straight = _Flow(plain, channels, slopes)
    bent = _Flow(graph.add("Relu", [plain]), channels, 1 - slopes)
    parts = [
        graph.conv(straight, _taking_in(straight, heads), heads_bias, len(heads_bias)),
        graph.conv(bent, _taking_in(bent, heads), np.zeros_like(heads_bias), len(heads_bias)),
    ]
    return graph.add("Add", parts)


def _add_dense_heads(graph: _Graph, flow: _Flow, arrays: Iterator[Doubles], *, heads: int) -> str:
    kernel, bias, slopes = next(arrays), next(arrays), next(arrays)
    count = kernel.shape[0] // _MAP_SIDE**2
    # Rows come in the order width, height, channel; the graph flattens channel, height, width.
    sorted_rows = kernel.reshape(_MAP_SIDE, _MAP_SIDE, count, -1).transpose(2, 1, 0, 3)
    filled = np.zeros((flow.channels, *sorted_rows.shape[1:]))
    filled[:count] = sorted_rows * flow.factors[:, None, None, None]
    hidden = graph.prelu(
        graph.dense(graph.add("Flatten", [flow.name]), filled.reshape(-1, kernel.shape[1]), bias), slopes
    )
    pairs = [(next(arrays), next(arrays)) for _ in range(heads)]
    faces, faces_bias = pairs.pop()
    pairs.append((faces[:, 1:] - faces[:, :1], faces_bias[1:] - faces_bias[:1]))
    kernels, biases = zip(*pairs, strict=True)
    return graph.dense(hidden, np.concatenate(kernels, axis=1), np.concatenate(biases))


def _filled(channels: int) -> int:
    return -(-channels // _BLOCK) * _BLOCK


class _Graph:
    """Collects nodes and constants; every method that adds a node gives the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Doubles) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, np.float32, order="C"), name))
        return name

    def conv(self, flow: _Flow, kernel: Doubles, bias: Doubles, channels: int, stride: int = 1) -> str:
        """A convolution by a kernel OIHW; it and the bias are filled up with zeros to ``channels`` outputs."""
        weights = np.zeros((channels, flow.channels, *kernel.shape[2:]))
        weights[: kernel.shape[0], : kernel.shape[1]] = kernel
        biases = np.zeros(channels)
        biases[: len(bias)] = bias
        inputs = [flow.name, self.constant(weights), self.constant(biases)]
        return self.add("Conv", inputs, kernel_shape=kernel.shape[2:], strides=[stride, stride])

    def conv_each(self, flow: str, kernel: Doubles) -> str:
        """Multiplies each channel by a number; as a convolution it stays in the runtime's layout."""
        return self.add("Conv", [flow, self.constant(kernel)], kernel_shape=[1, 1], group=len(kernel))

    def dense(self, flow: str, kernel: Doubles, bias: Doubles) -> str:
        return self.add("Gemm", [flow, self.constant(kernel), self.constant(bias)])

    def prelu(self, flow: str, slopes: Doubles) -> str:
        if (slopes > 1).any():
            return self.add("PRelu", [flow, self.constant(slopes)])
        # Equal to max(x, slope * x) where no slope is above 1, which is 20-30 % faster.
        return self.add("Max", [flow, self.add("Mul", [flow, self.constant(slopes)])])

    def serialise(self, name: NetName, answers: str) -> bytes:
        side = _INPUT_SIDES[name]
        height, width = ("height", "width") if isinstance(side, str) else (side, side)
        self._nodes.append(helper.make_node("Identity", [answers], ["answers"]))
        shape: list[int | str | None] = (
            ["n", 5, "rows", "columns"] if name == "pnet" else ["n", 15 if name == "onet" else 5]
        )
        pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", height, width, 3])
        output = helper.make_tensor_value_info("answers", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, f"mtcnn-{name}", [pixels], [output], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())
