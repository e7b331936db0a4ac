"""The table of containers and codecs: each generated file is probed and sampled, upright and in its colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.codec
import numpy as np
import pytest

from app.domain import Image
from app.media.frames import FrameSampler
from app.media.probe import probe
from tests.videos import make_video, variable_times

RATE, FRAMES, INTERVAL = 12, 12, 0.25
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 170, 30), (30, 30, 200), (220, 220, 220)
X265 = {"x265-params": "log-level=none"}


@dataclass(frozen=True)
class Kind:
    """One line of the table."""

    name: str
    codec: str
    decoded: str
    options: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (128, 96)
    duration: float | None = 1.0
    samples: int | None = 4
    tolerance: int = 45

    @property
    def id(self) -> str:
        return f"{self.name.rpartition('.')[2]} {self.codec} {' '.join(self.options)}".strip()


AV1 = {"options": {"preset": "12"}}
PLAIN = [
    Kind("a.mp4", "libx264", "h264"),
    Kind("a.mp4", "libx265", "hevc", {"options": X265}),
    Kind("a.mp4", "libsvtav1", "av1", AV1),
    Kind("a.mp4", "libvpx-vp9", "vp9"),
    Kind("a.mp4", "mpeg4", "mpeg4"),
    Kind("a.mp4", "mjpeg", "mjpeg", {"pixel_format": "yuvj420p"}),
    Kind("a.mov", "libx264", "h264"),
    Kind("a.mov", "libx265", "hevc", {"options": X265}),
    Kind("a.mov", "mjpeg", "mjpeg", {"pixel_format": "yuvj420p"}),
    Kind("a.mov", "prores", "prores", {"pixel_format": "yuv422p10le"}),
    Kind("a.mov", "prores_ks", "prores", {"pixel_format": "yuv444p10le"}),
    Kind("a.avi", "mpeg4", "mpeg4"),
    Kind("a.avi", "mjpeg", "mjpeg", {"pixel_format": "yuvj420p"}),
    Kind("a.avi", "libx264", "h264"),
    Kind("a.mkv", "libx264", "h264"),
    Kind("a.mkv", "libx265", "hevc", {"options": X265}),
    Kind("a.mkv", "libvpx-vp9", "vp9"),
    Kind("a.mkv", "libsvtav1", "av1", AV1),
    Kind("a.mkv", "mpeg4", "mpeg4"),
    Kind("a.mkv", "mjpeg", "mjpeg", {"pixel_format": "yuvj420p"}),
    Kind("a.mkv", "prores", "prores", {"pixel_format": "yuv422p10le"}),
    Kind("a.mkv", "ffv1", "ffv1"),
    Kind("a.webm", "libvpx", "vp8"),
    Kind("a.webm", "libvpx-vp9", "vp9"),
    Kind("a.webm", "libsvtav1", "av1", AV1),
    Kind("a.ts", "libx264", "h264"),
    Kind("a.ts", "libx265", "hevc", {"options": X265}),
    Kind("a.ts", "mpeg2video", "mpeg2video", {"rate": 24}, samples=2, duration=0.5),
    Kind("a.mpg", "mpeg2video", "mpeg2video", {"rate": 24}, samples=2, duration=None),
    Kind("a.mpg", "mpeg1video", "mpeg1video", {"rate": 24}, samples=2, duration=None),
    Kind("a.gif", "gif", "gif", {"pixel_format": "rgb8"}, tolerance=60),
    Kind("a.flv", "flv", "flv1", {"b_frames": 0}),
    Kind("a.flv", "libx264", "h264"),
    Kind("a.wmv", "wmv2", "wmv2", {"b_frames": 0}),
    Kind("a.asf", "mpeg4", "mpeg4"),
    Kind("a.3gp", "h263", "h263", {"b_frames": 0, "sample_aspect_ratio": Fraction(1)}, size=(176, 144)),
    Kind("a.3gp", "libx264", "h264"),
    Kind("a.ogv", "libtheora", "theora"),
]
ODD = [
    Kind("a.mp4", "libx264", "h264", {"times": variable_times(24)}, duration=None, samples=None),
    Kind("a.mkv", "libx264", "h264", {"times": variable_times(24, seed=8)}, duration=None, samples=None),
    Kind("a.mp4", "libx264", "h264", {"options": {"x264-params": "tff=1"}}),
    Kind(
        "a.ts", "mpeg2video", "mpeg2video", {"rate": 24, "options": {"flags": "+ilme+ildct"}}, duration=0.5, samples=2
    ),
    Kind("a.mp4", "libx265", "hevc", {"pixel_format": "yuv420p10le", "options": X265}),
    Kind("a.webm", "libsvtav1", "av1", {"pixel_format": "yuv420p10le", **AV1}),
    Kind("a.mkv", "libx264", "h264", {"pixel_format": "yuv444p"}, size=(127, 97)),
    Kind("a.mkv", "libvpx-vp9", "vp9", size=(125, 95)),
    Kind("a.mp4", "libx265", "hevc", {"pixel_format": "yuv444p", "options": X265}, size=(131, 99)),
    Kind("a.h264", "libx264", "h264", {"container": "h264"}, duration=None, samples=2),
    Kind("a.hevc", "libx265", "hevc", {"container": "hevc", "options": X265}, duration=None, samples=2),
]


def quarters(width: int, height: int) -> Image:
    """Red and green above, blue and white below."""
    image = np.empty((height, width, 3), np.uint8)
    y, x = height // 2, width // 2
    image[:y, :x], image[:y, x:], image[y:, :x], image[y:, x:] = RED, GREEN, BLUE, WHITE
    return image


def assert_quarters(image: Image, tolerance: int) -> None:
    height, width = image.shape[:2]
    y, x, inner = height // 2, width // 2, 8
    corners = (image[:y, :x], image[:y, x:], image[y:, :x], image[y:, x:])
    for part, colour in zip(corners, (RED, GREEN, BLUE, WHITE), strict=True):
        mean = part[inner:-inner, inner:-inner].reshape(-1, 3).mean(axis=0)
        assert np.abs(mean - colour).max() < tolerance, f"{mean} instead of {colour}"


def need_encoder(name: str) -> None:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this FFmpeg has no encoder {name}")


def write(folder: Path, kind: Kind, **more: Any) -> Path:
    need_encoder(kind.codec)
    options = {
        "rate": RATE,
        "frames": FRAMES,
        "gop": 6,
        "paint": lambda _: quarters(*kind.size),
        **kind.options,
        **more,
    }
    return make_video(folder / kind.name, codec=kind.codec, size=kind.size, **options)


@pytest.mark.parametrize("kind", [*PLAIN, *ODD], ids=lambda kind: kind.id)
def test_it_is_read(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind)
    info = probe(path)
    assert (info.width, info.height) == kind.size
    assert info.codec == kind.decoded
    if kind.duration is not None:
        assert info.duration == pytest.approx(kind.duration, abs=0.15)
    with FrameSampler(path, INTERVAL) as sampler:
        frames = list(sampler)
        assert sampler.warning is None
    if kind.samples is not None:
        assert len(frames) == kind.samples
    assert frames
    for frame in frames:
        assert frame.image.shape == (kind.size[1], kind.size[0], 3)
        assert_quarters(frame.image, kind.tolerance)


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_what_was_filmed_upright_is_upright(tmp_path: Path, name: str, turn: int) -> None:
    stored = np.ascontiguousarray(np.rot90(quarters(128, 96), -turn // 90))
    size = (stored.shape[1], stored.shape[0])
    path = make_video(tmp_path / name, frames=6, size=size, rotation=turn, paint=lambda _: stored)
    info = probe(path)
    assert (info.width, info.height) == (128, 96)
    with FrameSampler(path, 1.0) as sampler:
        assert_quarters(next(sampler).image, 45)


@pytest.mark.parametrize(("transfer", "number"), [("smpte2084", 16), ("arib-std-b67", 18)])
def test_high_dynamic_range_is_brought_down(tmp_path: Path, transfer: str, number: int) -> None:
    """Encoded with the curve of its kind, a picture comes out near what it was, neither grey nor dark."""
    need_encoder("libx265")
    params = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    curve = _pq if number == 16 else _hlg
    shown = quarters(128, 96)
    coded = np.round(curve(_linear(shown)) * 255).astype(np.uint8)
    path = make_video(
        tmp_path / "a.mp4",
        codec="libx265",
        size=(128, 96),
        frames=6,
        pixel_format="yuv420p10le",
        options={"x265-params": params},
        paint=lambda _: coded,
    )
    assert (probe(path).width, probe(path).height) == (128, 96)
    with FrameSampler(path, 1.0) as sampler:
        assert_quarters(next(sampler).image, 60)


def _linear(image: Image) -> np.ndarray:
    """Light of an sRGB picture, 1 for white."""
    value = image / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _pq(light: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, with white at 203 cd/m2 as ITU-R BT.2408 has it."""
    y = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def _hlg(light: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100 HLG of the scene, white at 75 % of the signal."""
    scene = light * 0.265
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
    )
