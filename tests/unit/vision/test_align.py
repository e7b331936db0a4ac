from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.domain import FloatArray, Image
from app.errors import InvalidInputError
from app.vision.align import CHIP_SIZE, DLIB_TEMPLATE, align, estimate_similarity, warp

# Where a five-point detector sees the astronaut's face; read off the picture.
ASTRONAUT = np.array([[204, 100], [245, 102], [224, 126], [202, 139], [244, 140]], np.float32)


def placed(scale: float, degrees: float, shift: tuple[float, float]) -> FloatArray:
    """The template, turned, scaled and moved."""
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (DLIB_TEMPLATE @ matrix.T + shift).astype(np.float32)


PLACES = [
    pytest.param(1.0, 0.0, (0.0, 0.0), id="in-place"),
    pytest.param(0.2, 30.0, (400.0, 20.0), id="small-turned"),
    pytest.param(7.0, -80.0, (-50.0, 900.0), id="large-on-its-side"),
    pytest.param(1.5, 180.0, (10.0, 10.0), id="upside-down"),
]


@pytest.mark.parametrize(("scale", "degrees", "shift"), PLACES)
def test_similarity_undoes_turn_scale_and_shift(scale, degrees, shift):
    points = placed(scale, degrees, shift)
    matrix = estimate_similarity(points)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], DLIB_TEMPLATE, atol=1e-2)


def test_similarity_is_umeyamas():
    rng = np.random.default_rng(5)
    for _ in range(20):
        points = (DLIB_TEMPLATE * rng.uniform(0.2, 3) + rng.normal(0, 6, (5, 2))).astype(np.float32)
        p, t = points - points.mean(0), DLIB_TEMPLATE - DLIB_TEMPLATE.mean(0)
        u, s, v = np.linalg.svd(t.T @ p)
        sign = np.diag([1, np.sign(np.linalg.det(u @ v))])
        linear = (s * np.diag(sign)).sum() / (p**2).sum() * u @ sign @ v
        assert np.allclose(estimate_similarity(points)[:, :2], linear, atol=1e-4)


def test_similarity_takes_batches():
    points = np.stack([placed(2, 10, (3, 4)), placed(0.5, -10, (30, 4))])
    batch = estimate_similarity(points)
    assert batch.shape == (2, 2, 3)
    assert np.array_equal(batch[1], estimate_similarity(points[1]))


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2), np.float32),
        np.full((5, 2), np.nan, np.float32),
        np.zeros((4, 2), np.float32),
        np.full((5, 2), np.inf, np.float32),
    ],
    ids=["one-point", "nan", "four-points", "infinite"],
)
def test_similarity_refuses_what_is_no_face(points):
    with pytest.raises(InvalidInputError):
        estimate_similarity(points)


def gradient(height: int, width: int) -> Image:
    """Red grows to the right, green downwards, 1 level in 8 pixels."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x // 8, y // 8, 0 * x], -1).astype(np.uint8)


@pytest.mark.parametrize(
    "scale", [0.3, 0.9, 1.0, 1.9, 2.0, 2.1, 3.9, 4.5, 8.0], ids=lambda scale: f"face-{scale}-times-the-chip"
)
def test_chip_shows_the_right_place_at_every_size(scale):
    image = gradient(1400, 1400)
    points = placed(scale, 12.0, (60.0, 15.0))
    chip = align(image, points)
    assert chip.shape == (CHIP_SIZE, CHIP_SIZE, 3)
    assert chip.dtype == np.uint8
    for (x, y), (u, v) in zip(points, DLIB_TEMPLATE, strict=True):
        red, green, _ = chip[round(float(v)), round(float(u))].astype(float)
        slack = 1.0 + scale / 8
        assert abs(red - x / 8) <= slack
        assert abs(green - y / 8) <= slack


def test_large_faces_are_averaged_not_sampled():
    """One-pixel stripes, 8 times as large as the chip, become even grey; sampling would keep stripes."""
    image = np.zeros((1300, 1300, 3), np.uint8)
    image[:, ::2] = 255
    chip = align(image, placed(8.0, 0.0, (20.0, 20.0)))
    middle = chip[20:130, 20:130].astype(float)
    assert middle.std() < 3
    assert abs(middle.mean() - 127.5) < 3


def test_halving_keeps_the_place():
    """A halved source gives the same chip as a finely resampled one, to within the smoothing."""
    rng = np.random.default_rng(1)
    clouds = cv2.GaussianBlur(rng.normal(0, 1, (1000, 1000, 3)), (0, 0), 12)
    image = cv2.normalize(clouds, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    matrix = estimate_similarity(placed(5.0, 5.0, (120.0, 60.0)))
    direct = cv2.warpAffine(image, matrix, (CHIP_SIZE, CHIP_SIZE), flags=cv2.INTER_LINEAR)
    assert np.abs(warp(image, matrix).astype(int) - direct).max() <= 4


def test_outside_of_the_picture_is_black(astronaut):
    chip = align(astronaut, ASTRONAUT - np.float32([200, 0]))
    assert not chip[:, :20].any()
    assert chip[:, 100:].any()


@pytest.mark.parametrize("where", [(-5000, 0), (5000, 5000), (0, -5000)], ids=["left", "below", "above"])
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_face_wholly_outside_is_black_and_no_error(where, scale):
    chip = align(np.full((80, 90, 3), 200, np.uint8), placed(scale, 0, where))
    assert not chip.any()


def test_picture_smaller_than_a_block():
    assert align(np.full((3, 2, 3), 9, np.uint8), placed(30.0, 0, (-800, -800))).shape == (150, 150, 3)


def test_eyes_of_a_real_face_lie_level(astronaut):
    tilted = cv2.warpAffine(astronaut, cv2.getRotationMatrix2D((228, 130), 35, 1.0), (512, 512))
    matrix = cv2.getRotationMatrix2D((228, 130), 35, 1.0)
    points = (ASTRONAUT @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    upright, turned = align(astronaut, ASTRONAUT), align(tilted, points)
    assert np.abs(upright.astype(int) - turned).mean() < 6
