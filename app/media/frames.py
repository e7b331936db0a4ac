"""Samples a video: one frame every so many seconds, or those worth a look, decoded ahead in a thread of its own."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import floor
from pathlib import Path
from types import TracebackType
from typing import Self

from app.domain import Frame, Sampling
from app.errors import InvalidInputError
from app.media.containers import open_video
from app.media.decoder import SampleDecoder
from app.media.decoding import Beginning, Findings, read_beginning
from app.media.plan import exact
from app.media.sampling import choose, fine_steps

MAX_AHEAD_FRAMES = 8
MAX_AHEAD_BYTES = 64 * 1024 * 1024
"""How far the decoder may run ahead. One frame is always let in, however large."""


class FrameQueue:
    """Frames on their way from the decoding thread to the reader, bounded in number and bytes."""

    def __init__(self, max_frames: int = MAX_AHEAD_FRAMES, max_bytes: int = MAX_AHEAD_BYTES) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._condition = threading.Condition()
        self._ended = False
        self._failure: BaseException | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once the reader wants nothing more."""
        return self._closed

    def put(self, frame: Frame) -> None:
        """Adds a frame; waits for room. Does nothing once the queue is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._has_room(frame.image.nbytes))
            if not self._closed:
                self._frames.append(frame)
                self._bytes += frame.image.nbytes
                self._condition.notify_all()

    def end(self, failure: BaseException | None = None) -> None:
        """Says that no frame will follow, and why if it is not the end of the video."""
        with self._condition:
            self._ended, self._failure = True, failure
            self._condition.notify_all()

    def get(self) -> Frame | None:
        """Takes the next frame; waits for it. ``None`` at the end.

        Raises:
            BaseException: What ended the decoding, after the frames before it.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._ended or bool(self._frames))
            if self._frames and not self._closed:
                frame = self._frames.popleft()
                self._bytes -= frame.image.nbytes
                self._condition.notify_all()
                return frame
            if self._failure is not None and not self._closed:
                raise self._failure
            return None

    def close(self) -> None:
        """Drops what is waiting and lets both sides go on."""
        with self._condition:
            self._closed = True
            self._frames.clear()
            self._bytes = 0
            self._condition.notify_all()

    def _has_room(self, size: int) -> bool:
        if not self._frames:
            return True
        return len(self._frames) < self._max_frames and self._bytes + size <= self._max_bytes


class FrameSampler:
    """Iterator over the sampled frames of a video; a context manager.

    Sample ``k`` is the first frame at or after ``k * interval`` seconds from the first frame, which is sample 0. A
    frame that is the first for several samples is given once, under the largest number. Other ways of sampling number
    parts of the interval instead, and leave frames out: see :mod:`app.media.sampling`. Memory does not grow with
    the length of the video. The thread starts with the first frame that is asked for; it and the file are let go by
    :meth:`close`, at the end of a ``with`` block, at the end of the video, or with the last reference.

    Args:
        path: The video file.
        interval: Seconds between samples, more than 0.
        start_sample: First sample wanted. What follows is exactly what a full run gives from there on; where frames
            are compared, from the beginning of any chunk on (:func:`app.media.sampling.chunk_end`).
        end_sample: First sample that is not wanted any more; ``None`` for all.
        sampling: How frames are chosen.

    Attributes:
        expected_samples: About how many samples the whole video has, or ``None`` where the file does not tell.

    Raises:
        InvalidInputError: The interval is not above 0, or ``start_sample`` is negative.
        MediaError: The file cannot be read, or has not one readable frame.
        NoVideoStreamError: The file has nothing to look at.
    """

    def __init__(
        self,
        path: Path,
        interval: float,
        start_sample: int = 0,
        end_sample: int | None = None,
        *,
        sampling: Sampling = Sampling.INTERVAL,
    ) -> None:
        if not 0 < interval < float("inf") or start_sample < 0:
            raise InvalidInputError("The interval must be more than 0 seconds, and the first sample 0 or more.")
        step = exact(interval) / fine_steps(sampling)
        with open_video(path) as (container, stream):
            beginning = read_beginning(container, stream)
        self.expected_samples = _expected(beginning, step)
        self._findings = Findings()
        self._seconds = _Stopwatch()
        self._queue = FrameQueue()
        self._ended = False
        decoder = SampleDecoder(path, step, start_sample, beginning, self._findings, end_sample)
        # the thread must not hold the sampler, or the sampler would never be collected
        frames = choose(decoder.frames(), sampling)
        self._thread = threading.Thread(
            target=_run, args=(frames, self._queue, self._seconds), name="frame-decoder", daemon=True
        )
        self._finalizer = weakref.finalize(self, self._queue.close)

    @property
    def warning(self) -> str | None:
        """What was wrong with the file although it could be read; complete once the last frame was taken."""
        return warning_of(self.cut_off_at, damaged=self.damaged) if self._ended else None

    @property
    def cut_off_at(self) -> float | None:
        """Seconds of video after which the file breaks off; known where the last sample wanted was not reached."""
        return self._findings.cut_off_at

    @property
    def damaged(self) -> bool:
        """Whether pictures could not be decoded, so far."""
        return self._findings.damaged

    @property
    def decode_seconds(self) -> float:
        """Seconds that the thread worked so far: reading, decoding, converting; waiting for room not counted."""
        return self._seconds.total

    @property
    def decoded_frames(self) -> int:
        """Frames that came out of the decoder so far, kept or not."""
        return self._findings.decoded

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._thread.ident is None and not self._queue.closed:
            self._thread.start()
        frame = self._queue.get()
        if frame is None:
            self._ended = self._ended or not self._queue.closed
            self.close()
            raise StopIteration
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops decoding and lets the file go; safe to call twice."""
        self._finalizer()
        if self._thread.ident is not None:
            self._thread.join()


def warning_of(cut_off_at: float | None, *, damaged: bool) -> str | None:
    """Says what was wrong with a file although it could be read.

    Args:
        cut_off_at: Seconds of video after which it breaks off, or ``None``.
        damaged: Whether pictures of it could not be decoded.
    """
    parts = []
    if cut_off_at is not None:
        parts.append(f"The file is cut off: it could be read up to {_clock(cut_off_at)}.")
    if damaged:
        parts.append("Some pictures in the file are damaged and were left out.")
    return " ".join(parts) or None


class _Stopwatch:
    """Adds up time."""

    def __init__(self) -> None:
        self.total = 0.0


def _run(frames: Iterator[Frame | None], queue: FrameQueue, watch: _Stopwatch) -> None:
    try:
        started = time.perf_counter()
        for frame in frames:
            if frame is not None:
                watch.total += time.perf_counter() - started
                queue.put(frame)
                started = time.perf_counter()
            if queue.closed:
                break
        watch.total += time.perf_counter() - started
    except Exception as error:  # noqa: BLE001  # whatever it is, it must reach the reader's thread
        queue.end(error)
    else:
        queue.end()


def _expected(beginning: Beginning, interval: Fraction) -> int | None:
    if beginning.duration is None:
        return None
    last = beginning.duration - (1 / beginning.rate if beginning.rate else 0)
    return max(floor(last / interval), 0) + 1


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
