"""Reads the packets of a video in groups that start at key frames, and notices where a file breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from app.media.plan import UnplannableError

MAX_GROUP_BYTES = 64 * 1024 * 1024
MAX_GROUP_PACKETS = 3000
"""Larger groups are not held in memory for planning; such a file is decoded from end to end."""

VideoPacket: TypeAlias = "Packet[VideoStream]"  # PyAV names its types only for the checker

_STATES_ITS_LENGTH = frozenset({"mov", "matroska", "avi", "flv", "asf"})
"""Containers whose header says how long the file should be; elsewhere FFmpeg guesses from what is there."""


class PacketReader:
    """Packets of one pass through a file.

    Args:
        container: The open file.
        stream: Its video stream.

    Attributes:
        end: End of the last packet of any kind that was read, in seconds on the container's clock.
        video_end: The same for pictures only.
        broken: Whether reading ended with an error rather than at the end of the file.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self.end = Fraction(0)
        self.video_end = Fraction(0)
        self.broken = False

    def packets(self) -> Iterator[VideoPacket]:
        """Yields the packets of the video stream in order of decoding; ends quietly where the file breaks off."""
        index = self._stream.index
        try:
            for packet in self._container.demux():
                if packet.size == 0:
                    continue
                self._note(packet)
                if packet.stream_index == index:
                    yield packet  # type: ignore[misc]  # the index says that it is of the video stream
        except (av.FFmpegError, EOFError):
            self.broken = True

    def groups(self) -> Iterator[list[VideoPacket]]:
        """Yields the packets from one key frame up to the next; what comes before the first key frame is dropped.

        Raises:
            UnplannableError: A group is too large to be held in memory.
        """
        group: list[VideoPacket] = []
        size = 0
        for packet in self.packets():
            if packet.is_keyframe:
                if group:
                    yield group
                group, size = [], 0
            elif not group:
                continue
            group.append(packet)
            size += packet.size
            if size > MAX_GROUP_BYTES or len(group) > MAX_GROUP_PACKETS:
                raise UnplannableError
        if group:
            yield group

    def cut_off_at(self) -> Fraction | None:
        """Where the file breaks off, seconds on the container's clock; ``None`` when it is whole.

        Only meaningful once all packets were read.
        """
        if self.broken:
            return self.video_end
        if _STATES_ITS_LENGTH.isdisjoint(self._container.format.name.split(",")):
            return None
        stated, reached = self._stated_end()
        # headers are rounded, and the last packet's own length is often unknown
        slack = max(Fraction(1, 2), stated / 100)
        return self.video_end if stated and reached < stated - slack else None

    def _stated_end(self) -> tuple[Fraction, Fraction]:
        stream = self._stream
        if stream.duration and stream.time_base:
            return ((stream.start_time or 0) + stream.duration) * stream.time_base, self.video_end
        # the longest stream fills the container's duration: sound may well outlast the pictures
        return Fraction(self._container.duration or 0, av.time_base), self.end

    def _note(self, packet: Packet[av.stream.Stream]) -> None:
        moment = packet.pts if packet.pts is not None else packet.dts
        if moment is None or not packet.time_base:
            return
        end = (moment + (packet.duration or 0)) * packet.time_base
        self.end = max(self.end, end)
        if packet.stream_index == self._stream.index:
            self.video_end = max(self.video_end, end)
