"""MTCNN's pyramid of shrunken pictures, cut into strips that fit into a processor's cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from app.domain import FloatArray, Image

# The side of the window that the first net looks through, in pixels of a level.
WINDOW = 12
# How far apart its windows are in pixels, and how far where it leaves out every other row and column of them.
STEP, COARSE_STEP = 2, 4
# Each level of the pyramid is this much smaller than the one before; the package's default.
_SHRINK = 0.709
# A strip is cut into tiles of about so many pixels; the first net's maps of larger ones leave the cache.
_TILE_ROWS, _TILE_COLUMNS = 112, 400
# Smaller levels than this, in pixels, cost too little to be looked at coarsely.
_COARSE_FROM = 40_000
# Parts of a pixel smaller than this are left out, as OpenCV does.
_SLIVER = 1e-3


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


class Strip(NamedTuple):
    """Some rows of a level, and how they are made and looked at.

    Attributes:
        level: What it is a part of.
        number: That of the level, 0 for the largest.
        step: How far apart in pixels the first net's windows are.
        top: Its first row.
        rows: Averages the picture's rows: sparse (rows of the strip, rows of the picture).
        tiles: First and last column (exclusive) of the parts that the first net is to look at one by one.
    """

    level: Level
    number: int
    step: int
    top: int
    rows: csr_array
    tiles: Sequence[tuple[int, int]]


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


@lru_cache(maxsize=16)
def plan(width: int, height: int, min_face_size: int, coarse_levels: int = 0) -> tuple[Strip, ...]:
    """Plans the work of the first net on a picture.

    Args:
        width: Width of the picture in pixels.
        height: Its height.
        min_face_size: See :func:`pyramid`.
        coarse_levels: On so many of the largest levels windows are 4 pixels apart, if the levels are large; on all
            others 2.

    Returns:
        The strips of all levels, the largest level first, each from top to bottom.
    """
    strips = []
    for number, level in enumerate(pyramid(width, height, min_face_size)):
        coarse = number < coarse_levels and level.width * level.height >= _COARSE_FROM
        step = COARSE_STEP if coarse else STEP
        tiles = _cut(level.width, _TILE_COLUMNS, step)
        for top, bottom in _cut(level.height, _TILE_ROWS, step):
            rows = _averaging(height, level.height, top, bottom)
            strips.append(Strip(level, number, step, top, rows, tiles))
    return tuple(strips)


def _cut(length: int, most: int, step: int) -> list[tuple[int, int]]:
    """Cuts a side into parts of about ``most`` pixels that overlap just so that each window lies in one part."""
    windows = -(-(length - WINDOW + 1) // step)
    parts = -(-windows * step // most)
    limits = [windows * part // parts * step for part in range(parts + 1)]
    # The last part goes to the very end: beyond the last whole window there may be half of one, which counts.
    ends = [limit - step + WINDOW for limit in limits[1:-1]] + [length]
    return list(zip(limits[:-1], ends, strict=True))


def _averaging(source: int, target: int, top: int, bottom: int) -> csr_array:
    """Matrix that averages ``source`` rows to rows ``top`` to ``bottom`` of ``target`` rows, by area."""
    ratio = source / target
    edges = np.arange(top, bottom + 1) * ratio
    first, last = edges[:-1].astype(np.int64), np.minimum(np.ceil(edges[1:]).astype(np.int64), source)
    counts = last - first
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
    low, high = np.repeat(edges[:-1], counts), np.repeat(edges[1:], counts)
    shares = np.minimum(high, columns + 1) - np.maximum(low, columns)
    shares[shares < _SLIVER] = 0
    return csr_array(
        ((shares / ratio).astype(np.float32), columns, starts), shape=(bottom - top, source), dtype=np.float32
    )


def as_rows(image: Image) -> FloatArray:
    """A picture (height, width, 3) as ``float32`` (height, width * 3), which :func:`shrink` takes."""
    return image.astype(np.float32).reshape(image.shape[0], -1)


def shrink(rows: npt.NDArray[Any], strip: Strip) -> FloatArray:
    """Makes a strip of a level by area averaging from the full picture.

    The same numbers as OpenCV's, but for rounding, in half of its time, most of which goes into adding up columns: so
    rows come first, of which there are fewer afterwards.

    Bytes instead of floats, or levels made from each other or from halves of the picture, would save little more; and
    the first net is so touchy that three to six faces in a hundred would change sides.

    Args:
        rows: ``float32`` from :func:`as_rows`.
        strip: What to make.

    Returns:
        ``float32`` (height of the strip, width of the level, 3).
    """
    fewer = (strip.rows @ rows).reshape(strip.rows.shape[0], -1, 3)
    shrunk = cv2.resize(fewer, (strip.level.width, len(fewer)), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32)
