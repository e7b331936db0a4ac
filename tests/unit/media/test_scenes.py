"""Signatures of frames, and the shots that they tell apart."""

from __future__ import annotations

import numpy as np

from app.domain import Image
from app.media.scenes import SIGNATURE_BYTES, Shots, is_cut, signature


def room(seed: int, size: tuple[int, int] = (360, 640)) -> Image:
    rough = np.random.default_rng(seed).integers(0, 255, (9, 16, 3)).astype(np.uint8)
    return rough.repeat(size[0] // 9, 0).repeat(size[1] // 16, 1)


def test_a_signature_is_small_and_hangs_on_the_picture_alone() -> None:
    assert len(signature(room(1))) == SIGNATURE_BYTES == 144
    assert signature(room(1)) == signature(room(1).copy())
    assert len(signature(np.zeros((2, 3, 3), np.uint8))) == SIGNATURE_BYTES


def test_another_room_is_a_cut() -> None:
    assert is_cut(signature(room(1)), signature(room(2)))
    assert not is_cut(signature(room(1)), signature(room(1)))


def test_noise_and_somebody_who_moves_are_no_cut() -> None:
    picture = room(1)
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 10, picture.shape), 0, 255).astype(np.uint8)
    assert not is_cut(signature(picture), signature(noisy))
    with_somebody = picture.copy()
    with_somebody[100:220, 200:300] = 255 - with_somebody[100:220, 200:300]
    assert not is_cut(signature(picture), signature(with_somebody))


def test_signatures_of_another_length_are_of_another_kind() -> None:
    assert is_cut(b"\x00" * 144, b"\x00" * 10)


def test_shots_are_numbered() -> None:
    shots = Shots()
    one, two = signature(room(1)), signature(room(2))
    assert [shots.number(seen) for seen in (one, one, two, None, two, one)] == [0, 0, 1, None, 1, 2]


def test_shots_do_not_hang_on_where_one_begins_to_look() -> None:
    frames = [signature(room(seed)) for seed in (1, 1, 2, 2, 3, 1)]
    whole, part = Shots(), Shots()
    numbers = [whole.number(seen) for seen in frames]
    later = [part.number(seen) for seen in frames[2:]]
    assert [one - later[0] for one in later] == [one - numbers[2] for one in numbers[2:]]
