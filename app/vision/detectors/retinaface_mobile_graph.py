"""Builds RetinaFace with a MobileNet-0.25 body as an ONNX graph from its weights alone.

The network is that of biubug6's Pytorch_Retinaface and Face-Detector-1MB-with-landmark (MIT; ``models/net.py`` and
``models/retinaface.py``): a MobileNet of a quarter of the usual channels, a feature pyramid of three levels, a context
module and three heads on each. The two differ in their activations and anchors, which the weights do not tell; see
:class:`Variant`. Normalisation layers are folded into the convolutions before them. Of the two class scores only their
difference matters to a softmax of two, so the heads of a level become one convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.errors import InvalidInputError

INPUT_NAME = "pixels"
OUTPUT_NAME = "anchors"
VALUES = 15  # of an anchor: one logit, four numbers for the box, ten for the points
ANCHORS_PER_CELL = 2
STRIDES = (8, 16, 32)

_OPSET, _IR_VERSION = 17, 8
_EPSILON = 1e-5  # of PyTorch's BatchNorm2d
# Strides of the body's blocks, by stage; the first block is a plain convolution, the others are separable.
_BODY = {"body.stage1": (2, 1, 2, 1, 2, 1), "body.stage2": (2, 1, 1, 1, 1, 1), "body.stage3": (2, 1)}


@dataclass(frozen=True)
class Variant:
    """What two sources of this network do differently.

    Attributes:
        name: For the manifest of an imported file.
        slope: Of the activations, below zero.
        sizes: Sides in pixels of the two square anchors of a cell, for each level (``data/config.py``).
    """

    name: str
    slope: float
    sizes: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("Pytorch_Retinaface", 0.1, ((16, 32), (64, 128), (256, 512))),
        Variant("Face-Detector-1MB", 0.0, ((10, 20), (32, 64), (128, 256))),
    )
}

State = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]


def is_retinaface_mobile(state: State) -> bool:
    """Whether a dictionary of weights is of this network."""
    return {"body.stage1.0.0.weight", "fpn.merge2.0.weight", "ssh3.conv7x7_3.0.weight"} <= set(_plain(state))


def build_onnx(state: State, variant: Variant) -> bytes:
    """Builds the graph.

    Args:
        state: The weights by their names in PyTorch, as of a plain model or of one that was trained on several devices.
        variant: Whose network it is.

    Returns:
        A model from ``pixels`` ``float32`` (n, 3, height, width), BGR 0..255 minus (104, 117, 123), sides multiples of
        32, to ``anchors`` ``float32`` (n, anchors, 15): a logit, four box deltas, five points of each anchor. Anchors
        stand in the order of :func:`app.vision.detectors.anchors.anchor_grid`, the finest level first.

    Raises:
        InvalidInputError: Weights are missing, or of other shapes.
    """
    try:
        model = _Builder(_plain(state), variant.slope).build()
        onnx.checker.check_model(model, full_check=True)
    except (
        KeyError,
        ValueError,
        IndexError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise InvalidInputError("These are not the weights of a RetinaFace with a MobileNet-0.25 body.") from error
    return bytes(model.SerializeToString())


def _plain(state: State) -> dict[str, npt.NDArray[Any]]:
    """Names without the ``module.`` that PyTorch's DataParallel puts before them."""
    return {name.removeprefix("module."): values for name, values in state.items()}


class _Builder:
    def __init__(self, state: State, slope: float) -> None:
        self._state = state
        self._slope = slope
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def build(self) -> onnx.ModelProto:
        levels, value = [], INPUT_NAME
        for stage, strides in _BODY.items():
            for number, stride in enumerate(strides):
                value = self._block(f"{stage}.{number}", value, stride)
            levels.append(value)
        faces = [
            self._head(number, self._context(number + 1, part)) for number, part in enumerate(self._pyramid(levels))
        ]
        self._node("Concat", faces, OUTPUT_NAME, axis=1)
        pixels = helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", 3, "height", "width"])
        anchors = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", "count", VALUES])
        graph = helper.make_graph(self._nodes, "retinaface_mobile", [pixels], [anchors], self._constants)
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="faaaaaces")

    def _block(self, name: str, value: str, stride: int) -> str:
        """A convolution, and where the weights have one, the 1x1 convolution that makes it separable."""
        value = self._active(self._convolve(name, 0, value, stride))
        return self._active(self._convolve(name, 3, value)) if f"{name}.3.weight" in self._state else value

    def _pyramid(self, levels: list[str]) -> list[str]:
        fine, middle, coarse = (
            self._active(self._convolve(f"fpn.output{number}", 0, level)) for number, level in enumerate(levels, 1)
        )
        middle = self._active(self._convolve("fpn.merge2", 0, self._node("Add", [middle, self._double(coarse)])))
        fine = self._active(self._convolve("fpn.merge1", 0, self._node("Add", [fine, self._double(middle)])))
        return [fine, middle, coarse]

    def _context(self, number: int, value: str) -> str:
        """Three branches that see 3, 5 and 7 cells, side by side."""
        name = f"ssh{number}"
        near = self._convolve(f"{name}.conv3X3", 0, value)
        shared = self._active(self._convolve(f"{name}.conv5X5_1", 0, value))
        middle = self._convolve(f"{name}.conv5X5_2", 0, shared)
        far = self._active(self._convolve(f"{name}.conv7X7_2", 0, shared))
        far = self._convolve(f"{name}.conv7x7_3", 0, far)
        return self._node("Relu", [self._node("Concat", [near, middle, far], axis=1)])

    def _head(self, level: int, value: str) -> str:
        weights, bias = (self._head_values(level, kind) for kind in ("weight", "bias"))
        names = [value, self._constant(weights), self._constant(bias)]
        maps = self._node("Conv", names, kernel_shape=[1, 1])
        rows = self._node("Transpose", [maps], perm=[0, 2, 3, 1])
        return self._node("Reshape", [rows, self._constant(np.array([0, -1, VALUES], np.int64))])

    def _head_values(self, level: int, kind: str) -> Floats:
        """Puts what the three heads say about an anchor side by side: (anchors * 15, channels, 1, 1) or (anchors * 15,)."""
        classes, boxes, points = (
            self._state[f"{head}.{level}.conv1x1.{kind}"].astype(np.float32)
            for head in ("ClassHead", "BboxHead", "LandmarkHead")
        )
        rest = classes.shape[1:]
        pairs = classes.reshape(ANCHORS_PER_CELL, 2, *rest)
        parts = [
            pairs[:, 1:] - pairs[:, :1],
            boxes.reshape(ANCHORS_PER_CELL, 4, *rest),
            points.reshape(ANCHORS_PER_CELL, 10, *rest),
        ]
        return np.concatenate(parts, axis=1).reshape(ANCHORS_PER_CELL * VALUES, *rest)

    def _convolve(self, name: str, place: int, value: str, stride: int = 1) -> str:
        """The convolution at a place of a sequence, with the normalisation right after it."""
        weights = self._state[f"{name}.{place}.weight"].astype(np.float64)
        gamma, beta, mean, variance = (
            self._state[f"{name}.{place + 1}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + _EPSILON)
        side = weights.shape[2]
        folded = (weights * factor[:, None, None, None]).astype(np.float32)
        bias = (beta - mean * factor).astype(np.float32)
        # depthwise: one input channel for each output channel
        groups = weights.shape[0] if weights.shape[1] == 1 else 1
        return self._node(
            "Conv",
            [value, self._constant(folded), self._constant(bias)],
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
            group=groups,
        )

    def _active(self, value: str) -> str:
        return self._node("LeakyRelu", [value], alpha=self._slope) if self._slope else self._node("Relu", [value])

    def _double(self, value: str) -> str:
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._node("Resize", [value, "", scales], **options)

    def _node(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
