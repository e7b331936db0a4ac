"""Arithmetic on boxes: overlap, suppression, squares.

Boxes are float arrays of shape (n, 4) with rows (x1, y1, x2, y2) in pixels, x to the right, y down. Functions keep the
dtype that they are given; the detector uses ``float64``, for a rounding in ``float32`` can decide which box suppresses
which, and then the faces differ from those of the ``mtcnn`` package.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.domain import IntArray

Boxes = npt.NDArray[np.floating[Any]]
Measure = Literal["union", "min"]

# Rows compared at a time, so that suppression stays in the cache and leaves out most of what is compared twice.
_BLOCK = 128
# Row i, column j: whether the box at place i is better than that at j.
_BETTER = np.triu(np.ones((_BLOCK, _BLOCK), np.bool_), k=1)


def _areas(boxes: Boxes) -> Boxes:
    """(n,) in square pixels; 0 for boxes that are turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area: Boxes = sides[:, 0] * sides[:, 1]
    return area


def overlap(first: Boxes, second: Boxes, measure: Measure = "union") -> Boxes:
    """Overlap of every box with every other.

    Args:
        first: Boxes (n, 4).
        second: Boxes (m, 4).
        measure: ``union`` divides the common area by that of the union (IoU), ``min`` by that of the smaller box.

    Returns:
        Matrix (n, m) of values 0..1; 0 where both boxes are empty.
    """
    width = np.minimum(first[:, None, 2], second[None, :, 2])
    width -= np.maximum(first[:, None, 0], second[None, :, 0])
    height = np.minimum(first[:, None, 3], second[None, :, 3])
    height -= np.maximum(first[:, None, 1], second[None, :, 1])
    common = np.maximum(width, 0, out=width)
    common *= np.maximum(height, 0, out=height)
    ours, theirs = _areas(first)[:, None], _areas(second)[None, :]
    whole = ours + theirs - common if measure == "union" else np.minimum(ours, theirs)
    shares: Boxes = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return shares


def suppress(
    boxes: Boxes, scores: npt.NDArray[np.floating[Any]], threshold: float, *, measure: Measure = "union"
) -> IntArray:
    """Non-maximum suppression: of boxes that overlap, only the best stays.

    Any better box suppresses, even one that is itself suppressed. The usual, greedy form lets only boxes suppress that
    stay; it keeps a third more proposals, which cost time, and is not what the ``mtcnn`` package does.

    Args:
        boxes: Boxes (n, 4).
        scores: Their scores (n,).
        threshold: A box goes when its overlap with a better one is *above* this, 0..1.
        measure: See :func:`overlap`.

    Returns:
        Indices of the boxes that stay, best first.
    """
    # Reversing an unstable sort leaves equal scores in the order in which the package has them.
    order: IntArray = np.argsort(scores)[::-1]
    if len(order) <= 1:
        return order
    corners = boxes[order].T.copy()
    areas = _areas(corners.T)
    alive = np.ones(len(order), dtype=np.bool_)
    for start in range(0, len(order), _BLOCK):
        above = _is_above(corners[:, start:], areas[start:], threshold, measure)
        # Row i stands at column i too, and suppresses only what comes after itself.
        above[:, :_BLOCK] &= _BETTER[: len(above), : len(above)]
        alive[start:] &= ~above.any(axis=0)
    return order[alive]


def _is_above(corners: Boxes, areas: Boxes, threshold: float, measure: Measure) -> npt.NDArray[np.bool_]:
    """Whether the first :data:`_BLOCK` boxes, (4, n) by coordinate, overlap each of all by more than a threshold.

    This is where a crowd's time goes, hence no division.
    """
    x1, y1, x2, y2 = corners
    common = _common(x1, x2)
    common *= _common(y1, y2)
    ours = areas[:_BLOCK, None]
    if measure == "min":
        return common > np.minimum(ours, areas) * threshold
    # the common area over that of the union, with all areas on one side
    common *= 1 + threshold
    whole = (ours + areas) * threshold
    return common > whole


def _common(low: Boxes, high: Boxes) -> Boxes:
    """Length (m, n) that the first :data:`_BLOCK` intervals have in common with each of all; 0 where none."""
    length = np.minimum(high[:_BLOCK, None], high)
    length -= np.maximum(low[:_BLOCK, None], low)
    return np.maximum(length, 0, out=length)


def square(boxes: Boxes) -> Boxes:
    """Grows the shorter side of each box around its centre until the box is square."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True)
    corners = boxes[:, :2] + sides * 0.5 - longest * 0.5
    squares: Boxes = np.concatenate([corners, corners + longest], axis=1)
    return squares
