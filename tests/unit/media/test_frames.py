"""Sampling real, generated videos of every kind, held against decoding all of them."""

from __future__ import annotations

import gc
import logging
import os
import resource
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from app.domain import Frame, Sampling
from app.errors import InvalidInputError, MediaError, NoVideoStreamError
from app.media.frames import FrameQueue, FrameSampler
from app.media.packets import PacketReader
from app.media.sampling import chunk_end
from tests.videos import (
    damage,
    make_empty_video,
    make_sound,
    make_video,
    picture,
    read_number,
    truncate,
    variable_times,
)

KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "mp4": ("a.mp4", {}),
    "matroska": ("a.mkv", {}),
    "transport stream": ("a.ts", {}),
    "flash": ("a.flv", {}),
    "webm vp8": ("a.webm", {"codec": "libvpx"}),
    "webm vp9": ("a.webm", {"codec": "libvpx-vp9"}),
    "webm av1": ("a.webm", {"codec": "libsvtav1", "options": {"preset": "12"}}),
    "hevc, open groups": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    "h264, open groups": ("a.mp4", {"options": {"x264-params": "open-gop=1"}}),
    "h264, open groups, stream": ("a.ts", {"options": {"x264-params": "open-gop=1"}}),
    "h264, key frames that are none": ("a.mp4", {"options": {"x264-params": "intra-refresh=1"}, "b_frames": 0}),
    "every frame a key frame": ("a.mp4", {"gop": 1, "b_frames": 0}),
    "one key frame": ("a.mkv", {"gop": 1000}),
    "mpeg4 in avi": ("a.avi", {"codec": "mpeg4"}),
    "h264 in avi": ("a.avi", {}),
    "mjpeg in avi": ("a.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
    "mpeg2 program stream": ("a.mpg", {"codec": "mpeg2video"}),
    "lossless": ("a.mkv", {"codec": "ffv1"}),
    "no times at all": ("a.h264", {"container": "h264"}),
    "variable rate": ("a.mp4", {"times": variable_times(75)}),
    "variable rate, matroska": ("a.mkv", {"times": variable_times(75, seed=8)}),
    "starts at five seconds": ("a.mp4", {"times": [5 + n / 30 for n in range(75)]}),
    "starts before zero": ("a.mkv", {"times": [n / 30 - 0.5 for n in range(75)]}),
    "starts before zero, cut by the container": ("a.mp4", {"times": [n / 30 - 0.5 for n in range(75)]}),
    "odd size": ("a.mkv", {"size": (193, 113), "pixel_format": "yuv444p"}),
    "sound that lasts longer": ("a.mp4", {"sound_seconds": 4.0}),
}
INTERVALS = (0.1, 0.5, 1.0, 30.0)


@pytest.fixture(scope="session", params=KINDS, ids=list(KINDS))
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, options = KINDS[request.param]
    return make_video(tmp_path_factory.mktemp("kind") / name, **{"frames": 75, **options})  # type: ignore[arg-type]


def test_making_videos_leaves_the_process_as_it_was(video: Path) -> None:
    assert video.is_file()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def decode_all(path: Path) -> list[tuple[Fraction, int, np.ndarray]]:
    """Time, number and pixels of every frame, decoded in the simplest way there is."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = []
        for index, frame in enumerate(container.decode(stream)):
            moment = frame.pts * stream.time_base if frame.pts is not None else Fraction(index, 25)
            image = frame.to_ndarray(format="rgb24")
            found.append((moment, read_number(image), image))
    return [(moment - found[0][0], number, image) for moment, number, image in found]


def choose(frames: list[tuple[Fraction, int, np.ndarray]], interval: float) -> list[tuple[int, Fraction, int]]:
    """Sample, time and painted number of what a sampler must give, straight from its definition."""
    step = Fraction(str(interval))
    chosen: dict[int, tuple[int, Fraction, int]] = {}
    for sample in range(int(frames[-1][0] / step) + 1):
        position, (moment, number, _) = next((n, f) for n, f in enumerate(frames) if f[0] >= sample * step)
        chosen[position] = (sample, moment, number)
    return list(chosen.values())


def sample_all(path: Path, interval: float, start: int = 0) -> list[Frame]:
    with FrameSampler(path, interval, start) as sampler:
        frames = list(sampler)
        assert sampler.warning is None
    return frames


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_samples_are_those_of_a_full_decode(video: Path, interval: float) -> None:
    everything = decode_all(video)
    pixels = {number: image for _, number, image in everything}
    frames = sample_all(video, interval)
    given = [(frame.sample, round(frame.timestamp, 6), read_number(frame.image)) for frame in frames]
    assert given == [
        (sample, round(float(moment), 6), number) for sample, moment, number in choose(everything, interval)
    ]
    for frame in frames:
        # PyAV's own conversion rounds a little differently from one size to another
        assert np.abs(frame.image.astype(int) - pixels[read_number(frame.image)]).max() <= 2


@pytest.mark.parametrize("interval", [0.1, 0.5])
def test_resuming_gives_the_tail_of_a_full_run(video: Path, interval: float) -> None:
    full = sample_all(video, interval)
    for start in sorted({1, 2, 3, len(full) // 2, full[-1].sample, full[-1].sample + 1}):
        tail = [frame for frame in full if frame.sample >= start]
        resumed = sample_all(video, interval, start)
        assert [(f.sample, f.timestamp) for f in resumed] == [(f.sample, f.timestamp) for f in tail]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(resumed, tail, strict=True))


LONG = {
    "mp4": ("a.mp4", {}),
    "matroska": ("a.mkv", {}),
    "open groups": ("a.mp4", {"options": {"x264-params": "open-gop=1"}}),
    "variable rate": ("a.mkv", {"times": variable_times(400)}),
    "starts at five seconds": ("a.mp4", {"times": [5 + n / 5 for n in range(400)]}),
    "transport stream": ("a.ts", {}),
}


@pytest.fixture(scope="module", params=LONG, ids=list(LONG))
def long_video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Over a minute, a key frame every two seconds."""
    name, options = LONG[request.param]
    path = tmp_path_factory.mktemp("long") / name
    return make_video(path, **{"frames": 400, "rate": 5, "gop": 10, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("interval", [5.5, 7.0, 19.0])
def test_long_intervals_give_the_samples_of_a_full_decode(long_video: Path, interval: float) -> None:
    given = [(f.sample, round(f.timestamp, 6), read_number(f.image)) for f in sample_all(long_video, interval)]
    assert given == [
        (sample, round(float(moment), 6), number) for sample, moment, number in choose(decode_all(long_video), interval)
    ]


def test_what_lies_between_samples_far_apart_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4", frames=400, rate=5, gop=10)
    read: list[object] = []
    note = PacketReader._note
    monkeypatch.setattr(PacketReader, "_note", lambda self, packet: (read.append(packet.pts), note(self, packet))[1])
    assert len(sample_all(path, 20.0)) == 4
    assert len(read) < 200


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("interval", [7.0, 31.0])
def test_a_cut_off_file_says_so_where_much_of_it_is_not_read(tmp_path: Path, name: str, interval: float) -> None:
    front = {"movflags": "faststart"} if name.endswith("mp4") else {}
    whole = make_video(tmp_path / f"whole-{name}", frames=400, rate=5, gop=10, container_options=front)
    path = truncate(whole, tmp_path / name, 0.55)
    with FrameSampler(path, interval) as sampler:
        far = [(frame.sample, frame.timestamp) for frame in sampler]
        warning, end = sampler.warning, sampler.cut_off_at
    with FrameSampler(path, 1.0) as sampler:
        near = {frame.timestamp for frame in sampler}
        assert end is not None
        assert sampler.cut_off_at is not None
        assert abs(end - sampler.cut_off_at) < 2.5
    assert warning is not None
    assert [sample for sample, _ in far] == list(range(int(max(near) / interval) + 1))


@pytest.mark.parametrize("sampling", list(Sampling))
def test_pieces_give_what_one_run_gives(video: Path, sampling: Sampling) -> None:
    with FrameSampler(video, 0.1, sampling=sampling) as sampler:
        whole = list(sampler)
    borders = [0]
    while borders[-1] <= whole[-1].sample:
        borders.append(chunk_end(borders[-1], sampling))
    assert len(borders) > 3
    pieces = []
    for start, end in pairwise(borders):
        with FrameSampler(video, 0.1, start, end, sampling=sampling) as sampler:
            pieces += list(sampler)
    assert [(f.sample, f.timestamp, f.until, f.spare) for f in pieces] == [
        (f.sample, f.timestamp, f.until, f.spare) for f in whole
    ]


@pytest.mark.parametrize(
    ("options", "interval", "most"),
    [
        pytest.param({"gop": 30}, 1.0, 10, id="a key frame at every sample: nothing else"),
        pytest.param({"gop": 1, "b_frames": 0}, 0.5, 20, id="all key frames: one each"),
        pytest.param({"gop": 30}, 5.0, 2, id="groups between samples are passed over"),
        pytest.param({"gop": 300}, 1.0, 220, id="one long group: frames that nothing refers to are left out"),
    ],
)
def test_no_more_is_decoded_than_needed(tmp_path: Path, options: dict[str, int], interval: float, most: int) -> None:
    path = make_video(tmp_path / "a.mp4", frames=300, **options)  # type: ignore[arg-type]
    with FrameSampler(path, interval) as sampler:
        count = len(list(sampler))
        assert count == round(10 / interval)
        assert sampler.decoded_frames <= most


def test_resuming_does_not_decode_what_lies_before(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", frames=300, gop=30)
    with FrameSampler(path, 1.0, 9) as sampler:
        assert [frame.sample for frame in sampler] == [9]
        assert sampler.decoded_frames == 1


def test_key_frames_that_are_none_are_found_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make_video(tmp_path / "a.mp4", frames=75, b_frames=0, options={"x264-params": "intra-refresh=1"})
    with caplog.at_level(logging.INFO, "app.media.decoder"):
        frames = sample_all(path, 1.0)
    assert [read_number(frame.image) for frame in frames] == [0, 30, 60]
    assert "decoding every frame of a video" in caplog.messages


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_is_applied(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    path = make_video(tmp_path / "a.mp4", frames=2, rotation=rotation, mirrored=mirrored)
    image = sample_all(path, 1.0)[0].image
    upright = np.rot90(picture(0), rotation // 90)  # counterclockwise, as the display matrix means it
    candidates = {
        "plain": upright,
        "mirrored": upright[:, ::-1],
        "mirrored before": np.rot90(picture(0)[:, ::-1], rotation // 90),
    }
    distance = {
        name: np.abs(image.astype(int) - want).mean() for name, want in candidates.items() if want.shape == image.shape
    }
    best = min(distance, key=lambda name: distance[name])
    assert distance[best] < 12
    assert best.startswith("mirrored") == mirrored
    assert image.flags.c_contiguous


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        pytest.param(Fraction(4, 3), (256, 112), id="wide pixels widen"),
        pytest.param(Fraction(3, 4), (192, 149), id="high pixels heighten"),
        pytest.param(Fraction(1, 1), (192, 112), id="square pixels stay"),
        pytest.param(Fraction(50, 1), (192, 112), id="nonsense is ignored"),
    ],
)
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    path = make_video(tmp_path / "a.mp4", frames=3, sample_aspect_ratio=aspect)
    image = sample_all(path, 1.0)[0].image
    assert (image.shape[1], image.shape[0]) == size


def test_colours_are_right(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)]
    path = make_video(tmp_path / "a.mp4", frames=4, paint=lambda n: np.full((112, 192, 3), colours[n], np.uint8))
    for frame, colour in zip(sample_all(path, 0.03), colours, strict=True):
        assert np.abs(frame.image.reshape(-1, 3).mean(axis=0) - colour).max() < 6


@pytest.mark.parametrize(("name", "interval", "expected"), [("a.mp4", 1.0, 3), ("a.mkv", 0.5, 5), ("a.ts", 30.0, 1)])
def test_the_number_of_samples_is_known_beforehand(tmp_path: Path, name: str, interval: float, expected: int) -> None:
    path = make_video(tmp_path / name, frames=75)
    with FrameSampler(path, interval) as sampler:
        assert sampler.expected_samples == expected
        assert len(list(sampler)) == expected


def test_a_stream_without_times_does_not_tell_its_length(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.h264", container="h264")
    with FrameSampler(path, 1.0) as sampler:
        assert sampler.expected_samples is None


# broken input


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_of_a_file_that_is_cut_off_the_readable_part_is_kept(tmp_path: Path, name: str) -> None:
    options: dict[str, object] = {"codec": "libvpx-vp9"} if name == "a.webm" else {}
    if name == "a.mp4":
        options["container_options"] = {"movflags": "faststart"}
    whole = make_video(tmp_path / name, frames=300, **options)  # type: ignore[arg-type]
    path = truncate(whole, tmp_path / f"cut-{name}", 0.55)
    with FrameSampler(path, 0.5) as sampler:
        assert sampler.warning is None
        frames = list(sampler)
        warning = sampler.warning
    assert 8 <= len(frames) <= 13
    assert [read_number(frame.image) for frame in frames] == [15 * n for n in range(len(frames))]
    assert warning is not None
    assert warning.startswith(
        ("The file is cut off: it could be read up to 0:04.", "The file is cut off: it could be read up to 0:05.")
    )


def test_a_short_sound_track_is_no_cut(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", frames=75, sound_seconds=0.5)
    assert len(sample_all(path, 1.0)) == 3


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_damage_in_the_middle_is_stepped_over(tmp_path: Path, name: str) -> None:
    whole = make_video(tmp_path / name, frames=300, gop=30)
    path = damage(whole, tmp_path / f"damaged-{name}", [(0.4, 0.43)])
    with FrameSampler(path, 0.1) as sampler:
        frames = list(sampler)
        warning = sampler.warning
    assert frames[0].sample == 0
    assert frames[-1].timestamp > 9
    assert 60 < len(frames) <= 100
    assert [frame.sample for frame in frames] == sorted({frame.sample for frame in frames})
    if name != "a.mkv":  # FFmpeg looks for the next readable place in a Matroska file without a word
        assert warning is not None
        assert "damaged" in warning


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        pytest.param(lambda d: _write(d / "a.mp4", b""), MediaError, "empty", id="empty"),
        pytest.param(lambda d: _write(d / "a.mp4", b"dear diary " * 500), MediaError, "not a video", id="text"),
        pytest.param(lambda d: _write(d / "a.mp4", bytes(50_000)), MediaError, "not a video", id="zeros"),
        pytest.param(lambda d: d / "none.mp4", MediaError, "missing", id="missing"),
        pytest.param(lambda d: d, MediaError, "missing", id="a folder"),
        pytest.param(
            lambda d: truncate(make_video(d / "w.mp4"), d / "a.mp4", 0.7),
            MediaError,
            "incomplete",
            id="mp4 without its end",
        ),
        pytest.param(lambda d: make_sound(d / "a.m4a"), NoVideoStreamError, "only sound", id="sound"),
        pytest.param(lambda d: make_empty_video(d / "a.mp4"), MediaError, "not one picture", id="no frames"),
        pytest.param(
            lambda d: truncate(make_video(d / "w.mkv"), d / "a.mkv", 0.05),
            MediaError,
            "",
            id="cut before the first frame",
        ),
    ],
)
def test_what_cannot_be_read_gives_a_sentence(tmp_path: Path, make, error: type[MediaError], words: str) -> None:
    path = make(tmp_path)
    with pytest.raises(error) as caught, FrameSampler(path, 1.0) as sampler:
        list(sampler)
    message = caught.value.message
    assert words in message
    assert message.endswith(".")
    assert str(tmp_path) not in message


@pytest.mark.parametrize(("interval", "start"), [(0, 0), (-1, 0), (float("nan"), 0), (float("inf"), 0), (1, -1)])
def test_nonsense_settings_are_refused(tmp_path: Path, interval: float, start: int) -> None:
    with pytest.raises(InvalidInputError):
        FrameSampler(make_video(tmp_path / "a.mp4", frames=2), interval, start)


# the thread


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "frame-decoder"]


def wait_until_gone(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_closing_early_ends_the_thread(tmp_path: Path) -> None:
    before = set(decoding_threads())
    path = make_video(tmp_path / "a.mp4", frames=300)
    with FrameSampler(path, 0.033) as sampler:
        next(sampler)
        mine = [thread for thread in decoding_threads() if thread not in before]
        assert len(mine) == 1
    assert not mine[0].is_alive()
    assert list(sampler) == []
    sampler.close()


def test_dropping_the_sampler_ends_the_thread(tmp_path: Path) -> None:
    before = set(decoding_threads())
    sampler = FrameSampler(make_video(tmp_path / "a.mp4", frames=300), 0.033)
    next(sampler)
    mine = [thread for thread in decoding_threads() if thread not in before]
    assert mine
    del sampler
    gc.collect()
    wait_until_gone(mine)


def test_a_sampler_that_is_never_used_starts_nothing(tmp_path: Path) -> None:
    before = len(decoding_threads())
    with FrameSampler(make_video(tmp_path / "a.mp4", frames=3), 1.0):
        assert len(decoding_threads()) == before


def test_the_decoder_runs_ahead_but_not_far(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=300, gop=1, b_frames=0)
    with FrameSampler(path, 0.033) as sampler:
        next(sampler)
        deadline = time.monotonic() + 10
        seen = -1
        while sampler.decoded_frames != seen and time.monotonic() < deadline:
            seen = sampler.decoded_frames
            time.sleep(0.2)  # there is no event for "nothing happens any more"
        assert 2 <= seen <= 16
        assert sampler.decode_seconds > 0


def resident_bytes() -> int:
    """Memory of this process now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Frames must go when they are dropped, not when the garbage collector happens to run."""
    still = np.full((540, 960, 3), 90, np.uint8)
    path = make_video(tmp_path / "a.mp4", frames=400, size=(960, 540), paint=lambda _: still)
    gc.collect()
    gc.disable()
    try:
        with FrameSampler(path, 1 / 30) as sampler:
            for _ in range(40):
                next(sampler)
            early = resident_bytes()
            count = sum(1 for _ in sampler)
            late = resident_bytes()
    finally:
        gc.enable()
    assert count > 300
    assert late - early < 60e6  # the frames in between hold 500 MB


def test_a_file_that_vanishes_gives_an_error_in_the_readers_thread(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=30)
    sampler = FrameSampler(path, 1.0)
    path.unlink()
    with pytest.raises(MediaError, match="missing"):
        next(sampler)


def frame(size: int, sample: int = 0) -> Frame:
    return Frame(sample, 0.0, np.zeros((1, size, 3), np.uint8))


def test_the_queue_is_bounded_by_bytes() -> None:
    queue = FrameQueue(max_frames=100, max_bytes=3000)
    done = threading.Event()

    def fill() -> None:
        for sample in range(4):
            queue.put(frame(500, sample))  # 1500 bytes
        done.set()

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    assert not done.wait(0.2)
    assert queue.get() is not None
    assert not done.wait(0.1)
    assert queue.get() is not None
    assert done.wait(5)
    thread.join()


def test_the_queue_lets_one_huge_frame_in() -> None:
    queue = FrameQueue(max_frames=2, max_bytes=10)
    queue.put(frame(1000))
    assert queue.get() is not None


def test_the_queue_hands_over_frames_before_the_failure() -> None:
    queue = FrameQueue()
    queue.put(frame(1))
    queue.end(MediaError("broken"))
    assert queue.get() is not None
    with pytest.raises(MediaError, match="broken"):
        queue.get()


def test_closing_the_queue_frees_a_writer_that_waits() -> None:
    queue = FrameQueue(max_frames=1)
    queue.put(frame(1))
    thread = threading.Thread(target=queue.put, args=(frame(1),), daemon=True)
    thread.start()
    queue.close()
    thread.join(5)
    assert not thread.is_alive()
    assert queue.get() is None


@pytest.mark.parametrize("interval", [0.5, 1.0])
def test_real_clips_resume_exactly(shared: Path, interval: float) -> None:
    for path in sorted((shared / "data" / "clips").glob("*.m*"))[:6]:
        full = sample_all(path, interval)
        middle = full[len(full) // 2].sample
        resumed = sample_all(path, interval, middle)
        tail = full[len(full) // 2 :]
        assert [(f.sample, f.timestamp) for f in resumed] == [(f.sample, f.timestamp) for f in tail]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(resumed, tail, strict=True))
