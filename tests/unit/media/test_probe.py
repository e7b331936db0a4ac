"""What a probe says about real, generated files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from app.errors import MediaError, NoVideoStreamError
from app.media.frames import FrameSampler
from app.media.probe import probe
from tests.videos import make_empty_video, make_sound, make_video, truncate


def test_a_plain_video(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "a.mp4", frames=60, rate=30, sound_seconds=1.0))
    assert info.duration == pytest.approx(2.0, abs=0.01)
    assert (info.width, info.height) == (192, 112)
    assert info.frame_rate == pytest.approx(30)
    assert info.codec == "h264"
    assert "mp4" in info.container.split(",")
    assert info.rotation == 0


@pytest.mark.parametrize(
    ("options", "size", "rotation"),
    [
        pytest.param({"rotation": 90}, (112, 192), 270, id="counterclockwise"),
        pytest.param({"rotation": -90}, (112, 192), 90, id="clockwise, as phones do"),
        pytest.param({"rotation": 180}, (192, 112), 180, id="upside down"),
        pytest.param({"rotation": 90, "mirrored": True}, (112, 192), None, id="mirrored"),
        pytest.param({"sample_aspect_ratio": Fraction(4, 3)}, (256, 112), 0, id="wide pixels"),
        pytest.param({"sample_aspect_ratio": Fraction(4, 3), "rotation": 90}, (112, 256), 270, id="both"),
    ],
)
def test_the_size_is_that_of_the_sampled_frames(
    tmp_path: Path, options: dict[str, object], size: tuple[int, int], rotation: int | None
) -> None:
    path = make_video(tmp_path / "a.mp4", frames=3, **options)  # type: ignore[arg-type]
    info = probe(path)
    assert (info.width, info.height) == size
    if rotation is not None:
        assert info.rotation == rotation
    with FrameSampler(path, 1.0) as sampler:
        height, width = next(sampler).image.shape[:2]
    assert (width, height) == size


@pytest.mark.parametrize(
    ("name", "codec", "named"),
    [
        ("a.webm", "libvpx-vp9", "vp9"),
        ("a.webm", "libvpx", "vp8"),
        ("a.mkv", "ffv1", "ffv1"),
        ("a.mpg", "mpeg2video", "mpeg2video"),
    ],
)
def test_codecs_go_by_their_own_names(tmp_path: Path, name: str, codec: str, named: str) -> None:
    assert probe(make_video(tmp_path / name, frames=5, codec=codec)).codec == named


def test_what_a_raw_stream_does_not_say_is_none(tmp_path: Path) -> None:
    info = probe(make_video(tmp_path / "a.h264", container="h264", frames=10))
    assert info.duration is None


def test_a_duration_counts_from_the_first_frame(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.ts"):
        path = make_video(tmp_path / name, times=[7 + n / 30 for n in range(60)])
        assert probe(path).duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda d: make_sound(d / "a.m4a"), NoVideoStreamError, id="sound"),
        pytest.param(lambda d: make_empty_video(d / "a.mp4"), MediaError, id="no frames"),
        pytest.param(lambda d: truncate(make_video(d / "w.mp4"), d / "a.mp4", 0.6), MediaError, id="cut off"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, make, error: type[MediaError]) -> None:
    with pytest.raises(error):
        probe(make(tmp_path))


def test_real_clips(shared: Path) -> None:
    info = probe(shared / "data" / "clips" / "hamilton.mp4")
    assert (info.width, info.height, info.codec) == (640, 360, "h264")
    assert info.duration == pytest.approx(9.18, abs=0.1)
    assert probe(shared / "data" / "clips" / "again.mkv").duration == pytest.approx(2.57, abs=0.1)
