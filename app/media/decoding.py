"""The first steps with an open video: its beginning, and feeding packets to the decoder without falling over damage."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.errors import MediaError
from app.media.containers import NO_FRAME, frame_rate, stated_duration
from app.media.packets import PacketReader, VideoPacket


@dataclass
class Findings:
    """What became known on the way; filled while decoding, to be read afterwards.

    Attributes:
        cut_off_at: Seconds of video after which the file breaks off, or ``None``.
        damaged: Whether some packets could not be decoded.
        decoded: Number of frames that came out of the decoder, wanted or not.
    """

    cut_off_at: float | None = None
    damaged: bool = False
    decoded: int = 0


@dataclass(frozen=True)
class Beginning:
    """Facts about a file, learned from its first frames.

    Attributes:
        origin: Tick of the first frame, or ``None`` where the file has no times.
        duration: Seconds, or ``None`` where the file does not say.
        rate: Frames per second, or ``None`` where nothing tells.
        first: The first frame.
    """

    origin: int | None
    duration: Fraction | None
    rate: Fraction | None
    first: VideoFrame


def read_beginning(container: InputContainer, stream: VideoStream) -> Beginning:
    """Decodes the first frame of an open file.

    Raises:
        MediaError: There is not one readable frame.
    """
    reader = PacketReader(container, stream)
    for packet in chain(reader.packets(), (None,)):
        for frame in decode_packet(stream, packet, Findings()):
            start = Fraction(0) if frame.pts is None else frame.pts * Fraction(stream.time_base or 0)
            return Beginning(frame.pts, stated_duration(container, stream, start), frame_rate(stream), frame)
    raise MediaError(NO_FRAME)


def decode_packet(stream: VideoStream, packet: VideoPacket | None, findings: Findings) -> list[VideoFrame]:
    """Feeds the decoder.

    Args:
        stream: The open video stream.
        packet: What goes in; ``None`` empties the decoder.
        findings: Damage is noted here.

    Returns:
        The intact frames that come out. Damaged ones are left out: half a picture makes half a face.
    """
    if packet is not None and packet.is_corrupt:
        findings.damaged = True
        return []
    try:
        frames = stream.codec_context.decode(packet)
    except EOFError:
        return []
    except av.FFmpegError:
        findings.damaged = True
        return []
    findings.decoded += len(frames)
    intact = [frame for frame in frames if not frame.is_corrupt]
    findings.damaged |= len(intact) < len(frames)
    return intact
