from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.vision.detectors.mtcnn_pyramid import as_rows, plan, pyramid, shrink


@pytest.mark.parametrize(
    ("width", "height", "min_face_size", "levels", "first", "last"),
    [
        (640, 360, 20, 9, (384, 216), (24, 13)),
        (360, 640, 20, 9, (216, 384), (13, 24)),
        (640, 480, 20, 10, (384, 288), (17, 13)),
        (640, 360, 40, 7, (192, 108), (24, 13)),
        (640, 360, 60, 6, (128, 72), (22, 12)),
        (640, 360, 12, 9, (640, 360), (40, 22)),
        (640, 360, 400, 0, None, None),
        (4000, 30, 20, 2, (2400, 18), (1701, 12)),
    ],
)
def test_pyramid(width, height, min_face_size, levels, first, last):
    plan = pyramid(width, height, min_face_size)
    assert len(plan) == levels
    if levels:
        assert (plan[0].width, plan[0].height) == first
        assert (plan[-1].width, plan[-1].height) == last


@pytest.mark.parametrize("size", [(1, 1), (11, 500), (500, 11), (0, 5), (12, 12)])
def test_a_picture_that_is_too_small_has_no_levels(size):
    assert pyramid(*size, 20) == []


def test_no_level_is_smaller_than_a_window():
    for side in range(12, 700, 7):
        for min_face_size in (12, 20, 33, 40, 60, 100):
            assert all(min(level.width, level.height) >= 12 for level in pyramid(side, 640, min_face_size))


def as_level(image: np.ndarray, min_face_size: int, number: int) -> np.ndarray:
    """A level, put together from its strips."""
    height, width = image.shape[:2]
    strips = [strip for strip in plan(width, height, min_face_size) if strip.number == number]
    level = np.full((strips[0].level.height, strips[0].level.width, 3), np.nan, np.float32)
    for strip in strips:
        pixels = shrink(as_rows(image), strip)
        assert pixels.dtype == np.float32
        level[strip.top : strip.top + len(pixels)] = pixels
    return level


def test_shrink_averages_areas():
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    halved = image.reshape(240, 2, 320, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(as_level(image, 24, 0), halved, atol=1e-3)


@pytest.mark.parametrize("size", [(640, 360), (641, 359), (12, 12), (13, 300), (1280, 720)])
@pytest.mark.parametrize("min_face_size", [12, 20, 37])
def test_shrink_gives_what_opencv_gives(size: tuple[int, int], min_face_size: int):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    for number, level in enumerate(pyramid(*size, min_face_size)):
        expected = cv2.resize(image.astype(np.float32), (level.width, level.height), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(as_level(image, min_face_size, number), expected, atol=2e-3)


@pytest.mark.parametrize("size", [(640, 360), (1282, 721), (12, 12), (13, 1500), (401, 113), (15, 14)])
@pytest.mark.parametrize("coarse_levels", [0, 2, 9])
def test_each_window_lies_in_one_tile_of_one_strip(size: tuple[int, int], coarse_levels: int):
    strips = plan(*size, 12, coarse_levels)
    for number, level in enumerate(pyramid(*size, 12)):
        mine = [strip for strip in strips if strip.number == number]
        step = 4 if number < coarse_levels and level.width * level.height >= 40_000 else 2
        assert all(strip.step == step for strip in mine)
        rows = [range(strip.top, strip.top + strip.rows.shape[0] - 11, step) for strip in mine]
        assert [row for part in rows for row in part] == list(range(0, level.height - 11, step))
        assert mine[-1].top + mine[-1].rows.shape[0] == level.height
        for strip in mine:
            assert strip.level == level
            columns = [range(left, right - 11, step) for left, right in strip.tiles]
            assert [column for part in columns for column in part] == list(range(0, level.width - 11, step))
            assert strip.tiles[-1][1] == level.width


def test_only_large_levels_are_looked_at_coarsely():
    def steps(width: int, height: int, coarse_levels: int) -> list[int]:
        strips = plan(width, height, 20, coarse_levels)
        return list({strip.number: strip.step for strip in strips}.values())

    assert steps(640, 360, 0) == [2] * 9
    assert steps(640, 360, 1) == [4] + [2] * 8
    assert steps(640, 360, 9) == [4, 4] + [2] * 7
    assert steps(150, 150, 9) == [2] * 6
