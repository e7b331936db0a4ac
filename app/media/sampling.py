"""Chooses, among the frames of a video that come at an even rhythm, those that are worth looking at.

``interval`` takes a frame every so many seconds. The other two read the video at a finer rhythm, of a fraction of the
interval, and compare what they read; that costs decoding, which is cheap beside looking for faces.

* ``scenes`` takes the frames that ``interval`` takes, and the first frame of every scene that begins between them.
* ``adaptive`` leaves out a frame that hardly differs from the last one it took; a face found there is known to be shown
  for as long (:attr:`app.domain.Frame.until`). Where pictures move it also offers the frames half way between, as
  *spare* ones: they are worth a look where a neighbour shows a face, which only who looks can tell.

Frames are compared within a chunk only. So a run that begins at any chunk chooses the same frames as one that
began with the video, and a killed job, or another worker, may go on there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.domain import FloatArray, Frame, Image, Sampling

FINE_STEPS = {Sampling.INTERVAL: 1, Sampling.SCENES: 4, Sampling.ADAPTIVE: 2}
"""Parts of an interval that are read; numbers of samples count these."""

# Intervals in a chunk: small enough to lose little when killed, large enough to batch. The first one is shorter, so that
# the networks begin earlier, and so do the faces that people see.
_CHUNK_INTERVALS = 8
_FIRST_INTERVALS = 4

# Frames are compared by the mean brightness of 32 x 18 cells, which noise hardly moves. A cell is about as large as the
# smallest face that is looked for, so a face that comes or goes changes at least one.
_COLUMNS, _ROWS = 32, 18
_ENOUGH = 360  # rows of a picture that tell a cell's brightness well
# Grey levels by which the most changed cell of a still scene differs at most. Fixed cameras looked at: noise and
# compression 0.5..2.5, somebody breathing 3, somebody turning the head 10 and more.
_STILL = 4.0
# Grey levels by which cells differ on average across a cut. Within the scenes looked at: up to 12; cuts: 25 and more.
_CUT = 20.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame and its cells."""

    frame: Frame
    cells: FloatArray


def fine_steps(sampling: Sampling) -> int:
    """Parts of an interval that are read; numbers of samples count these."""
    return FINE_STEPS[sampling]


def chunk_end(sample: int, sampling: Sampling = Sampling.INTERVAL) -> int:
    """First sample after the chunk of a sample. It hangs on the number alone, so that every attempt cuts alike."""
    first, size = (count * FINE_STEPS[sampling] for count in (_FIRST_INTERVALS, _CHUNK_INTERVALS))
    return first if sample < first else (sample // size + 1) * size


def choose(frames: Iterable[Frame | None], sampling: Sampling) -> Iterator[Frame | None]:
    """Passes on the frames that are worth a look.

    Args:
        frames: Frames at the finer rhythm, in order; ``None`` in between is passed on.
        sampling: How to choose.

    Returns:
        The chosen frames in order, one late where its successor decides about it.
    """
    if sampling is Sampling.SCENES:
        return _beginnings(frames)
    return _different(frames) if sampling is Sampling.ADAPTIVE else iter(frames)


def _beginnings(frames: Iterable[Frame | None]) -> Iterator[Frame | None]:
    """Frames of the interval, and those after a cut."""
    last: _Seen | None = None
    for frame in frames:
        if frame is None:
            yield None
            continue
        now = _Seen(frame, cells_of(frame.image))
        regular = frame.sample % FINE_STEPS[Sampling.SCENES] == 0
        if regular or last is None or _chunks_differ(now, last, Sampling.SCENES) or _is_cut(now, last):
            yield frame
        last = now


def _different(frames: Iterable[Frame | None]) -> Iterator[Frame | None]:
    """Frames that differ from the one taken before; the frame between two of the interval as a spare one."""
    held: _Seen | None = None
    for frame in frames:
        if frame is None:
            yield None
            continue
        now = _Seen(frame, cells_of(frame.image))
        between = frame.sample % FINE_STEPS[Sampling.ADAPTIVE] != 0
        if held is None or _chunks_differ(now, held, Sampling.ADAPTIVE):
            spare = False
        elif _largest_change(now, held) < _STILL:
            # the frame that stands for this one must be looked at if this one had to be
            held = replace(held, frame=replace(held.frame, until=frame.timestamp, spare=held.frame.spare and between))
            continue
        else:
            spare = between and not _is_cut(now, held)
        if held is not None:
            yield held.frame
        held = replace(now, frame=replace(frame, spare=spare))
    if held is not None:
        yield held.frame


def cells_of(image: Image) -> FloatArray:
    """Brightness of 32 x 18 cells of a picture, ``float32``, 0..255.

    Green stands for brightness, and of large pictures one pixel for its neighbours: that is near enough, and quick.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
    """
    step = max(1, min(image.shape[:2]) // _ENOUGH)
    green = image[::step, ::step, 1].astype(np.float32)
    return np.asarray(cv2.resize(green, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA), np.float32)


def _chunks_differ(one: _Seen, other: _Seen, sampling: Sampling) -> bool:
    return chunk_end(one.frame.sample, sampling) != chunk_end(other.frame.sample, sampling)


def _largest_change(one: _Seen, other: _Seen) -> float:
    return float(np.abs(one.cells - other.cells).max())


def _is_cut(one: _Seen, other: _Seen) -> bool:
    return float(np.abs(one.cells - other.cells).mean()) > _CUT
