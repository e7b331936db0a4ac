"""Chooses, among the frames of a video that come at an even rhythm, those that are worth looking at.

``interval`` takes a frame every so many seconds. The other two compare what they read, which is cheap beside looking for
faces.

* ``scenes`` reads four frames in an interval. It takes those that ``interval`` takes, and the first one of every scene
  that begins between them.
* ``adaptive`` reads what ``interval`` reads, and leaves out a frame that hardly differs from the last one it took; a face
  found there is known to be shown for as long (:attr:`app.domain.Frame.until`). Of the others every second one is
  *spare*, unless it follows a cut: worth a look where a neighbour shows a face, which only who looks can tell.

Frames are compared within a chunk only. So a run that begins at any chunk chooses the same frames as one that
began with the video, and a killed job, or another worker, may go on there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.domain import FloatArray, Frame, Image, Sampling

_FINE_STEPS = {Sampling.INTERVAL: 1, Sampling.SCENES: 4, Sampling.ADAPTIVE: 1}
_SPARE_EVERY = 2

# Intervals in a chunk: small enough to lose little when killed, large enough to batch. The first one is shorter, so that
# the networks begin earlier, and so do the faces that people see.
_CHUNK_INTERVALS = 8
_FIRST_INTERVALS = 4

# Frames are compared by the mean brightness of 32 x 18 cells, which noise hardly moves. A cell is about as large as the
# smallest face that is looked for, so a face that comes or goes changes at least one.
_COLUMNS, _ROWS = 32, 18
_ENOUGH = 360  # rows of a picture that tell a cell's brightness well
# Grey levels by which the most changed cell of a still scene differs at most. An empty corridor, half a second apart:
# 0.7 to 2.3; with somebody far away in it 14; hands of somebody who signs, 23 and more.
_STILL = 4.0
# Grey levels by which cells differ on average across a cut. Signing hands: up to 9; somebody close to the camera who
# walks by, 11; cuts on a stage 25, though quick pans of a camera reach as much.
_CUT = 20.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame and its cells."""

    frame: Frame
    cells: FloatArray


def fine_steps(sampling: Sampling) -> int:
    """Parts of an interval that are read; numbers of samples count these."""
    return _FINE_STEPS[sampling]


def chunk_end(sample: int, sampling: Sampling = Sampling.INTERVAL) -> int:
    """First sample after the chunk of a sample. It hangs on the number alone, so that every attempt cuts alike."""
    first, size = (count * _FINE_STEPS[sampling] for count in (_FIRST_INTERVALS, _CHUNK_INTERVALS))
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
        regular = frame.sample % _FINE_STEPS[Sampling.SCENES] == 0
        if regular or last is None or _chunks_differ(now, last, Sampling.SCENES) or _is_cut(now, last):
            yield frame
        last = now


def _different(frames: Iterable[Frame | None]) -> Iterator[Frame | None]:
    """Frames that differ from the one taken before, every second one as a spare one."""
    held: _Seen | None = None
    for frame in frames:
        if frame is None:
            yield None
            continue
        now = _Seen(frame, cells_of(frame.image))
        between = frame.sample % _SPARE_EVERY != 0
        if held is None or _chunks_differ(now, held, Sampling.ADAPTIVE):
            spare = False
        elif _largest_change(now, held) < _STILL:
            # whichever frame stands for this one must be looked at if this one would have to be
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
