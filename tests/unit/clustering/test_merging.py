"""Merging by stars, as it is done with many nodes."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import agglomerative
from app.clustering.algorithms import group
from app.clustering.metrics import bcubed
from tests.unit.clustering.people import make_people, same_partition


@pytest.fixture
def stars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agglomerative, "EXACT_NODES", 0)


@pytest.mark.usefixtures("stars")
def test_people_who_are_apart_are_found_whole() -> None:
    vectors, truth = make_people(2000, 25, noise=0.08)
    assert same_partition(group(vectors, threshold=0.5), truth)


@pytest.mark.parametrize("noise", [0.14, 0.17])
def test_stars_are_as_right_as_pairs_where_people_overlap(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, truth = make_people(1500, 40, noise=noise)
    pairs = bcubed(truth.tolist(), group(vectors, threshold=0.55).tolist())
    monkeypatch.setattr(agglomerative, "EXACT_NODES", 0)
    stars = bcubed(truth.tolist(), group(vectors, threshold=0.55).tolist())
    assert abs(stars.f - pairs.f) < 0.02


@pytest.mark.usefixtures("stars")
def test_two_who_must_not_meet_do_not_meet_in_a_third() -> None:
    # 200 near-copies of one face: every tenth pair of them is forbidden, so two hubs stand against each other
    vectors, _ = make_people(200, 1, noise=0.02)
    random = np.random.default_rng(1)
    apart = [(int(a), int(b)) for a, b in random.integers(200, size=(400, 2)) if a != b]
    labels = group(vectors, threshold=0.5, cannot_link=apart)
    assert all(labels[a] != labels[b] for a, b in apart)
    assert labels.max() < 30
