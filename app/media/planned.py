"""Feeds a decoder what a plan asks for, and checks that the planned frames come out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.media.decoding import Findings, decode_packet
from app.media.packets import VideoPacket
from app.media.plan import SampleClock, UnplannableError, plan_group

_MARKS_UNUSED_FRAMES = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose frames say whether any other refers to them, so that leaving such a frame out changes nothing."""

_ONE_FRAME_PER_PACKET = _MARKS_UNUSED_FRAMES | {
    "vp9", "av1", "libdav1d", "mjpeg", "prores", "ffv1", "dnxhd", "png", "gif", "rawvideo", "huffyuv", "theora",
}  # fmt: skip
"""Codecs in which every packet shows a frame. VP8, for one, has packets that show nothing."""


class PlannedRun:
    """Decoding by plan through the groups of one file, in order.

    Args:
        stream: The open video stream.
        origin: Tick of the first frame of the video.
        clock: Where sampling stands. It is asked about frames, and moved on only for those that were planned.
        findings: Filled on the way.

    Attributes:
        tick: Seconds per tick.
    """

    def __init__(self, stream: VideoStream, origin: int, clock: SampleClock, findings: Findings) -> None:
        self.tick = Fraction(stream.time_base or 0)
        self._stream = stream
        self._origin = origin
        self._clock = clock
        self._planning = SampleClock(clock.interval, clock.next_sample, clock.end)
        self._findings = findings
        self._expected: deque[int] = deque()
        self._ahead = 0  # packets of the coming group that went in together with the one before
        self._joined = False  # whether the coming group follows what the decoder got last
        self._codec = stream.codec_context.name

    def group(
        self, group: Sequence[VideoPacket], following: Sequence[VideoPacket], *, is_first: bool
    ) -> Iterator[VideoFrame | None]:
        """Decodes what is wanted of a group.

        Args:
            group: Its packets.
            following: Those of the next group, empty at the end.
            is_first: Whether it opens the file.

        Yields:
            Frames as they come out of the decoder, wanted or not; ``None`` after every packet.

        Raises:
            UnplannableError: The plan cannot be made, a planned frame did not come out, or there is damage.
        """
        orders = plan_group(group, following, self._planning, self.tick, self._origin, is_first=is_first)
        feed = orders.feed
        if feed and self._codec not in _ONE_FRAME_PER_PACKET:
            feed = max(feed, len(group))
        start = self._ahead
        if feed > start:
            if start == 0 and not self._joined:
                yield from self.finish()
                self._stream.codec_context.flush_buffers()
            self._expected.extend(orders.wanted)
            yield from self._feed([*group, *following[: max(feed - len(group), 0)]][start:feed], orders.wanted)
        else:
            self._expected.extend(orders.wanted)  # they went in with the group before
        reached = max(feed, start)
        self._joined = reached >= len(group)
        self._ahead = max(reached - len(group), 0)

    def target(self, origin: int) -> int:
        """Tick from which on the next frame is wanted.

        Args:
            origin: Tick of the first frame of the video.
        """
        return origin + floor(self._planning.due / self.tick)

    def restart(self) -> None:
        """Begins anew with a group that does not follow the last one; call :meth:`finish` first."""
        self._stream.codec_context.flush_buffers()
        self._ahead, self._joined = 0, False

    def is_over(self, group: Sequence[VideoPacket]) -> bool:
        """Whether nothing that is wanted is shown from a group's key frame on."""
        key = group[0].pts
        return key is not None and self._clock.is_over((key - self._origin) * self.tick)

    def finish(self) -> Iterator[VideoFrame | None]:
        """Empties the decoder.

        Raises:
            UnplannableError: A planned frame did not come out.
        """
        yield from decode_packet(self._stream, None, self._findings)
        if self._expected or self._findings.damaged:
            raise UnplannableError

    def sample(self, frame: VideoFrame) -> tuple[int, Fraction] | None:
        """Number and time of the sample that a frame is, or ``None`` where it is none.

        Raises:
            UnplannableError: The frame is due but is not the one that was planned.
        """
        if frame.pts is None:
            raise UnplannableError
        time = (frame.pts - self._origin) * self.tick
        if time < self._clock.due or self._clock.is_over(time):
            return None
        if not self._expected or self._expected.popleft() != frame.pts:
            raise UnplannableError
        number = self._clock.take(time)
        return None if number is None else (number, time)

    def _feed(self, packets: Sequence[VideoPacket], wanted: Sequence[int]) -> Iterator[VideoFrame | None]:
        context = self._stream.codec_context
        keep = frozenset(wanted) if self._codec in _MARKS_UNUSED_FRAMES else None
        for packet in packets:
            # works from one packet to the next, also with several decoding threads
            context.skip_frame = "DEFAULT" if keep is None or packet.pts in keep else "NONREF"
            frames = decode_packet(self._stream, packet, self._findings)
            if self._findings.damaged:
                raise UnplannableError  # what the decoder makes of damage depends on what it saw before
            yield from frames
            yield None
