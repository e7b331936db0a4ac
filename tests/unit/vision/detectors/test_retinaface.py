"""RetinaFace's numbers without its network; the network itself is in tests/integration/test_reference_pack.py."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import FloatArray
from app.vision.detectors.retinaface import decode


def maps(height: int, width: int, count: int = 1) -> list[FloatArray]:
    """What the network gives where it sees nothing."""
    outputs = []
    for stride in (32, 16, 8):
        shape = (count, -(-height // stride), -(-width // stride))
        outputs += [np.zeros((*shape, channels), np.float32) for channels in (4, 8, 20)]
    return outputs


# retina-face's own table of corners
@pytest.mark.parametrize(
    ("level", "anchor", "corners"),
    [
        (0, 0, (-248, -248, 263, 263)),
        (0, 1, (-120, -120, 135, 135)),
        (1, 0, (-56, -56, 71, 71)),
        (1, 1, (-24, -24, 39, 39)),
        (2, 0, (-8, -8, 23, 23)),
        (2, 1, (0, 0, 15, 15)),
    ],
)
def test_anchors_are_those_of_retinaface(level: int, anchor: int, corners: tuple[int, ...]) -> None:
    outputs = maps(64, 96)
    stride = (32, 16, 8)[level]
    outputs[3 * level][0, 1, 2, 2 + anchor] = 0.95
    found = decode(outputs, 0.9)
    assert found.scores.tolist() == [pytest.approx(0.95)]
    moved = np.array(corners) + np.array([2, 1, 2, 1]) * stride
    np.testing.assert_allclose(found.boxes, [moved], atol=1e-4)
    centre = (moved[:2] + moved[2:]) / 2
    np.testing.assert_allclose(found.points[0], np.tile(centre, (5, 1)), atol=1e-4)


def test_deltas_belong_to_their_anchor_and_picture() -> None:
    outputs = maps(64, 64, count=3)
    outputs[3][2, 0, 1, 3] = 0.8  # stride 16, second anchor of the second cell, third picture
    outputs[4][2, 0, 1, 4:] = (0.5, 0, np.log(2), 0)
    outputs[5][2, 0, 1, 10:12] = (-0.25, 0.125)
    outputs[0][0, 0, 0, :2] = 1  # background
    found = decode(outputs, 0.5)
    assert found.picture.tolist() == [2]
    x, y, side = 16 + 7.5 + 0.5 * 64, 7.5, 64
    np.testing.assert_allclose(
        found.boxes, [[x - (2 * side - 1) / 2, y - (side - 1) / 2, x + (2 * side - 1) / 2, y + (side - 1) / 2]]
    )
    np.testing.assert_allclose(found.points[0, 0], [16 + 7.5 - 0.25 * 64, 7.5 + 0.125 * 64])


def test_nothing_gives_nothing() -> None:
    found = decode(maps(100, 40), 0.5)
    assert found.boxes.shape == (0, 4)
    assert found.points.shape == (0, 5, 2)
