"""What a probe says about real, generated files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import FrameTooLargeError, MediaError, NoVideoStreamError, TooLongError
from app.media.frames import FrameSampler
from app.media.probe import ProbeLimits, probe
from tests.videos import damage, make_empty_video, make_sound, make_video, truncate


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


def _fourcc(path: Path, old: bytes, new: bytes) -> Path:
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def _cover_only(path: Path) -> Path:
    with av.open(str(path), "w", format="mp3", container_options={"id3v2_version": "3"}) as output:
        sound = output.add_stream("libmp3lame", rate=16000)
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in [*cover.encode(av.VideoFrame(64, 64, "yuvj420p")), *cover.encode(None)]:
            output.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16p", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        output.mux([*sound.encode(frame), *sound.encode(None)])
    return path


def _encrypted(path: Path) -> Path:
    locks = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32, "encryption_kid": "1" * 32}
    return make_video(path, frames=5, container_options=locks)


def _encrypted_matroska(path: Path) -> Path:
    """The least of a Matroska file: one encrypted track, as Widevine leaves it, and one frame of noise."""

    def element(number: str, content: bytes) -> bytes:
        return bytes.fromhex(number) + (0x1000_0000 | len(content)).to_bytes(4, "big") + content

    encryption = element("5035", element("47E1", b"\5") + element("47E2", b"sixteen bytes id"))
    encodings = element("6D80", element("6240", element("5031", b"\0") + element("5033", b"\1") + encryption))
    size = element("E0", element("B0", b"\x40") + element("BA", b"\x40"))
    track = (
        element("D7", b"\1")
        + element("73C5", b"\1")
        + element("83", b"\1")
        + element("86", b"V_VP8")
        + size
        + encodings
    )
    cluster = element("1F43B675", element("E7", b"\0") + element("A3", b"\x81\0\0\x80" + bytes(range(100))))
    head = element("1A45DFA3", element("4282", b"webm"))
    path.write_bytes(head + element("18538067", element("1654AE6B", element("AE", track)) + cluster))
    return path


def _scrambled(path: Path) -> Path:
    data = bytearray(make_video(path, frames=60, rate=30).read_bytes())
    for at in range(188 * 3, len(data), 188):
        data[at + 3] |= 0x80
    path.write_bytes(data)
    return path


def _windows_protected(path: Path) -> Path:
    data = make_video(path, frames=5, codec="mpeg4", container="asf").read_bytes()
    content_encryption = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
    path.write_bytes(data[:60] + content_encryption + data[76:])
    return path


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


SAMPLE_AES = b'#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key"\n#EXTINF:2,\nseg.ts\n'
REFUSED = {
    "sound only": (lambda d: make_sound(d / "a.m4a"), "no_video_stream", "only sound"),
    "a song with a cover": (lambda d: _cover_only(d / "a.mp3"), "no_video_stream", "only sound"),
    "no codec for it": (
        lambda d: _fourcc(make_video(d / "a.mp4", frames=5), b"avc1", b"zzz1"),
        "codec_missing",
        "Convert it",
    ),
    "encrypted": (lambda d: _encrypted(d / "a.mp4"), "encrypted_media", "DRM"),
    "encrypted, quicktime": (
        lambda d: _fourcc(make_video(d / "a.mov", frames=5), b"avc1", b"drmi"),
        "encrypted_media",
        "DRM",
    ),
    "encrypted, webm": (lambda d: _encrypted_matroska(d / "a.webm"), "encrypted_media", "DRM"),
    "encrypted, windows": (lambda d: _windows_protected(d / "a.wmv"), "encrypted_media", "DRM"),
    "scrambled stream": (lambda d: _scrambled(d / "a.ts"), "encrypted_media", "DRM"),
    "protected playlist": (lambda d: _written(d / "a.m3u8", SAMPLE_AES), "encrypted_media", "DRM"),
    "playlist": (lambda d: _written(d / "a.mp4", b"#EXTM3U\nseg.ts\n"), "unreadable_media", "playlist"),
    "empty": (lambda d: _written(d / "a.mp4", b""), "empty_media", "empty"),
    "text": (lambda d: _written(d / "a.mp4", b"no video at all " * 99), "unreadable_media", "not a video"),
    "cut off": (
        lambda d: truncate(make_video(d / "w.mp4"), d / "a.mp4", 0.6),
        "unreadable_media",
        "cut off while it was copied",
    ),
    "damaged": (
        lambda d: damage(make_video(d / "w.mkv", frames=30), d / "a.mkv", [(0.05, 1)]),
        "unreadable_media",
        "",
    ),
    "missing": (lambda d: d / "a.mp4", "unreadable_media", "missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal_has_a_code_and_a_sentence(tmp_path: Path, name: str) -> None:
    make, code, words = REFUSED[name]
    with pytest.raises(MediaError) as caught:
        probe(make(tmp_path))
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mkv", {}),
        ("a.h264", {"container": "h264"}),
        ("a.gif", {"codec": "gif", "pixel_format": "rgb8"}),
    ],
)
def test_too_long_is_refused_also_where_the_file_does_not_say(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    path = make_video(tmp_path / name, frames=75, rate=25, size=(64, 48), **options)  # type: ignore[arg-type]
    probe(path, ProbeLimits(max_seconds=3.2))
    with pytest.raises(TooLongError, match=r"minutes.*MAX_DURATION_MINUTES"):
        probe(path, ProbeLimits(max_seconds=2.8))


def test_too_large_frames_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=3)
    probe(path, ProbeLimits(max_pixels=192 * 112))
    with pytest.raises(FrameTooLargeError, match="192 x 112 pixels"):
        probe(path, ProbeLimits(max_pixels=192 * 112 - 1))


def test_a_file_that_is_cut_off_but_readable_is_taken(tmp_path: Path) -> None:
    path = truncate(make_video(tmp_path / "w.ts", frames=90), tmp_path / "a.ts", 0.5)
    assert probe(path).width == 192


def test_real_clips(shared: Path) -> None:
    info = probe(shared / "data" / "clips" / "hamilton.mp4")
    assert (info.width, info.height, info.codec) == (640, 360, "h264")
    assert info.duration == pytest.approx(9.18, abs=0.1)
    assert probe(shared / "data" / "clips" / "again.mkv").duration == pytest.approx(2.57, abs=0.1)
