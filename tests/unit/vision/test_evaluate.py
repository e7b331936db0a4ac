from __future__ import annotations

import numpy as np
import pytest

from app.errors import InvalidInputError
from app.vision import evaluate as module
from app.vision.evaluate import Pairs, d_prime, evaluate, fit_similarity, operating_point, pair_distances
from app.vision.histogram import draw_histogram
from app.vision.packs import BUNDLED


def people(count: int, faces: int, spread: float, dimension: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one centre per person."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.standard_normal((count, dimension)), faces, axis=0)
    vectors = centres + spread * random.standard_normal(centres.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), np.repeat(
        np.arange(count), faces
    )


def normal_pairs(near: float, far: float, width: float, count: int = 4000) -> Pairs:
    random = np.random.default_rng(1)
    return Pairs(
        random.normal(near, width, count).astype(np.float32), random.normal(far, width, 3 * count).astype(np.float32)
    )


def test_every_pair_is_counted_once():
    vectors, owners = people(4, 5, 0.3)
    pairs = pair_distances(vectors, owners)
    assert len(pairs.same) == 4 * 10
    assert len(pairs.different) == 20 * 19 // 2 - 40
    first, second = vectors[0], vectors[1]
    assert np.isclose(pairs.same, 1 - first @ second, atol=1e-6).any()


def test_of_very_many_pairs_a_sample_is_looked_at(monkeypatch):
    vectors, owners = people(30, 5, 0.3)
    exact = pair_distances(vectors, owners)
    monkeypatch.setattr(module, "MOST_PAIRS", 3000)
    sampled = pair_distances(vectors, owners)
    assert len(sampled.same) == len(exact.same)
    assert 2000 < len(sampled.different) <= 3000
    assert sampled.different.mean() == pytest.approx(exact.different.mean(), abs=0.02)
    assert (pair_distances(vectors, owners).different == sampled.different).all()


@pytest.mark.parametrize(
    ("owners"), [[0, 0, 0], [0, 1, 2], [0], []], ids=["one-person", "nobody-twice", "one-face", "nothing"]
)
def test_without_both_kinds_of_pairs_nothing_can_be_measured(owners):
    vectors, _ = people(3, 1, 0.1)
    with pytest.raises(InvalidInputError, match="two"):
        pair_distances(vectors[: len(owners)], np.array(owners, np.int64))


@pytest.mark.parametrize(
    ("rate", "true_rate", "distance", "resolved"),
    [(0.1, 0.6, 0.6, True), (0.2, 0.8, 0.7, True), (0.01, 0.4, 0.5, False)],
    ids=["one-of-ten-may-pass", "two-of-ten", "none-may-pass"],
)
def test_operating_points_by_hand(rate, true_rate, distance, resolved):
    same = np.float32([0.1, 0.2, 0.55, 0.65, 0.9])
    different = np.float32([0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.1, 1.2])
    point = operating_point(same, different, rate)
    assert (point.true_rate, point.resolved) == (true_rate, resolved)
    assert point.distance == pytest.approx(distance)
    assert (different < point.distance).mean() <= rate


def test_d_prime_is_the_gap_in_deviations():
    pairs = normal_pairs(0.3, 0.9, 0.1)
    assert d_prime(pairs.same, pairs.different) == pytest.approx(6.0, rel=0.05)


def test_the_fitted_curve_is_the_true_probability():
    """For two normal distributions of one width the log odds are a line, so the fit must find it."""
    near, far, width = 0.4, 0.7, 0.1
    middle, scale = fit_similarity(normal_pairs(near, far, width))
    assert middle == pytest.approx((near + far) / 2, abs=0.01)
    assert scale == pytest.approx(width**2 / (far - near), rel=0.1)


def test_the_fit_follows_the_scale_of_the_distances():
    wide = normal_pairs(0.4, 0.9, 0.1)
    middle, scale = fit_similarity(wide)
    narrow = fit_similarity(Pairs(wide.same / 8, wide.different / 8))
    assert narrow == pytest.approx((middle / 8, scale / 8), rel=1e-3)


def test_the_number_of_strangers_does_not_move_the_middle():
    pairs = normal_pairs(0.4, 0.7, 0.1)
    middle, _ = fit_similarity(pairs)
    more = Pairs(pairs.same, np.tile(pairs.different, 5))
    assert fit_similarity(more)[0] == pytest.approx(middle, abs=1e-3)


def test_where_the_kinds_do_not_overlap_the_curve_is_no_step():
    pairs = Pairs(np.float32([0.1, 0.12, 0.14] * 10), np.float32([0.8, 0.9, 1.0] * 30))
    middle, scale = fit_similarity(pairs)
    assert 0.14 < middle < 0.8
    assert 0.02 < scale < 0.3
    more = Pairs(np.tile(pairs.same, 30), np.tile(pairs.different, 30))
    assert fit_similarity(more)[1] < scale


def test_a_good_embedder_is_told_from_a_bad_one():
    good = evaluate(pair_distances(*people(20, 5, 0.3)))
    bad = evaluate(pair_distances(*people(20, 5, 1.5)))
    assert good.points[0].true_rate == 1.0
    assert good.best_accuracy > 0.999
    assert 0.1 < good.best_distance < good.same_person_distance < 0.9
    assert bad.points[0].true_rate < 0.6
    assert bad.d_prime < good.d_prime
    assert bad.best_accuracy < good.best_accuracy
    for found in (good, bad):
        rates = [point.true_rate for point in found.points]
        assert rates == sorted(rates, reverse=True)


def test_the_histogram_holds_every_pair():
    pairs = pair_distances(*people(10, 4, 0.4))
    found = evaluate(pairs)
    assert found.same_counts.sum() == len(pairs.same) == found.same_pairs
    assert found.different_counts.sum() == len(pairs.different) == found.different_pairs


def test_the_picture_shows_both_kinds_and_the_curve():
    found = evaluate(pair_distances(*people(10, 4, 0.4)))
    picture = np.asarray(draw_histogram(found, BUNDLED, "a title"))
    assert picture.shape == (620, 1100, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3)[::3].tolist()}
    for colour in ((255, 255, 255), (33, 128, 141), (222, 122, 70)):
        assert colour in colours
    changed = np.asarray(draw_histogram(found, BUNDLED, "another title"))
    assert (picture[:80] != changed[:80]).any()
    assert (picture[110:500] == changed[110:500]).all()
