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
from app.vision.detectors.mtcnn_pyramid import WINDOW, Strip

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
    """Windows of one tile in which the first net sees a face.

    Attributes:
        answers: Shifts of the window's corners as fractions of its size, and last how likely a face is, see
            :func:`probability`: (5, n).
        places: Number of each window (n,), counted row by row.
        columns: Windows in a row.
        step: How far apart windows are, in pixels.
        left: Where the tile lies in its level, in pixels.
        top: The same downwards.
        scale: That of the level.
    """

    answers: FloatArray
    places: IntArray
    columns: int
    step: int
    left: int
    top: int
    scale: float


def find_hits(answers: FloatArray, threshold: float, strip: Strip, left: int) -> Hits:
    """Reads the first net's maps of one tile.

    Args:
        answers: Offsets and the logit (5, rows, columns).
        threshold: Windows of a probability *above* this are hits, between 0 and 1.
        strip: What the tile is a part of.
        left: Its first column.
    """
    flat = answers.reshape(len(answers), -1)
    (places,) = (flat[-1] > math.log(threshold / (1 - threshold))).nonzero()
    chosen = flat.take(places, axis=1)
    return Hits(chosen, places, answers.shape[2], strip.step, left, strip.top, strip.level.scale)


def propose(found: Sequence[Hits]) -> tuple[Boxes, Floats]:
    """Turns hits into boxes (n, 4) in pixels of the picture and probabilities (n,), in the order of the hits."""
    answers = np.concatenate([hits.answers for hits in found], axis=1)
    places = np.concatenate([hits.places for hits in found])
    counts = [len(hits.places) for hits in found]
    columns, step, left, top = np.repeat(np.array([hits[2:6] for hits in found]), counts, axis=0).T
    rows, columns = np.divmod(places, columns)
    corners = np.stack([columns * step + left, rows * step + top], axis=1) + _WINDOW_START
    windows = np.concatenate([corners, corners + _WINDOW_SIDE], axis=1)
    boxes: Boxes = windows + answers[:-1].T * np.float32(_WINDOW_SIDE)
    boxes /= np.repeat([hits.scale for hits in found], counts)[:, None]
    return boxes, probability(answers[-1])


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
