"""The steps between MTCNN's nets: proposals, crops, refinement. Arrays in, arrays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray
from app.vision.boxes import Boxes
from app.vision.detectors.mtcnn_pyramid import WINDOW

Floats = npt.NDArray[np.floating[Any]]

# The package takes the first net's window as 11 pixels wide, from 2i + 1 to 2i + 12.
_WINDOW_SIDE = WINDOW - 1
_WINDOW_START = 1
# What the nets take as "nothing"; 0 after their normalisation.
_GREY = 127.5
# OpenCV's remap takes no destination with 2**15 rows or more.
_REMAP_ROWS = 2**15 - 1


def probability(logit: FloatArray) -> FloatArray:
    """The nets' softmax over "no face" and "face", from the difference of the two.

    Computed in float32 on purpose, and not by the graph: boxes that score almost 1 are often equal after the
    package's own rounding, and which of them suppresses the other hangs on that.
    """
    # exp() of a large number is infinite, and one over that is the right answer.
    with np.errstate(over="ignore"):
        certain: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-logit.astype(np.float32, copy=False)))
    return certain


class Hits(NamedTuple):
    """Windows in which the first net sees a face.

    Attributes:
        corners: Left and top (n, 2) of each window in pixels of what the net saw.
        offsets: Shifts of the window's corners (4, n) as fractions of its size.
        logits: How likely a face is (n,); see :func:`probability`.
    """

    corners: IntArray
    offsets: FloatArray
    logits: FloatArray


def find_hits(answers: FloatArray, threshold: float, step: int) -> Hits:
    """Reads the first net's maps.

    Args:
        answers: Offsets and the logit (5, rows, columns).
        threshold: Windows of a probability *above* this are hits, between 0 and 1.
        step: How far apart windows are, in pixels.
    """
    columns = answers.shape[2]
    flat = answers.reshape(len(answers), -1)
    places = np.flatnonzero(flat[-1] > math.log(threshold / (1 - threshold)))
    chosen = flat[:, places]
    corners = np.stack([places % columns, places // columns], axis=1) * step
    return Hits(corners, chosen[:-1], chosen[-1])


def join_hits(hits: Sequence[Hits]) -> Hits:
    """Puts hits one after the other."""
    return Hits(
        np.concatenate([hit.corners for hit in hits]),
        np.concatenate([hit.offsets for hit in hits], axis=1),
        np.concatenate([hit.logits for hit in hits]),
    )


def propose(hits: Hits, scales: Floats) -> Boxes:
    """Turns hits into boxes (n, 4) in pixels of the picture.

    Args:
        hits: Corners in pixels of the level.
        scales: Those of the levels (n,).
    """
    corners = hits.corners + _WINDOW_START
    windows = np.concatenate([corners, corners + _WINDOW_SIDE], axis=1)
    boxes: Boxes = (windows + hits.offsets.T * np.float32(_WINDOW_SIDE)) / scales[:, None]
    return boxes


def refine(boxes: Boxes, offsets: Floats) -> Boxes:
    """Moves the corners of boxes (n, 4) by ``offsets`` (n, 4), fractions of the box's size plus one pixel."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    refined: Boxes = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return refined


def place_landmarks(boxes: Boxes, fractions: Floats) -> Floats:
    """Turns the third net's fractions (n, 10), five x then five y, into points (n, 5, 2) in pixels.

    Args:
        boxes: The boxes (n, 4) that the net looked at, before refinement.
        fractions: Its answer.
    """
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    # The "- 1" is the package's.
    points = fractions.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
    placed: Floats = points
    return placed


def _sample_positions(starts: Floats, ends: Floats, length: int, side: int) -> Floats:
    """Positions (n, side) at which an axis of ``length`` pixels is read, as TensorFlow's crop_and_resize does."""
    stretch = (length - 1) / length
    steps = (ends - starts) * stretch / (side - 1)
    positions: Floats = starts[:, None] * stretch + steps[:, None] * np.arange(side)
    return positions


def crop(pixels: FloatArray, boxes: Boxes, side: int) -> FloatArray:
    """Cuts boxes out of a picture and brings them to one size, bilinearly.

    Args:
        pixels: ``float32`` (height, width, 3).
        boxes: Boxes (n, 4) in its pixels; what lies outside of the picture becomes mid grey.
        side: Rows and columns of each crop.

    Returns:
        ``float32`` (n, side, side, 3).
    """
    height, width = pixels.shape[:2]
    crops = np.empty((len(boxes), side, side, 3), np.float32)
    step = _REMAP_ROWS // side
    for start in range(0, len(boxes), step):
        some = boxes[start : start + step]
        xs = _sample_positions(some[:, 0], some[:, 2], width, side)
        ys = _sample_positions(some[:, 1], some[:, 3], height, side)
        # One call for all boxes: their crops stand below each other in one tall picture.
        map_x = np.repeat(xs.astype(np.float32), side, axis=0)
        map_y = np.repeat(ys.astype(np.float32).reshape(-1, 1), side, axis=1)
        tall = cv2.remap(pixels, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        crops[start : start + step] = tall.reshape(-1, side, side, 3)
        _blank_outside(crops[start : start + step], xs, width, ys, height)
    return crops


def _blank_outside(crops: FloatArray, xs: Floats, width: int, ys: Floats, height: int) -> None:
    """Makes mid grey, in place, what was read from outside of the picture; OpenCV itself would blend at the rim."""
    out_x, out_y = (xs < 0) | (xs > width - 1), (ys < 0) | (ys > height - 1)
    for number in np.flatnonzero(out_x.any(axis=1) | out_y.any(axis=1)):
        crops[number, out_y[number]] = _GREY
        crops[number, :, out_x[number]] = _GREY
