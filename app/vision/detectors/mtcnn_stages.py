"""The steps between MTCNN's nets: pyramid, proposals, crops, refinement. Arrays in, arrays out."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import FloatArray
from app.vision.boxes import Boxes

Floats = npt.NDArray[np.floating[Any]]

# The side of the window that the first net looks through, and how far apart two windows are, in pixels of a level.
WINDOW = 12
_STRIDE = 2
# Each level of the pyramid is this much smaller than the one before; the package's default.
_SHRINK = 0.709
# What the nets take as "nothing"; 0 after their normalisation.
_GREY = 127.5
# OpenCV's remap takes no destination with 2**15 rows or more.
_REMAP_ROWS = 2**15 - 1


class Level(NamedTuple):
    """One level of the pyramid of shrunken pictures.

    Attributes:
        width: In pixels.
        height: In pixels.
        scale: By what boxes found in it are divided to lie in the picture.
    """

    width: int
    height: int
    scale: float


def pyramid(width: int, height: int, min_face_size: int) -> list[Level]:
    """Levels for a picture, largest first, as the ``mtcnn`` package plans them.

    The package takes the number of levels from the picture alone and fails where ``min_face_size`` makes the last of
    them smaller than a window; here the pyramid ends before that.

    Args:
        width: Width of the picture in pixels.
        height: Its height.
        min_face_size: Side of the smallest face to look for, at least :data:`WINDOW`.

    Returns:
        The levels, none of them smaller than a window; empty where the picture itself is.
    """
    if min(height, width) < WINDOW:
        return []
    count = round(-(math.log(min(height, width) / WINDOW) / math.log(_SHRINK) + 1))
    scales = [WINDOW / min_face_size * _SHRINK**number for number in range(count)]
    # Boxes are divided by the nominal scale, not by the ratio of the rounded sizes: the package's way again.
    levels = [Level(int(width * scale), int(height * scale), scale) for scale in scales]
    return [level for level in levels if min(level.width, level.height) >= WINDOW]


def shrink(pixels: FloatArray, level: Level) -> FloatArray:
    """Makes one level by area averaging from the full picture.

    Bytes instead of floats, or levels made from each other or from halves of the picture, would save about two
    milliseconds at 640x360; but the first net is so touchy that one face in twenty would change sides.

    Args:
        pixels: ``float32`` (height, width, 3).
        level: What to make.

    Returns:
        ``float32`` (level.height, level.width, 3).
    """
    shrunk = cv2.resize(pixels, (level.width, level.height), interpolation=cv2.INTER_AREA)
    return shrunk.astype(np.float32, copy=False)


def probability(logit: FloatArray) -> FloatArray:
    """The nets' softmax over "no face" and "face", from the difference of the two.

    Computed in float32 on purpose, and not by the graph: boxes that score almost 1 are often equal after the
    package's own rounding, and which of them suppresses the other hangs on that.
    """
    # exp() of a large number is infinite, and one over that is the right answer.
    with np.errstate(over="ignore"):
        certain: FloatArray = np.float32(1) / (np.float32(1) + np.exp(-logit.astype(np.float32, copy=False)))
    return certain


def propose(logit: FloatArray, offsets: FloatArray, threshold: float, scale: float) -> tuple[Boxes, Floats]:
    """Reads the first net's maps.

    Args:
        logit: How likely a face is (rows, columns); see :func:`probability`.
        offsets: Shifts of the window's corners (4, rows, columns) as fractions of its size.
        threshold: Windows of a probability *above* this are proposals, between 0 and 1.
        scale: That of the level which the maps belong to.

    Returns:
        Boxes (n, 4) in pixels of the picture, and their probabilities (n,).
    """
    rows, columns = np.nonzero(logit > math.log(threshold / (1 - threshold)))
    corner = np.stack([columns, rows], axis=1) * _STRIDE + 1
    # The package takes the window as 11 pixels wide, from 2i + 1 to 2i + 12.
    side = WINDOW - 1
    windows = np.concatenate([corner, corner + side], axis=1)
    shifted = windows + offsets[:, rows, columns].T * np.float32(side)
    return shifted / scale, probability(logit[rows, columns])


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
