"""What detectors with anchors have in common: where the anchors lie, and from the network's numbers to faces.

Only anchors above the threshold are decoded; all pictures of a batch are decoded together. Arrays are ``float32``; boxes
are rows (x1, y1, x2, y2) in pixels of the network's input, which are those of the picture, for padding is on the right
and at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from app.domain import BoundingBox, Detection, FloatArray, IntArray

# Shapes whose anchors are kept; a picture of 640x640 has 16,800 anchors of 16 bytes.
_KEPT_SHAPES = 32


@lru_cache(maxsize=_KEPT_SHAPES * 3)
def anchor_grid(
    rows: int, columns: int, stride: int, sizes: tuple[tuple[float, float], ...], offset: float
) -> FloatArray:
    """Places anchors on the cells of a feature map; the result is kept by shape and must not be written to.

    Args:
        rows: Height of the feature map.
        columns: Width of the feature map.
        stride: Pixels from cell to cell.
        sizes: Width and height in pixels of the anchors of each cell.
        offset: Pixels from a cell's corner to the anchors' centre.

    Returns:
        ``float32`` (rows * columns * len(sizes), 4): centre x, centre y, width, height. Anchors of a cell stand
        together, then come the cells of a row, then the rows.
    """
    grid = np.empty((rows, columns, len(sizes), 4), np.float32)
    grid[..., 0] = (np.arange(columns, dtype=np.float32) * stride + offset)[None, :, None]
    grid[..., 1] = (np.arange(rows, dtype=np.float32) * stride + offset)[:, None, None]
    grid[..., 2:] = np.array(sizes, np.float32)
    flat = grid.reshape(-1, 4)
    flat.flags.writeable = False
    return flat


@dataclass(frozen=True)
class Candidates:
    """Decoded anchors of a batch, before suppression.

    Attributes:
        picture: ``int64`` (n,): which picture of the batch.
        boxes: ``float32`` (n, 4).
        points: ``float32`` (n, 5, 2), in the order of :class:`app.domain.Detection`.
        scores: ``float32`` (n,).
    """

    picture: IntArray
    boxes: FloatArray
    points: FloatArray
    scores: FloatArray


def above(scores: FloatArray, threshold: float) -> tuple[IntArray, IntArray]:
    """Finds the anchors worth decoding.

    Args:
        scores: (pictures, anchors).
        threshold: Lowest score.

    Returns:
        Picture and anchor of each, both ``int64`` (n,), by picture.
    """
    flat = np.flatnonzero(scores >= np.float32(threshold))
    picture, anchor = np.divmod(flat, scores.shape[1])
    return picture, anchor


def decode_boxes(
    anchors: FloatArray, deltas: FloatArray, *, variances: tuple[float, float] = (1.0, 1.0), pixel: float = 0.0
) -> FloatArray:
    """Moves and stretches anchors by what the network says (Faster R-CNN, eq. 2).

    Args:
        anchors: (n, 4) of :func:`anchor_grid`.
        deltas: (n, 4): shift of the centre in anchor sizes, logarithm of the stretch.
        variances: What shifts and logarithms are multiplied by.
        pixel: 1 where a box that begins and ends at pixel 5 counts as one pixel wide, 0 where as none.

    Returns:
        ``float32`` (n, 4) boxes.
    """
    centres = anchors[:, :2] + deltas[:, :2] * np.float32(variances[0]) * anchors[:, 2:]
    reach = (np.exp(deltas[:, 2:] * np.float32(variances[1])) * anchors[:, 2:] - np.float32(pixel)) * np.float32(0.5)
    return np.concatenate([centres - reach, centres + reach], axis=1)


def decode_points(anchors: FloatArray, deltas: FloatArray, *, variance: float = 1.0) -> FloatArray:
    """Places landmarks.

    Args:
        anchors: (n, 4) of :func:`anchor_grid`.
        deltas: (n, 10) or (n, 5, 2): x and y in anchor sizes from the anchor's centre.
        variance: What they are multiplied by.

    Returns:
        ``float32`` (n, 5, 2).
    """
    shifts = deltas.reshape(-1, 5, 2) * np.float32(variance)
    return np.asarray(anchors[:, None, :2] + shifts * anchors[:, None, 2:], np.float32)


def decode_distances(centres: FloatArray, distances: FloatArray) -> FloatArray:
    """Boxes from distances to their four sides, as FCOS and SCRFD give them.

    Args:
        centres: (n, 2) or (n, 4), of which the first two columns count.
        distances: (n, 4) pixels to the left, top, right and bottom.

    Returns:
        ``float32`` (n, 4) boxes.
    """
    return np.concatenate([centres[:, :2] - distances[:, :2], centres[:, :2] + distances[:, 2:]], axis=1)


def merge(parts: Sequence[Candidates]) -> Candidates:
    """Joins the candidates of several feature maps; at least one part."""
    return Candidates(
        np.concatenate([part.picture for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def suppress_greedily(boxes: FloatArray, scores: FloatArray, threshold: float, *, pixel: float = 0.0) -> IntArray:
    """Non-maximum suppression in its usual form: only a box that stays suppresses others.

    Args:
        boxes: (n, 4).
        scores: (n,).
        threshold: A box goes when its overlap (IoU) with a better one that stays is at least this.
        pixel: See :func:`decode_boxes`.

    Returns:
        Indices of the boxes that stay, best first.
    """
    order = np.argsort(scores, kind="stable")[::-1]
    low, high = boxes[order, :2], boxes[order, 2:] + np.float32(pixel)
    areas = np.prod(np.maximum(high - low, 0), axis=1)
    kept = []
    waiting = np.arange(len(order))
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(order[best]))
        sides = np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest])
        common = np.prod(np.maximum(sides, 0), axis=1)
        whole = np.maximum(areas[best] + areas[rest] - common, np.float32(1e-9))
        waiting = rest[common < np.float32(threshold) * whole]
    return np.array(kept, np.int64)


def pick_faces(
    found: Candidates,
    sizes: Sequence[tuple[int, int]],
    *,
    overlap: float,
    min_face_sizes: Sequence[int],
    pixel: float = 0.0,
) -> list[list[Detection]]:
    """Suppresses doubles and drops small faces.

    Boxes are compared as far as they lie within the picture, and returned whole.

    Args:
        found: Candidates of a batch.
        sizes: Height and width of each picture of the batch, without its padding.
        overlap: See :func:`suppress_greedily`.
        min_face_sizes: For each picture the shorter side in pixels of the smallest face to return.
        pixel: See :func:`decode_boxes`.

    Returns:
        For each picture its faces, most certain first.
    """
    faces = []
    for number, ((height, width), smallest) in enumerate(zip(sizes, min_face_sizes, strict=True)):
        mine = np.flatnonzero(found.picture == number)
        boxes, scores = found.boxes[mine], found.scores[mine]
        limit = np.array([width, height, width, height], np.float32) - np.float32(pixel)
        kept = suppress_greedily(np.clip(boxes, 0, limit), scores, overlap, pixel=pixel)
        kept = kept[(boxes[kept, 2:] - boxes[kept, :2]).min(axis=1, initial=np.inf) + pixel >= smallest]
        faces.append([_detection(boxes[i], found.points[mine[i]], float(scores[i])) for i in kept])
    return faces


def _detection(box: FloatArray, points: FloatArray, score: float) -> Detection:
    x1, y1, x2, y2 = box.tolist()
    return Detection(BoundingBox(x1, y1, x2, y2), points, score)
