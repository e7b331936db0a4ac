"""Decodes the sampled frames of a video, and no more than it must.

There are two ways through a file, and both give the same frames:

* **plain** decodes every packet from the beginning. It is slow, and right by construction.
* **planned** looks at the times that the container gives for its packets before anything is decoded (``plan.py``).
  A group of pictures without a wanted frame is passed over; within a group, decoding ends at the last wanted frame;
  frames that no other refers to are passed over unless wanted. Where key frames are dense, such as one a second
  for an interval of a second, next to nothing but the wanted frames is decoded. Where the next wanted frame is far
  away, and the container has an index, it goes there instead of reading all that lies between.

The planned way checks itself: the frames that come out must be those that were planned. When one is not (a key
frame that is none, damage, a time that lies) it gives up *before* it hands out a wrong frame, and the plain way
takes over from that sample on. Resuming thus gives the same frames as a full run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from math import floor
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.domain import Frame
from app.errors import MediaError
from app.media.containers import open_video
from app.media.decoding import Beginning, Findings, decode_packet
from app.media.packets import PacketReader, VideoPacket
from app.media.pictures import PictureMaker
from app.media.plan import SampleClock, UnplannableError
from app.media.planned import PlannedRun

logger = logging.getLogger(__name__)

_TELLS_TRUE_TIMES = frozenset({"mov", "matroska", "mpegts", "mpeg", "flv", "mxf", "gif"})
"""Containers that store when each frame is shown. AVI, for one, does not; FFmpeg makes such times up."""

SEEKS_WELL = frozenset({"mov", "matroska"})
"""Containers with an index by time; elsewhere FFmpeg guesses, so there every packet is read (and none decoded)."""


_FAR_SECONDS = 4
"""Where the next wanted frame is further away than this, going to it is quicker than reading on."""


class SampleDecoder:
    """One run of sampling through a file.

    Args:
        path: The file.
        interval: Seconds between samples.
        start_sample: Number of the first sample wanted.
        beginning: What :func:`app.media.decoding.read_beginning` found.
        findings: Filled on the way.
        end_sample: First sample after those wanted; ``None``: up to the end of the file.
    """

    def __init__(
        self,
        path: Path,
        interval: Fraction,
        start_sample: int,
        beginning: Beginning,
        findings: Findings,
        end_sample: int | None = None,
    ) -> None:
        self._path = path
        self._origin = beginning.origin
        self._rate = beginning.rate or Fraction(25)
        self._clock = SampleClock(interval, start_sample, end_sample)
        self._findings = findings
        self._ended_early = False
        self._jumps = self._jumped = False

    def frames(self) -> Iterator[Frame | None]:
        """Yields the samples in order, and ``None`` in between, so that the caller may stop after any packet.

        Raises:
            MediaError: The file became unreadable, or its pictures are of a kind that cannot be converted.
        """
        if self._origin is not None:
            try:
                yield from self._planned(self._origin)
                return
            except UnplannableError:
                logger.info("decoding every frame of a video", extra={"sample": self._clock.next_sample})
                self._findings.damaged = False
        yield from self._plain()

    def _plain(self) -> Iterator[Frame | None]:
        with open_video(self._path) as (container, stream):
            reader = PacketReader(container, stream)
            maker = PictureMaker(stream.sample_aspect_ratio)
            first: Fraction | None = None
            last: Fraction | None = None
            for packet in chain(reader.packets(), (None,)):
                yield None
                for frame in decode_packet(stream, packet, self._findings):
                    last = self._time(frame, last, stream)
                    first = last if first is None else first
                    if self._clock.is_over(last - first):
                        return
                    sample = self._clock.take(last - first)
                    if sample is not None:
                        yield _picture(frame, sample, last - first, maker)
            self._conclude(reader, first or Fraction(0))

    def _time(self, frame: VideoFrame, previous: Fraction | None, stream: VideoStream) -> Fraction:
        """Time of a frame on the container's clock; one step after the one before where the file has no time."""
        tick = Fraction(stream.time_base or 0)
        if frame.pts is not None:
            return frame.pts * tick
        if frame.dts is not None and (previous is None or frame.dts * tick > previous):
            return frame.dts * tick
        return Fraction(0) if previous is None else previous + 1 / self._rate

    def _planned(self, origin: int) -> Iterator[Frame | None]:
        with open_video(self._path) as (container, stream):
            if _TELLS_TRUE_TIMES.isdisjoint(container.format.name.split(",")):
                raise UnplannableError
            reader = PacketReader(container, stream)
            run = PlannedRun(stream, origin, self._clock, self._findings)
            maker = PictureMaker(stream.sample_aspect_ratio)
            for frame in self._planned_frames(container, stream, reader, run, origin):
                taken = run.sample(frame) if frame is not None else None
                if frame is not None and taken is not None:
                    yield _picture(frame, *taken, maker)
                else:
                    yield None
            if not self._ended_early:
                self._conclude(reader, origin * run.tick)

    def _planned_frames(
        self, container: InputContainer, stream: VideoStream, reader: PacketReader, run: PlannedRun, origin: int
    ) -> Iterator[VideoFrame | None]:
        """Stretches of groups that follow each other; between two of them lies what need not be read."""
        self._jumps = run.tick > 0 and not SEEKS_WELL.isdisjoint(container.format.name.split(","))
        sought = self._clock.next_sample > 0 and self._seek(container, stream, run, origin)
        read_to: int | None = None
        while True:
            is_first, is_far = True, False
            for group, following in pairwise(chain(reader.groups(), ([],))):
                if is_first and sought:
                    self._check_landing(group[0].pts, run.target(origin), read_to)
                if run.is_over(group):
                    self._ended_early = True
                    break
                yield from run.group(group, following, is_first=is_first and not sought)
                is_first, read_to = False, group[0].pts
                if is_far := self._is_far(following, run, origin):
                    break
            if is_first and read_to is None and not self._is_behind_the_end(reader, sought):
                raise UnplannableError  # not one key frame, or no readable time
            yield from run.finish()
            if not is_far:
                return
            run.restart()
            self._jumped = True
            sought = self._seek(container, stream, run, origin)

    def _is_far(self, following: Sequence[VideoPacket], run: PlannedRun, origin: int) -> bool:
        """Whether to go to the next wanted frame rather than to read on from the group that follows."""
        if not self._jumps or not following or following[0].pts is None:
            return False
        return run.target(origin) - following[0].pts > floor(_FAR_SECONDS / run.tick)

    def _check_landing(self, landed: int | None, target: int, read_to: int | None) -> None:
        if landed is None or landed > target:
            raise UnplannableError  # the seek went past what is wanted
        if read_to is not None and landed <= read_to:
            self._jumps = False  # there is no index after all: never read the same twice again

    def _is_behind_the_end(self, reader: PacketReader, sought: bool) -> bool:
        """Whether there was nothing to read because the file is cut off before the stretch that is wanted."""
        return sought and reader.video_end == 0 and self._clock.end is not None

    def _seek(self, container: InputContainer, stream: VideoStream, run: PlannedRun, origin: int) -> bool:
        """Goes to a key frame before the next wanted frame where that spares reading; tells whether it did."""
        tick = run.target(origin) - floor(1 / run.tick) if self._jumps else origin
        if tick <= origin:
            return False
        try:
            container.seek(tick, stream=stream)
        except av.FFmpegError as error:
            raise UnplannableError from error
        return True

    def _end_by_reading(self) -> Fraction | None:
        """Where the file breaks off; a jump behind its end does not tell."""
        with open_video(self._path) as (container, stream):
            reader = PacketReader(container, stream)
            for _ in reader.packets():
                pass
            return reader.cut_off_at()

    def _conclude(self, reader: PacketReader, first: Fraction) -> None:
        end = reader.cut_off_at()
        if end is not None and self._jumped:
            end = self._end_by_reading() or end
        self._findings.cut_off_at = None if end is None else float(max(end - first, Fraction(0)))


def _picture(frame: VideoFrame, sample: int, time: Fraction, maker: PictureMaker) -> Frame:
    try:
        return Frame(sample, float(time), maker.make(frame))
    except av.FFmpegError as error:
        raise MediaError("The pictures of this video are of a kind that cannot be converted.") from error
