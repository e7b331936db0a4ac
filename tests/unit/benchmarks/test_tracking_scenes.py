"""The made-up scenes: the same by seed, at any rate the same film, and as alike as real faces are."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tracking_scenes import SAME, Sample, play
from benchmarks.tracking_walks import SCENES


def pairs(samples: list[Sample], later: int) -> np.ndarray:
    """Distances between usable faces of one person so many samples apart, as shares of SAME."""
    found: dict[tuple[int, int], np.ndarray] = {}
    for number, sample in enumerate(samples):
        for face, who in zip(sample.faces, sample.owners, strict=True):
            if who >= 0 and face.quality.usable:
                found[who, number] = face.embedding
    both = [(one, found[who, at + later]) for (who, at), one in found.items() if (who, at + later) in found]
    return np.array([1 - a @ b for a, b in both]) / SAME


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_what_its_seed_says(name: str) -> None:
    one, again, other = (play(name, 5, seed=seed, seconds=6) for seed in (1, 1, 2))
    assert [sample.owners for sample in one] == [sample.owners for sample in again]
    assert [sample.owners for sample in one] != [sample.owners for sample in other]
    for sample in one:
        assert len(sample.people) == len(sample.boxes)
        assert set(sample.owners) <= {*sample.people, -1}
        assert all(np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5) for face in sample.faces)
    keys = [face.key for sample in one for face in sample.faces]
    assert keys == list(range(len(keys)))


def test_at_every_rate_it_is_the_same_film() -> None:
    slow, fast = play("crossings", 5, seed=3, seconds=6), play("crossings", 25, seed=3, seconds=6)
    assert (len(slow), len(fast)) == (30, 150)
    for number, sample in enumerate(slow):
        assert sample.timestamp == fast[5 * number].timestamp
        assert sample.people == fast[5 * number].people
        np.testing.assert_array_equal(sample.boxes, fast[5 * number].boxes)


def test_samples_may_be_uneven() -> None:
    gaps = np.diff([sample.timestamp for sample in play("crowd", 5, seconds=6, uneven=0.8)])
    assert gaps.min() > 0
    assert gaps.std() > 0.03


def test_faces_are_as_alike_as_those_of_real_clips() -> None:
    films = [play(name, 25, seed=5, seconds=20) for name in ("crossings", "crowd", "cuts")]
    near, second = (np.concatenate([pairs(film, later) for film in films]) for later in (1, 25))
    assert 0.01 < np.median(near) < 0.04
    assert 0.1 < np.median(second) < 0.25
    assert 0.25 < np.quantile(second, 0.9) < 0.6
    assert np.quantile(second, 0.99) < 1.0


def test_there_are_cuts_crossings_returns_misses_and_false_faces() -> None:
    cuts, exits = play("cuts", 5, seconds=30), play("exits and returns", 5, seconds=30)
    assert len({face.shot for sample in cuts for face in sample.faces}) > 5
    assert len({sample.people for sample in exits}) > 5
    everything = [sample for name in SCENES for sample in play(name, 5, seconds=20)]
    assert any(-1 in sample.owners for sample in everything)
    assert any(set(sample.people) - set(sample.owners) for sample in everything)
    assert any(not face.quality.usable for sample in everything for face in sample.faces)
