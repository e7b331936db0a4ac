"""Reads dlib's face ResNet from the weights inside the ``face-recognition-models`` package.

dlib itself is not needed: its file is a plain stream of numbers that describes the layers from the output to the
input. The format was read from dlib's public sources (``serialize.h``, ``dnn/core.h``, ``dnn/layers.h``; Boost licence);
the weights are in the public domain (CC0). The reader demands that the file ends exactly where the last layer does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from app.domain import FloatArray
from app.errors import ModelError

CHIP_SIZE = 150

_WEIGHTS = "models/dlib_face_recognition_resnet_model_v1.dat"
_NO_BODY, _ON_INPUT = 1, 3  # version numbers: a tag or skip marker; the layer that sits on the input


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


def read_network(data: bytes) -> Network:
    """Reads dlib's serialised ``anet_type`` of the face recognition example.

    Args:
        data: The whole file.

    Raises:
        ModelError: The data are damaged, go on after the network, or describe another kind of network.
    """
    try:
        return _Reader(data).network()
    except (ValueError, IndexError, OverflowError) as error:
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
