"""Says what a video file is, from its header and its first frame."""

from __future__ import annotations

from pathlib import Path

from app.domain import VideoInfo
from app.media.containers import open_video
from app.media.decoding import read_beginning
from app.media.pictures import Orientation, square_size


def probe(path: Path) -> VideoInfo:
    """Looks at a video file. One frame is decoded: only it tells for sure that there is something to see, and how.

    Args:
        path: The file.

    Returns:
        Duration, displayed size and so on. The size is what :class:`app.media.frames.FrameSampler` gives.

    Raises:
        MediaError: The file is missing, empty, damaged, no video, or has not one readable picture.
        NoVideoStreamError: The file is readable but has nothing to look at, such as a sound file.
    """
    with open_video(path) as (container, stream):
        beginning = read_beginning(container, stream)
        orientation = Orientation.of(beginning.first)
        width, height = square_size(beginning.first.width, beginning.first.height, stream.sample_aspect_ratio)
        return VideoInfo(
            duration=float(beginning.duration) if beginning.duration else None,
            width=height if orientation.transposed else width,
            height=width if orientation.transposed else height,
            frame_rate=float(beginning.rate) if beginning.rate else None,
            codec=stream.codec_context.codec.canonical_name,
            container=container.format.name,
            rotation=orientation.rotation,
        )
