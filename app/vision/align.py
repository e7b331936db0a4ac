"""Five-point alignment: turns, scales and moves a face so that its landmarks lie where the embedder expects them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from app.domain import FloatArray, Image
from app.errors import InvalidInputError

CHIP_SIZE = 150

# Where the landmarks (eye left in the image, eye right, nose tip, mouth left, mouth right) lie in the 150x150 chip.
# dlib cuts its chips by eye corners and nose base. The means that a five-point detector finds in such chips are
# (47.41, 44.50) (101.59, 44.50) (74.50, 77.62) (49.75, 100.39) (99.25, 100.39); this is them, 5 % larger about the
# middle. Stills then match better (d' 4.83 instead of 4.70; looser chips are worse at once, tighter ones from 15 %).
DLIB_TEMPLATE: FloatArray = np.array(
    [[46.03, 42.98], [102.92, 42.98], [74.48, 77.75], [48.49, 101.66], [100.46, 101.66]], dtype=np.float32
)

_COINCIDENT = 1e-9  # sum of squared distances from the middle, in square pixels
_MARGIN = 2.0  # source pixels around the chip, for the interpolation at its edge


def estimate_similarity(points: FloatArray, template: FloatArray = DLIB_TEMPLATE) -> FloatArray:
    """Finds the turn, uniform scale and shift that bring points closest to a template, in the least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991). In two
    dimensions, without mirroring, its solution needs no SVD: with centred points p and template t taken as complex
    numbers, scale times rotation is sum(conj(p) t) / sum(|p|^2).

    Args:
        points: (..., 5, 2) source pixels, x then y; any number of leading axes.
        template: (5, 2) pixels of the chip.

    Returns:
        ``float32`` (..., 2, 3): ``chip = matrix @ (x, y, 1)``.

    Raises:
        InvalidInputError: The shapes do not fit, a number is not finite, or all points of a face coincide.
    """
    if points.shape == template.shape == (5, 2):
        return _estimate_one(points.tolist(), template.tolist())
    source = np.asarray(points, np.float64)
    if source.shape[-2:] != template.shape or not np.isfinite(source).all():
        raise InvalidInputError("Landmarks must be five points with finite coordinates.")
    target = template.astype(np.float64)
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    p, t = source - source_mean[..., None, :], target - target_mean
    power = (p**2).sum((-2, -1))
    if (power <= _COINCIDENT).any():
        raise InvalidInputError("The five landmarks of a face must not all coincide.")
    a = (p * t).sum((-2, -1)) / power
    b = (p[..., 0] * t[..., 1] - p[..., 1] * t[..., 0]).sum(-1) / power
    linear = np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], -2)
    shift = target_mean - (linear @ source_mean[..., None])[..., 0]
    return np.concatenate([linear, shift[..., None]], -1).astype(np.float32)


def _estimate_one(points: list[list[float]], template: list[list[float]]) -> FloatArray:
    """The same for one face, number by number: on so few, arrays are several times slower."""
    count = len(points)
    x, y = sum(point[0] for point in points) / count, sum(point[1] for point in points) / count
    u, v = sum(point[0] for point in template) / count, sum(point[1] for point in template) / count
    power = a = b = 0.0
    for point, target in zip(points, template, strict=True):
        px, py, tx, ty = point[0] - x, point[1] - y, target[0] - u, target[1] - v
        power += px * px + py * py
        a += px * tx + py * ty
        b += px * ty - py * tx
    if not math.isfinite(power):
        raise InvalidInputError("Landmarks must be five points with finite coordinates.")
    if power <= _COINCIDENT:
        raise InvalidInputError("The five landmarks of a face must not all coincide.")
    a, b = a / power, b / power
    return np.array([[a, -b, u - a * x + b * y], [b, a, v - b * x - a * y]], np.float32)


def align(image: Image, landmarks: FloatArray, template: FloatArray = DLIB_TEMPLATE, size: int = CHIP_SIZE) -> Image:
    """Cuts one aligned face out of a picture.

    A face much larger than the chip is first halved by area until it is less than twice as large; sampling it directly would skip pixels
    and alias. Outside of the picture is black, as in dlib's own chips.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        landmarks: (5, 2) pixels of ``image``.
        template: (5, 2) pixels of the chip.
        size: Side of the chip in pixels.

    Returns:
        ``uint8`` (size, size, 3) RGB.

    Raises:
        InvalidInputError: See :func:`estimate_similarity`.
    """
    return warp(image, estimate_similarity(landmarks, template), size)


def warp(image: Image, matrix: FloatArray, size: int = CHIP_SIZE) -> Image:
    """Cuts the chip that a similarity describes; see :func:`align`.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        matrix: (2, 3) from :func:`estimate_similarity`.
        size: Side of the chip in pixels.

    Returns:
        ``uint8`` (size, size, 3) RGB.
    """
    factor = halving(matrix)
    if factor > 1:
        image, matrix = _reduce(image, matrix, size, factor)
    chip = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(chip, np.uint8)


def halving(matrix: FloatArray) -> int:
    """The power of two by which a source may shrink and still hold at least one pixel per pixel of the chip.

    Args:
        matrix: (2, 3) from :func:`estimate_similarity`.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # chip pixels per source pixel
    return 1 if scale > 0.5 else 2 ** int(np.floor(-np.log2(scale)))


def _reduce(image: Image, matrix: FloatArray, size: int, factor: int) -> tuple[Image, FloatArray]:
    """Cuts the part that the chip shows and shrinks it by ``factor``; the matrix is adapted to the result."""
    linear, shift = matrix[:, :2].astype(np.float64), matrix[:, 2].astype(np.float64)
    chip_corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    corners = np.linalg.solve(linear, (chip_corners - shift).T).T
    limit = np.array(image.shape[1::-1])
    margin = _MARGIN * factor
    low = np.clip(np.floor(corners.min(0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(0) + margin), 0, limit).astype(int)
    low = np.minimum(low, np.maximum(limit - factor, 0))
    count = np.maximum((high - low) // factor, 1)  # whole blocks only, so that no block mixes in what is outside
    x1, y1 = low
    x2, y2 = low + count * factor
    small = cv2.resize(image[y1:y2, x1:x2], (int(count[0]), int(count[1])), interpolation=cv2.INTER_AREA)
    # pixel centres: source = small * factor + (factor - 1) / 2 + low
    offset = low + (factor - 1) / 2
    adapted = np.column_stack([linear * factor, shift + linear @ offset])
    return np.asarray(small, np.uint8), adapted.astype(np.float32)
