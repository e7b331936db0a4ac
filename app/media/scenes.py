"""Tells, long after a video was looked at, whether its picture has changed between two frames as by a cut.

A few bytes are kept of each frame that shows a face. They hang on the frame alone, so whoever looks at a part of a video
keeps the same ones as who looks at the whole.
"""

from __future__ import annotations

import numpy as np

from app.domain import FloatArray, Image
from app.media.sampling import cells_of

_COLUMNS, _ROWS = 16, 9
SIGNATURE_BYTES = _COLUMNS * _ROWS
# Grey levels by which cells differ on average. The three cuts of a concert film: 20 to 31, whether the frames before and
# after are 0.04 or 1 s apart; its pans up to 18; people who sign, within one second, up to 12.5; somebody else in the same
# chair before the same camera 12 to 49, most often more than 19.
_CUT = 19.0


def signature(image: Image) -> bytes:
    """Brightness of 16 x 9 cells of a picture, ``SIGNATURE_BYTES`` bytes.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
    """
    cells: FloatArray = cells_of(image)
    rows, columns = cells.shape[0] // _ROWS, cells.shape[1] // _COLUMNS
    grid: Image = np.rint(cells.reshape(_ROWS, rows, _COLUMNS, columns).mean(axis=(1, 3))).astype(np.uint8)
    return grid.tobytes()


def is_cut(one: bytes, other: bytes) -> bool:
    """Whether two pictures, given by their signatures, differ as before and after a cut."""
    before, after = (np.frombuffer(each, np.uint8).astype(np.float32) for each in (one, other))
    return len(before) != len(after) or float(np.abs(before - after).mean()) > _CUT


class Shots:
    """Numbers the shots of a video, frame by frame in the order of time."""

    def __init__(self) -> None:
        self._number = 0
        self._last: bytes | None = None

    def number(self, seen: bytes | None) -> int | None:
        """Number of the shot that a frame is in; ``None`` where its signature is not known."""
        if seen is None:
            return None
        if self._last is not None and is_cut(self._last, seen):
            self._number += 1
        self._last = seen
        return self._number
