"""Makes small videos of every odd kind for the tests, with PyAV.

Every picture says which one it is: :func:`picture` paints the frame's number as black and white blocks into the top
rows, which survive lossy coding, and :func:`read_number` reads it back. Thus a test can prove which frame it got.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from app.domain import Image

BITS = 12
Painter = Callable[[int], Image]


def picture(number: int, width: int = 192, height: int = 112) -> Image:
    """A moving gradient with ``number`` (0..4095) in twelve blocks along the top edge."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = (x + 5 * number) % 256
    image[..., 1] = (y * 2 + 3 * number) % 256
    image[..., 2] = (x + y) % 256
    block, rows = width // BITS, height // 4
    for bit in range(BITS):
        image[:rows, bit * block : (bit + 1) * block] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: Image) -> int:
    """The number that :func:`picture` painted."""
    height, width = image.shape[:2]
    block, rows = width // BITS, height // 4
    cells = (
        image[rows // 4 : rows * 3 // 4, bit * block + block // 4 : (bit + 1) * block - block // 4]
        for bit in range(BITS)
    )
    return sum(1 << bit for bit, cell in enumerate(cells) if cell.mean() > 127)


@cache
def _tiny() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make_video(Path(folder) / "tiny.mp4", frames=2, size=(32, 32)).read_bytes()


def tiny_video(content: bytes = b"") -> bytes:
    """A real MP4 of two frames, 1.6 kB, for tests in which only the bytes matter; what it ends with makes it another file.

    Args:
        content: Any bytes; players and probes pass over them.
    """
    return _tiny() + content


def make_video(
    path: Path,
    *,
    frames: int = 60,
    rate: int = 30,
    gop: int = 30,
    size: tuple[int, int] = (192, 112),
    codec: str = "libx264",
    container: str | None = None,
    times: Sequence[float] | None = None,
    b_frames: int = 2,
    rotation: float | None = None,
    mirrored: bool = False,
    sample_aspect_ratio: Fraction | None = None,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    paint: Painter | None = None,
    sound_seconds: float = 0.0,
) -> Path:
    """Writes a video and returns its path.

    Args:
        path: Where to; the suffix picks the container unless ``container`` does.
        frames: How many pictures (ignored where ``times`` is given).
        rate: Frames per second.
        gop: Largest distance of key frames.
        size: Width and height of the coded picture.
        codec: FFmpeg's name of the encoder.
        container: FFmpeg's name of the container.
        times: Time of every picture in seconds, for a variable frame rate or an odd start.
        b_frames: Largest run of B frames.
        rotation: Degrees that a player turns the picture counterclockwise.
        mirrored: Whether a player also mirrors it.
        sample_aspect_ratio: Width of a pixel over its height.
        pixel_format: What the encoder gets.
        options: Options of the encoder.
        container_options: Options of the container.
        paint: Gives picture number n as RGB; :func:`picture` when ``None``.
        sound_seconds: Length of a sound track that goes with it, 0 for none.
    """
    paint = paint or (lambda number: picture(number, *size))
    moments = list(times) if times is not None else [number / rate for number in range(frames)]
    base = Fraction(1, 90000)
    with (
        _ordinary_priority() as restore,
        av.open(str(path), "w", format=container, container_options=container_options or {}) as output,
    ):
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.gop_size = gop
        if codec not in ("mjpeg", "ffv1", "gif", "rawvideo", "prores"):
            stream.max_b_frames = b_frames
        if codec in ("libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1"):
            stream.codec_context.time_base = base
        ticks = stream.codec_context.time_base or Fraction(1, rate)
        if sample_aspect_ratio is not None:
            stream.codec_context.sample_aspect_ratio = sample_aspect_ratio
        if rotation is not None or mirrored:
            stream.set_display_rotation(rotation or 0.0, hflip=mirrored)
        sound = output.add_stream("aac", rate=16000) if sound_seconds else None
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(paint(number), format="rgb24")
            frame.pts = round(moment / ticks)
            frame.time_base = ticks
            packets = stream.encode(frame)
            restore()
            output.mux(packets)
        output.mux(stream.encode(None))
        if sound is not None:
            _write_sound(output, sound, sound_seconds)
    return path


@contextmanager
def _ordinary_priority() -> Iterator[Callable[[], None]]:
    """Run by root, SVT-AV1 makes the thread that calls it a real-time one, and leaves it so.

    Two test processes of that kind, and all that they start, keep everything else on two cores from running.
    """
    has_priorities = hasattr(os, "sched_getscheduler")  # Linux
    before = (os.sched_getscheduler(0), os.sched_getparam(0)) if has_priorities else None

    def restore() -> None:
        if before is not None and os.sched_getscheduler(0) != before[0]:
            os.sched_setscheduler(0, *before)

    try:
        yield restore
    finally:
        restore()


def _write_sound(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for block in range(round(seconds * 16000 / 1024)):
        samples = np.sin(np.arange(1024, dtype=np.float32) / 20)[None] * 0.1
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, block * 1024, Fraction(1, 16000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def make_sound(path: Path, seconds: float = 1.0) -> Path:
    """Writes a file with sound and nothing to see."""
    with av.open(str(path), "w") as output:
        _write_sound(output, output.add_stream("aac", rate=16000), seconds)
    return path


def make_empty_video(path: Path) -> Path:
    """Writes a video that has a stream but not one frame."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        output.start_encoding()
    return path


def truncate(source: Path, target: Path, fraction: float) -> Path:
    """Writes the first part of a file, as a broken upload leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def damage(source: Path, target: Path, spans: Iterable[tuple[float, float]]) -> Path:
    """Writes a copy with noise in the given spans (fractions of the file's length)."""
    data = bytearray(source.read_bytes())
    noise = np.random.default_rng(7)
    for start, end in spans:
        first, last = int(len(data) * start), int(len(data) * end)
        data[first:last] = noise.integers(0, 256, last - first, np.uint8).tobytes()
    target.write_bytes(bytes(data))
    return target


def variable_times(count: int, seed: int = 3) -> list[float]:
    """Times of a variable frame rate: steps of 8 ms to 350 ms and one gap of four seconds in the middle."""
    steps = np.random.default_rng(seed).uniform(0.008, 0.35, count)
    steps[count // 2] = 4.0
    steps[0] = 0.0
    return [round(float(moment), 4) for moment in np.cumsum(steps)]
