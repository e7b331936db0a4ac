"""Smaller pictures for detectors, and back to the pixels of the source."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, Image


def shrink(image: Image, scale: float) -> Image:
    """Shrinks a picture by area averaging.

    Args:
        image: ``uint8`` (height, width, 3).
        scale: Factor for both sides; from 1 on the picture stays as it is.
    """
    if scale >= 1.0:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def to_source(found: Sequence[Detection], image: Image, scale: float) -> list[Detection]:
    """Maps what was found in a shrunk picture to the picture; the factors differ by rounding in x and y.

    Args:
        found: In pixels of the shrunk picture.
        image: The picture before :func:`shrink`.
        scale: The factor given to it.
    """
    if scale >= 1.0:
        return list(found)
    height, width = image.shape[:2]
    factor_x, factor_y = width / max(1, round(width * scale)), height / max(1, round(height * scale))
    factors = np.array([factor_x, factor_y], np.float32)
    return [
        Detection(
            BoundingBox(d.box.x1 * factor_x, d.box.y1 * factor_y, d.box.x2 * factor_x, d.box.y2 * factor_y),
            _scaled(d.landmarks, factors),
            d.confidence,
        )
        for d in found
    ]


def _scaled(points: FloatArray, factors: FloatArray) -> FloatArray:
    # between pixel centres: centre 0 of the shrunk picture lies half a block into the source
    return np.asarray((points + 0.5) * factors - 0.5, np.float32)
