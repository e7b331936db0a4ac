"""SCRFD through a network made by hand that gives the same outputs; its real weights are not free."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import Image
from app.vision.detectors.scrfd import ScrfdDetector
from app.vision.importing.graphs import free_sides
from tests.networks import toy_scrfd

DISTANCES = [1.0, 0.5, 2.0, 1.5]
POINTS = [-0.5, -0.25, 0.5, -0.25, 0.0, 0.0, -0.5, 0.5, 0.5, 0.5]


def _red_square(x: int, y: int, size: int, height: int = 160, width: int = 224) -> Image:
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + size, x : x + size, 0] = 255
    return image


@pytest.mark.parametrize("batched", [False, True], ids=["InsightFace's shape", "batches"])
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_an_anchor_becomes_its_face(stride: int, batched: bool) -> None:
    model = free_sides(toy_scrfd(stride, DISTANCES, POINTS, batched=batched), (0, 2, 3))
    detector = ScrfdDetector(model.SerializeToString(), batch=None if batched else 1)
    images = [_red_square(64, 32, stride), _red_square(96, 64, stride), np.zeros((50, 90, 3), np.uint8)]
    (first,), (second,), nothing = detector.detect(images, min_face_size=1, confidence=0.7)
    assert nothing == []
    for face, (x, y) in ((first, (64, 32)), (second, (96, 64))):
        box = [x - stride, y - 0.5 * stride, x + 2 * stride, y + 1.5 * stride]
        np.testing.assert_allclose([face.box.x1, face.box.y1, face.box.x2, face.box.y2], box, atol=1e-3)
        np.testing.assert_allclose(face.landmarks, [x, y] + np.reshape(POINTS, (5, 2)) * stride, atol=1e-3)
        assert face.confidence > 0.9


def test_blue_is_not_red() -> None:
    detector = ScrfdDetector(toy_scrfd(16, DISTANCES, POINTS).SerializeToString(), batch=1)
    blue = np.ascontiguousarray(_red_square(64, 32, 16)[..., ::-1])
    assert detector.detect([blue], min_face_size=1, confidence=0.7) == [[]]


def test_large_pictures_are_looked_at_again_at_half_the_size() -> None:
    detector = ScrfdDetector(toy_scrfd(32, [2.0] * 4, POINTS).SerializeToString(), batch=1)
    image = np.zeros((320, 384, 3), np.uint8)
    image[64:128, 128:192, 0] = 255
    faces = detector.detect([image], min_face_size=1, confidence=0.7)[0]
    widths = sorted(face.box.width for face in faces)
    # cells of the whole picture give boxes of 4 strides, 128 pixels; the cell of the half picture twice that
    assert widths[-1] == pytest.approx(256)
    large = max(faces, key=lambda face: face.box.width)
    assert (large.box.x1, large.box.y1) == pytest.approx((128 - 128, 64 - 128))
    np.testing.assert_allclose(
        large.landmarks, (np.array([64, 32]) + np.reshape(POINTS, (5, 2)) * 32 + 0.5) * 2 - 0.5, atol=1e-3
    )


def test_pictures_without_room_for_a_large_face_are_looked_at_once() -> None:
    detector = ScrfdDetector(toy_scrfd(32, [2.0] * 4, POINTS).SerializeToString(), batch=1)
    image = _red_square(64, 64, 64, height=256, width=256)
    assert all(face.box.width < 200 for face in detector.detect([image], min_face_size=1, confidence=0.7)[0])


def test_no_pictures() -> None:
    detector = ScrfdDetector(toy_scrfd(32, DISTANCES, POINTS).SerializeToString(), batch=1)
    assert detector.detect([], min_face_size=20, confidence=0.5) == []
