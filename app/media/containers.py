"""Opens video files that strangers made, without letting them reach anything but themselves.

FFmpeg can be led astray by a file: a playlist that calls itself ``.avi`` may name other files or addresses, which
FFmpeg would then open (GHSA-22fp-mf44-f2mq, HLS inside AVI). Hence three locks: only the ``file`` protocol, only
demuxers of plain containers (no HLS, DASH, concat, image sequences), and a cap on the pixels of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.logging
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from app.errors import CodecMissingError, EmptyMediaError, FrameTooLargeError, MediaError, NoVideoStreamError

# FFmpeg must not log through Python: its decoding threads would wait for the interpreter's lock while the thread
# that holds it waits for them to end. What matters comes back as an exception.
av.logging.set_level(None)

CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf",
    "ogg", "mxf", "gxf", "wtv", "dv", "nut", "ivf", "rm", "gif", "apng", "h264", "hevc", "vvc", "av1", "obu", "m4v",
    "h263", "mjpeg", "vc1", "y4m", "yuv4mpegpipe", "mp3", "aac", "wav", "flac", "aiff", "amr", "caf", "ac3", "ape",
)  # fmt: skip
"""Names of the demuxers that may read a file; the sound-only ones are there to say "only sound" and not "no video"."""

MAX_FRAME_PIXELS = 100_000_000
"""Three 8K pictures. A file that claims more is broken or means harm; the owner may set less, never more."""

_UNREADABLE = "This file is not a video that can be read. It may be damaged, or of another kind than its name says."
_CUT_SHORT = (
    "This video file is incomplete: its end, which tells how to read the rest, is missing. "
    "It was probably cut off while it was copied or downloaded."
)
NO_FRAME = "This video has not one picture that can be read."
_NO_VIDEO = "This file has no pictures in it, only sound or other data."
_NO_DECODER = "This video is stored in a form (codec) that cannot be decoded here. Convert it to another one, such as H.264 in MP4."
_TOO_LARGE = "The pictures of this video are too large: {width} x {height} pixels."


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens a local video file and picks the stream to look at.

    Args:
        path: The file.

    Yields:
        The container, to be used by one thread at a time, and its video stream (cover pictures of sound files do
        not count), with decoding set to use several threads.

    Raises:
        EmptyMediaError: The file has no bytes.
        MediaError: The file is missing, damaged or no video.
        CodecMissingError: FFmpeg has no decoder for it.
        FrameTooLargeError: Its pictures are too large.
        NoVideoStreamError: The file is readable but has nothing to look at.
    """
    container = _open(path)
    try:
        stream = _pick_stream(container)
        stream.thread_type = ThreadType.AUTO
        stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        yield container, stream
    finally:
        container.close()


def _open(path: Path) -> InputContainer:
    if not path.is_file():
        raise MediaError("The video file is missing.")
    if path.stat().st_size == 0:
        raise EmptyMediaError("This file is empty.")
    locks = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
    try:
        # "file:" keeps a name such as "http:x.mp4" from being taken for an address
        return av.open(f"file:{path.resolve()}", "r", container_options=locks, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(_CUT_SHORT if _lacks_index(path) else _UNREADABLE) from error


def _lacks_index(path: Path) -> bool:
    """Whether this is an MP4 or QuickTime file without its index, which such files usually keep at their end."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        position = 0
        kinds: list[bytes] = []
        while position + 8 <= size and len(kinds) < 1000:
            file.seek(position)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:16], "big") if length == 1 else length
            kinds.append(head[4:8])
            if length < 8:
                break
            position += length
    return kinds[:1] == [b"ftyp"] and b"moov" not in kinds


def _pick_stream(container: InputContainer) -> VideoStream:
    pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & pictures]
    if not len(container.streams):
        raise MediaError(NO_FRAME)
    if not streams:
        raise NoVideoStreamError(_NO_VIDEO)
    stream = next((one for one in streams if one.disposition & av.stream.Disposition.default), streams[0])
    try:
        width, height = stream.width, stream.height
    except AttributeError as error:  # FFmpeg knows no decoder for it
        raise CodecMissingError(_NO_DECODER) from error
    if width * height > MAX_FRAME_PIXELS:
        raise FrameTooLargeError(_TOO_LARGE.format(width=width, height=height))
    return stream


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second of a stream, or ``None`` where nothing tells."""
    for rate in (stream.average_rate, stream.codec_context.framerate, stream.guessed_rate):
        if rate is not None and 0 < rate <= 1000:
            return Fraction(rate)
    return None


def stated_duration(container: InputContainer, stream: VideoStream, first: Fraction) -> Fraction | None:
    """What the file says about its length.

    Args:
        container: The container.
        stream: Its video stream.
        first: Time of the first frame, seconds on the container's clock.

    Returns:
        Seconds from the first frame to the end of the last one, or ``None`` where the file does not say.
    """
    if stream.duration and stream.time_base:
        start = (stream.start_time or 0) * stream.time_base
        return max(start + stream.duration * stream.time_base - first, Fraction(0))
    if not container.duration:
        return None
    # these count their duration from zero, though FFmpeg reports a later start
    from_zero = not {"matroska", "flv"}.isdisjoint(container.format.name.split(","))
    begin = Fraction(0) if from_zero else Fraction(container.start_time or 0, av.time_base)
    return max(begin + Fraction(container.duration, av.time_base) - first, Fraction(0))
