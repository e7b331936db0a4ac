from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from app.errors import ConfigError
from app.vision.packs import BUNDLED, get_pack


def test_similarity_is_a_half_at_the_threshold():
    assert BUNDLED.similarity(BUNDLED.same_person_distance) == pytest.approx(0.5, abs=1e-7)


def test_similarity_falls_with_distance():
    distances = np.linspace(0, 2, 500, dtype=np.float32)
    values = BUNDLED.similarity(distances)
    assert values.dtype == np.float32
    assert values.shape == distances.shape
    assert (np.diff(values) <= 0).all()
    assert values[0] > 0.99
    assert values[-1] < 0.01
    assert ((values >= 0) & (values <= 1)).all()


def test_a_number_gives_a_number():
    assert isinstance(BUNDLED.similarity(0.05), float)
    assert BUNDLED.similarity(0.05) == pytest.approx(float(BUNDLED.similarity(np.float32([0.05]))[0]))


@pytest.mark.parametrize("similarity", [0.05, 0.3, 0.5, 0.62, 0.9, 0.99])
def test_distance_at_is_the_inverse(similarity):
    assert BUNDLED.similarity(BUNDLED.distance_at(similarity)) == pytest.approx(similarity, abs=1e-6)


@pytest.mark.parametrize("similarity", [1e-300, 1 - 1e-16])
def test_distance_stays_in_range(similarity):
    assert 0.0 <= BUNDLED.distance_at(similarity) <= 2.0


@pytest.mark.parametrize("similarity", [0.0, 1.0, -0.1, 1.1, float("nan")])
def test_impossible_similarities_are_refused(similarity):
    with pytest.raises(ConfigError):
        BUNDLED.distance_at(similarity)


def test_means_of_tracks_need_a_stricter_limit_than_single_faces():
    assert 0 < BUNDLED.grouping_distance < BUNDLED.same_person_distance


def test_packs_are_found_by_name():
    assert get_pack("bundled") == BUNDLED
    with pytest.raises(ConfigError, match="bundled"):
        get_pack("nothing")


def test_packs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BUNDLED.name = "other"  # type: ignore[misc]


def test_a_set_similarity_moves_the_grouping_around_its_default():
    assert BUNDLED.grouping_distance_at(0.5) == pytest.approx(BUNDLED.grouping_distance)
    assert BUNDLED.grouping_distance_at(0.6) < BUNDLED.grouping_distance < BUNDLED.grouping_distance_at(0.4)
    with pytest.raises(ConfigError):
        BUNDLED.grouping_distance_at(1.0)
