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

# Up to so many boxes, comparing all with all is quickest.
_FEW = 128
# Row i, column j: whether the box at place i is better than that at j.
_BETTER = np.triu(np.ones((_FEW, _FEW), np.bool_), k=1)
# Boxes that are compared with others at a time.
_BLOCK = 64


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
    ranked = boxes[order]
    if len(order) <= _FEW:
        corners = ranked.T.copy()
        above = _are_above(corners, corners, threshold, measure)
        # Row i stands at column i too, and suppresses only what comes after itself.
        above &= _BETTER[: len(order), : len(order)]
        return order[~above.any(axis=0)]
    return order[~_swept(ranked, threshold, measure)]


def _swept(ranked: Boxes, threshold: float, measure: Measure) -> npt.NDArray[np.bool_]:
    """Which of many boxes, best first, are suppressed: compares each with those only that begin where it is."""
    rank = np.argsort(ranked[:, 0], kind="stable")
    corners = ranked[rank].T.copy()
    worse = np.zeros(len(rank), np.bool_)
    for start in range(0, len(rank), _BLOCK):
        block = corners[:, start : start + _BLOCK]
        end = max(int(np.searchsorted(corners[0], block[2].max())), start + block.shape[1])
        above = _are_above(block, corners[:, start:end], threshold, measure)
        better = rank[start : start + _BLOCK, None] < rank[start:end]
        worse[start:end] |= (above & better).any(axis=0)
        # A box is not better than itself, nor is it worse.
        above[:, : len(above)].flat[:: len(above) + 1] = False
        worse[start : start + _BLOCK] |= (above & ~better).any(axis=1)
    suppressed = np.empty_like(worse)
    suppressed[rank] = worse
    return suppressed


def _are_above(first: Boxes, second: Boxes, threshold: float, measure: Measure) -> npt.NDArray[np.bool_]:
    """Whether boxes (4, n) overlap others (4, m) by more than a threshold: (n, m). Without a division, for speed."""
    common = _common(first[0::2], second[0::2])
    common *= _common(first[1::2], second[1::2])
    ours, theirs = _areas(first.T)[:, None], _areas(second.T)
    if measure == "min":
        return common > np.minimum(ours, theirs) * threshold
    # the common area over that of the union, with all areas on one side
    common *= 1 + threshold
    ours, theirs = ours * threshold, theirs * threshold
    return common > ours + theirs


def _common(first: Boxes, second: Boxes) -> Boxes:
    """Length (n, m) that intervals (2, n) have in common with others (2, m); 0 where none."""
    length: Boxes = np.minimum(first[1][:, None], second[1])
    length -= np.maximum(first[0][:, None], second[0])
    return np.maximum(length, 0, out=length)


def square(boxes: Boxes) -> Boxes:
    """Grows the shorter side of each box around its centre until the box is square."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True)
    corners = boxes[:, :2] + sides * 0.5 - longest * 0.5
    squares: Boxes = np.concatenate([corners, corners + longest], axis=1)
    return squares
