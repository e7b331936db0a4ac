"""Writing pictures."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import Image
from app.errors import InvalidInputError
from app.media.images import encode_jpeg
from app.pixels import decode_image


def test_jpeg_keeps_colours_and_shrinks(astronaut: Image) -> None:
    decoded = decode_image(encode_jpeg(astronaut, quality=95))
    assert np.abs(decoded.astype(int) - astronaut).mean() < 4
    assert decode_image(encode_jpeg(astronaut[:, :256], max_side=100)).shape == (100, 50, 3)
    assert decode_image(encode_jpeg(astronaut[:8, :8], max_side=100)).shape == (8, 8, 3)
    assert decode_image(encode_jpeg(astronaut[::2, 10:60])).shape == (256, 50, 3)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "four channels", "float", "empty"],
)
def test_an_array_that_is_no_picture_is_refused(image) -> None:
    with pytest.raises(InvalidInputError, match="uint8"):
        encode_jpeg(image)
