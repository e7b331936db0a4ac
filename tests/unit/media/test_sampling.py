"""Which frames are chosen, on pictures whose changes are known."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import Frame, Image, Sampling
from app.media.sampling import cells_of, choose, chunk_end, fine_steps

NOISE = np.random.default_rng(5)


def picture(level: int = 90, *, spot: tuple[int, int] | None = None, noise: float = 0.0) -> Image:
    image = np.full((180, 320, 3), level, np.float64)
    if spot is not None:
        image[spot[1] : spot[1] + 20, spot[0] : spot[0] + 20] += 60
    return np.clip(image + NOISE.normal(0, noise, image.shape), 0, 255).astype(np.uint8)


def chosen(sampling: Sampling, images: dict[int, Image]) -> list[Frame]:
    frames = [Frame(sample, sample / 2, image) for sample, image in images.items()]
    return [frame for frame in choose([None, *frames], sampling) if frame is not None]


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.sample for frame in frames]


def test_interval_takes_all() -> None:
    assert numbers(chosen(Sampling.INTERVAL, {n: picture() for n in range(5)})) == [0, 1, 2, 3, 4]


def test_scenes_takes_the_interval_and_what_follows_a_cut() -> None:
    levels = [20, 20, 20, 90, 90, 90, 90, 90, 200]
    frames = chosen(Sampling.SCENES, {n: picture(level) for n, level in enumerate(levels)})
    assert numbers(frames) == [0, 3, 4, 8]
    assert all(frame.until is None and not frame.spare for frame in frames)


def test_adaptive_leaves_out_what_looks_the_same_within_a_chunk() -> None:
    frames = chosen(Sampling.ADAPTIVE, {n: picture(noise=3) for n in range(40)})
    assert numbers(frames) == [0, 4, 8, 16, 24, 32]
    assert [frame.until for frame in frames] == [1.5, 3.5, 7.5, 11.5, 15.5, 19.5]
    assert not any(frame.spare for frame in frames)


def test_adaptive_notices_a_small_face_that_comes_and_goes() -> None:
    images = {n: picture(spot=(150, 80) if 10 <= n < 14 else None) for n in range(8, 16)}
    frames = chosen(Sampling.ADAPTIVE, images)
    assert [(frame.sample, frame.until) for frame in frames] == [(8, 4.5), (10, 6.5), (14, 7.5)]


def test_every_second_frame_is_spare_where_pictures_move() -> None:
    frames = chosen(Sampling.ADAPTIVE, {n: picture(spot=(30 * n, 80)) for n in range(8)})
    assert numbers(frames) == list(range(8))
    assert [frame.spare for frame in frames] == [False, True] * 4


def test_the_first_frame_after_a_cut_is_no_spare_one() -> None:
    frames = chosen(Sampling.ADAPTIVE, {n: picture(20 if n < 11 else 200) for n in range(8, 14)})
    assert [(frame.sample, frame.spare) for frame in frames] == [(8, False), (11, False)]


def test_a_spare_frame_that_stands_for_another_is_looked_at() -> None:
    images = {n: picture(spot=None if n < 11 else (150, 80)) for n in range(8, 14)}
    frames = chosen(Sampling.ADAPTIVE, images)
    assert [(frame.sample, frame.until, frame.spare) for frame in frames] == [(8, 5.0, False), (11, 6.5, False)]


@pytest.mark.parametrize("sampling", list(Sampling))
def test_a_run_from_any_chunk_chooses_what_a_whole_run_does(sampling: Sampling) -> None:
    random = np.random.default_rng(3)
    images = {n: picture(int(random.choice([60, 62, 150])), spot=(int(random.integers(300)), 9)) for n in range(80)}
    whole = [(frame.sample, frame.until, frame.spare) for frame in chosen(sampling, images)]
    starts = sorted({chunk_end(n, sampling) for n in range(70)})
    assert len(starts) > 2
    for start in starts:
        part = chosen(sampling, {n: image for n, image in images.items() if n >= start})
        assert [(f.sample, f.until, f.spare) for f in part] == [entry for entry in whole if entry[0] >= start]


@pytest.mark.parametrize(
    ("sampling", "ends"),
    [(Sampling.INTERVAL, [4, 8, 16]), (Sampling.SCENES, [16, 32, 64]), (Sampling.ADAPTIVE, [4, 8, 16])],
)
def test_chunks_are_cut_by_number_alone(sampling: Sampling, ends: list[int]) -> None:
    sample, found = 0, []
    for _ in ends:
        sample = chunk_end(sample, sampling)
        found.append(sample)
    assert found == ends
    assert all(chunk_end(n, sampling) == ends[0] for n in range(ends[0]))
    assert fine_steps(sampling) * 4 == ends[0]


@pytest.mark.parametrize("shape", [(1, 1), (7, 3000), (2160, 3840), (64, 63)])
def test_cells_of_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), (10, 120, 30), np.uint8)
    cells = cells_of(image)
    assert cells.shape == (18, 32)
    np.testing.assert_allclose(cells, 120, rtol=1e-5)


def test_noise_moves_no_cell() -> None:
    assert np.abs(cells_of(picture(noise=4)) - cells_of(picture(noise=4))).max() < 4
