"""Arithmetic on boxes: overlap, suppression, squares, clipping.

Boxes are float arrays of shape (n, 4) with rows (x1, y1, x2, y2) in pixels, x to the right, y down. Functions keep the
dtype that they are given; the detector uses ``float32``, and ``float64`` where it follows the ``mtcnn`` package exactly.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.domain import IntArray

Boxes = npt.NDArray[np.floating[Any]]
Measure = Literal["union", "min"]

# Rows compared at a time: bounds the memory of suppression at a few megabytes, whatever the number of boxes.
_BLOCK = 512


def areas(boxes: Boxes) -> Boxes:
    """Areas (n,) in square pixels; 0 for boxes that are turned inside out."""
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
    ours, theirs = areas(first)[:, None], areas(second)[None, :]
    whole = ours + theirs - common if measure == "union" else np.minimum(ours, theirs)
    shares: Boxes = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return shares


def suppress(
    boxes: Boxes,
    scores: npt.NDArray[np.floating[Any]],
    threshold: float,
    *,
    measure: Measure = "union",
    by: Literal["kept", "all"] = "kept",
) -> IntArray:
    """Non-maximum suppression: of boxes that overlap, only the best stays.

    Args:
        boxes: Boxes (n, 4).
        scores: Their scores (n,).
        threshold: A box goes when its overlap with a better one is *above* this, 0..1.
        measure: See :func:`overlap`.
        by: ``kept`` is the usual greedy form, in which only boxes that stay suppress others; ``all`` lets any better
            box suppress, even one that goes itself, as the ``mtcnn`` package does.

    Returns:
        Indices of the boxes that stay, best first.
    """
    order = np.argsort(scores)[::-1]
    ranked = boxes[order]
    alive = np.ones(len(order), dtype=np.bool_)
    for start in range(0, len(order), _BLOCK):
        # Without a copy of the candidates that are gone already, crowded pictures would cost a full square matrix.
        later = start + np.flatnonzero(alive[start:]) if by == "kept" else np.arange(start, len(order))
        rows = later[: np.searchsorted(later, start + _BLOCK)]
        above = overlap(ranked[rows], ranked[later], measure) > threshold
        if by == "all":
            # Row i stands at column i of its own block, and suppresses only what comes after itself.
            alive[later] &= ~np.triu(above, k=1).any(axis=0)
            continue
        here = np.ones(len(later), dtype=np.bool_)
        for row in range(len(rows)):
            if here[row]:
                here[row + 1 :] &= ~above[row, row + 1 :]
        alive[later] = here
    kept: IntArray = order[alive]
    return kept


def square(boxes: Boxes) -> Boxes:
    """Grows the shorter side of each box around its centre until the box is square."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True, initial=0)
    corners = boxes[:, :2] + sides * 0.5 - longest * 0.5
    squares: Boxes = np.concatenate([corners, corners + longest], axis=1)
    return squares


def clip(boxes: Boxes, width: int, height: int) -> Boxes:
    """Cuts boxes to a picture of ``width`` x ``height`` pixels: coordinates lie in 0..width and 0..height."""
    limits = np.array([width, height, width, height], boxes.dtype)
    inside: Boxes = np.clip(boxes, 0, limits)
    return inside
