"""HDBSCAN on a sparse graph: people of different density, alone or in a crowd."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN

from app.clustering.hierarchy import hdbscan
from app.clustering.neighbours import build_graph
from tests.unit.clustering.people import make_people, same_partition, unit


def found(vectors: np.ndarray, radius: float, **options: float) -> list[int]:
    graph = build_graph(vectors, radius=radius)
    return hdbscan(graph.distances, radius=radius, **options).tolist()  # type: ignore[arg-type]


def fan(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return unit(np.column_stack([np.cos(angle), np.sin(angle)]))


def test_people_of_different_density_are_told_apart() -> None:
    # at the distance within the second person, the two of the first pair would be one
    labels = found(fan(0, 1, 2, 13, 14, 15, 100, 108, 116, 124), radius=0.03, floor=0.01)
    assert labels[:3] == [labels[0]] * 3 and labels[3:6] == [labels[3]] * 3 and labels[6:] == [labels[6]] * 4
    assert len(set(labels)) == 3 and -1 not in labels


def test_a_library_of_one_person_stays_whole() -> None:
    vectors, _ = make_people(40, 1, noise=0.05, dimension=16)
    assert found(vectors, radius=0.4) == [0] * 40


def test_copies_of_a_picture_do_not_tear_a_person() -> None:
    vectors = fan(0, 0, 0, 4, 4, 8, 9, 12)
    assert found(vectors, radius=0.05) == [0] * 8


def test_the_lonely_are_noise() -> None:
    assert found(fan(0, 1, 90, 180), radius=0.02) == [0, 0, -1, -1]
    assert found(fan(0, 90), radius=0.02) == [-1, -1]


@pytest.mark.parametrize("seed", range(4))
def test_where_the_radius_cuts_nothing_it_is_scikit_learns(seed: int) -> None:
    vectors, _ = make_people(150, 6, noise=0.08, dimension=16, seed=seed)
    distances = np.clip(1.0 - vectors @ vectors.T, 1e-7, None).astype(np.float64)
    np.fill_diagonal(distances, 0.0)
    model = HDBSCAN(min_cluster_size=2, min_samples=4, metric="precomputed", copy=True)
    expected = model.fit_predict(distances)
    graph = build_graph(vectors, radius=1.999, k=200)
    ours = hdbscan(graph.distances, radius=1.999, min_samples=3, floor=0.0)
    assert same_partition(np.where(ours < 0, -1, ours), expected)
