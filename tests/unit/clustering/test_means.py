"""Means of tracks compare like the faces behind them."""

from __future__ import annotations

import numpy as np
import pytest

from app.clustering import group, plain_means
from tests.unit.clustering.people import unit


def test_products_of_plain_means_are_mean_similarities_of_faces() -> None:
    random = np.random.default_rng(0)
    centres = unit(random.normal(size=(2, 64)))
    faces = [unit(centre + 0.03 * random.normal(size=(40, 64))) for centre in centres]
    apart = [1 - (f @ f.T)[np.triu_indices(40, 1)].mean() for f in faces]
    means = unit(np.stack([f.mean(axis=0) for f in faces]))
    shortened = plain_means(means, np.array([40, 40]), noise=float(np.mean(apart)))
    assert shortened[0] @ shortened[1] == pytest.approx((faces[0] @ faces[1].T).mean(), abs=1e-4)


def test_single_faces_stay_and_more_faces_shorten_more() -> None:
    vectors = unit(np.ones((3, 4)))
    lengths = np.linalg.norm(plain_means(vectors, np.array([1, 2, 1000]), noise=0.1), axis=1)
    assert lengths == pytest.approx([1.0, np.sqrt(0.95), np.sqrt(0.9)], abs=1e-3)


def test_two_long_tracks_need_to_be_nearer_than_two_stills() -> None:
    angle = np.deg2rad([0, 20])  # 0.06 apart
    vectors = unit(np.column_stack([np.cos(angle), np.sin(angle)]))
    stills = plain_means(vectors, np.array([1, 1]), noise=0.045)
    tracks = plain_means(vectors, np.array([50, 50]), noise=0.045)
    assert group(stills, threshold=0.08).tolist() == [0, 0]
    assert group(tracks, threshold=0.08).tolist() == [0, 1]


@pytest.mark.parametrize(("counts", "noise"), [([0, 1], 0.1), ([1, 1], 1.0), ([1, 1], -0.1)])
def test_wrong_input_is_refused(counts: list[int], noise: float) -> None:
    with pytest.raises(ValueError):
        plain_means(np.eye(2, dtype=np.float32), np.array(counts), noise=noise)
