"""Says what a video file is, from its header and its first frame, and refuses what cannot or may not be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from app.domain import VideoInfo
from app.errors import EmptyMediaError, EncryptedMediaError, FrameTooLargeError, MediaError, TooLongError
from app.media.containers import NO_FRAME, open_video
from app.media.decoding import Beginning, read_beginning
from app.media.encryption import PROTECTED, refuse_protected
from app.media.pictures import Orientation, square_size

_PLAYLISTS = (b"#EXTM3U", b"<MPD", b"[playlist]", b"ffconcat version", b"<smil")
_PLAYLIST = "This is a playlist, a list of addresses, and no video. Add the address that it came from."


@dataclass(frozen=True)
class ProbeLimits:
    """What is refused though it can be read.

    Attributes:
        max_seconds: Longest video; ``None``: any.
        max_pixels: Largest frame, width times height; ``None``: any that the decoder takes.
    """

    max_seconds: float | None = None
    max_pixels: int | None = None


NO_LIMITS = ProbeLimits()


def probe(path: Path, limits: ProbeLimits = NO_LIMITS) -> VideoInfo:
    """Looks at a video file. One frame is decoded: only it tells for sure that there is something to see, and how.

    Args:
        path: The file.
        limits: What is refused though it can be read.

    Returns:
        Duration, displayed size and so on. The size is what :class:`app.media.frames.FrameSampler` gives.

    Raises:
        EmptyMediaError: The file has no bytes.
        NoVideoStreamError: The file is readable but has nothing to look at, such as a sound file.
        CodecMissingError: FFmpeg has no decoder for it.
        EncryptedMediaError: It is protected against copying.
        TooLongError: It is longer than allowed.
        FrameTooLargeError: Its frames are larger than allowed.
        MediaError: The file is missing, damaged, no video, or has not one readable picture.
    """
    if path.is_file():
        _refuse_at_sight(path)
    with open_video(path) as (container, stream):
        if "enc_key_id" in stream.metadata:  # Matroska's mark of encryption
            raise EncryptedMediaError(PROTECTED)
        _check_pixels(stream.width, stream.height, limits)
        beginning = read_beginning(container, stream)
        orientation = Orientation.of(beginning.first)
        width, height = square_size(beginning.first.width, beginning.first.height, stream.sample_aspect_ratio)
        _check_pixels(width, height, limits)
        info = VideoInfo(
            duration=float(beginning.duration) if beginning.duration else None,
            width=height if orientation.transposed else width,
            height=width if orientation.transposed else height,
            frame_rate=float(beginning.rate) if beginning.rate else None,
            codec=stream.codec_context.codec.canonical_name,
            container=container.format.name,
            rotation=orientation.rotation,
        )
        _check_length(container, stream, beginning, limits)
    return info


def _refuse_at_sight(path: Path) -> None:
    with path.open("rb") as file:
        beginning = file.read(1 << 16)
    if not beginning:
        raise EmptyMediaError("This file is empty.")
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:400]
    if any(mark in start for mark in _PLAYLISTS):
        raise EncryptedMediaError(PROTECTED) if b"METHOD=SAMPLE-AES" in beginning else MediaError(_PLAYLIST)
    refuse_protected(path)


def _check_pixels(width: int, height: int, limits: ProbeLimits) -> None:
    if limits.max_pixels is not None and width * height > limits.max_pixels:
        raise FrameTooLargeError(
            f"The pictures of this video have {width} x {height} pixels; at most {limits.max_pixels / 1e6:g} million "
            "are allowed (MAX_FRAME_MEGAPIXELS)."
        )


def _check_length(container: InputContainer, stream: VideoStream, beginning: Beginning, limits: ProbeLimits) -> None:
    if limits.max_seconds is None:
        return
    seconds = beginning.duration
    if seconds is None:  # the file does not say, so its packets are counted, no further than it takes
        seconds = _counted(container, stream, beginning.rate or Fraction(25), limits.max_seconds)
    if seconds > limits.max_seconds:
        raise TooLongError(
            f"This video is longer than {limits.max_seconds / 60:g} minutes, the most that is allowed "
            "(MAX_DURATION_MINUTES)."
        )


def _counted(container: InputContainer, stream: VideoStream, rate: Fraction, limit: float) -> Fraction:
    packets = 0
    try:
        for packet in container.demux(stream):
            packets += packet.size > 0
            if packets > limit * rate:
                break
    except av.FFmpegError:  # what comes before the damage is what there is to look at
        pass
    if not packets:
        raise MediaError(NO_FRAME)
    return packets / rate
