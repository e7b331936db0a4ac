from __future__ import annotations

import math

import numpy as np
import pytest

from app.errors import ModelError
from app.vision.embedders import dlib_weights
from app.vision.embedders.dlib_weights import find_weights, read_network


def number(value: int) -> bytes:
    """dlib's form of an integer: sign and length, then the magnitude."""
    magnitude = abs(value)
    count = max(1, (magnitude.bit_length() + 7) // 8)
    return bytes([count | (0x80 if value < 0 else 0)]) + magnitude.to_bytes(count, "little")


@pytest.mark.parametrize("value", [0, 1, 255, 256, 70_000, -1, -24, -(2**40)])
def test_reads_integers(value: int):
    reader = dlib_weights._Reader(number(value))
    assert reader._int() == value
    assert reader._at == len(number(value))


@pytest.mark.parametrize(
    ("mantissa", "exponent", "value"),
    [(0, 11, 0.0), (3, 0, 3.0), (-5, -2, -1.25), (10066330, -24, 0.6)],
    ids=["zero", "whole", "negative", "fraction"],
)
def test_reads_floats(mantissa: int, exponent: int, value: float):
    reader = dlib_weights._Reader(number(mantissa) + number(exponent))
    assert math.isclose(reader._float(), value, rel_tol=1e-6)


def test_reads_the_whole_network():
    network = read_network(find_weights().read_bytes())
    assert np.allclose(network.means, (122.782, 117.001, 104.298))
    kinds = [layer.kind for layer in network.layers]
    assert kinds.count("con_4") == kinds.count("affine_") == 29
    assert kinds.count("add_prev_") == 14
    assert (kinds[0], kinds[-1]) == ("con_4", "fc_2")
    assert network.layers[-1].weights.shape == (256, 128)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[: len(data) // 2],
        lambda data: data[1:],
        lambda data: data.replace(b"con_4", b"con_5", 1),
        lambda data: b"",
        lambda data: bytes(1000),
        lambda data: b"\xff" * 1000,
    ],
    ids=["cut", "longer", "half", "shifted", "other-layer", "empty", "zeros", "ones"],
)
def test_refuses_a_damaged_file(damage):
    with pytest.raises(ModelError):
        read_network(damage(find_weights().read_bytes()))
