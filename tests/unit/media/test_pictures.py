"""Orientation and pixel shape, as arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from app.media.pictures import Orientation, square_size

ONE = 1 << 16


def matrix(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    return (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


# a matrix takes the point (x, y) to (a x + c y, b x + d y), with y down
CASES = {
    "upright": (matrix(1, 0, 0, 1), lambda image: image, 0, False),
    "a quarter clockwise": (matrix(0, 1, -1, 0), lambda image: np.rot90(image, -1), 90, True),
    "half a turn": (matrix(-1, 0, 0, -1), lambda image: np.rot90(image, 2), 180, False),
    "a quarter counterclockwise": (matrix(0, -1, 1, 0), lambda image: np.rot90(image, 1), 270, True),
    "mirrored": (matrix(-1, 0, 0, 1), lambda image: image[:, ::-1], 0, False),
    "transposed": (matrix(0, 1, 1, 0), lambda image: image.transpose(1, 0, 2), 90, True),
}


@pytest.mark.parametrize("name", CASES)
def test_a_matrix_moves_every_pixel_where_it_says(name: str) -> None:
    numbers, expected, rotation, transposed = CASES[name]
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    orientation = Orientation(numbers)
    assert np.array_equal(orientation.apply(image), expected(image))
    assert (orientation.rotation, orientation.transposed) == (rotation, transposed)


def test_no_matrix_leaves_the_picture() -> None:
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(Orientation().apply(image), image)


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((720, 576), Fraction(16, 15), (768, 576)),
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((720, 480), Fraction(8, 9), (720, 540)),
        ((640, 480), None, (640, 480)),
        ((640, 480), Fraction(0), (640, 480)),
        ((640, 480), Fraction(1), (640, 480)),
        ((640, 480), Fraction(1000, 1), (640, 480)),
        ((640, 480), Fraction(1, 1000), (640, 480)),
    ],
)
def test_pixels_become_square_and_none_is_lost(
    size: tuple[int, int], aspect: Fraction | None, expected: tuple[int, int]
) -> None:
    assert square_size(*size, aspect) == expected
