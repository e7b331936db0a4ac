"""Writes pictures."""

from __future__ import annotations

import cv2
import numpy as np

from app.domain import Image
from app.errors import InvalidInputError


def encode_jpeg(image: Image, quality: int = 90, max_side: int | None = None) -> bytes:
    """Encodes a picture as JPEG.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        quality: 1..100.
        max_side: Larger pictures are shrunk to this long side, by area averaging; smaller ones are not enlarged.

    Returns:
        The bytes of the file.

    Raises:
        InvalidInputError: The array is no such picture.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InvalidInputError("A picture must be uint8 of shape (height, width, 3) in RGB order, and not empty.")
    height, width = image.shape[:2]
    shrunk: Image = image
    if max_side is not None and max(height, width) > max_side:
        scale = max_side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(shrunk, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidInputError("The picture cannot be written as JPEG: it is wider or higher than 65,500 pixels.")
    return data.tobytes()
