"""The algorithms against scikit-learn's dense ones, and the hard rules against attempts to break them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, AgglomerativeClustering

from app.clustering import ContradictionError, attach, bcubed, group
from app.clustering.algorithms import ALGORITHMS, Algorithm, group_in_spite_of_contradictions, threshold_share
from tests.unit.clustering.people import make_people, same_partition, unit
from tools.face_models import DLIB, MOBILEFACENET, FaceModel
from tools.synthetic import make_library


def dense_distances(vectors: np.ndarray) -> np.ndarray:
    distances = 1.0 - vectors.astype(float) @ vectors.T.astype(float)
    np.fill_diagonal(distances, 0.0)
    return np.clip(distances, 0.0, None)


def sklearn_average(vectors: np.ndarray, threshold: float) -> np.ndarray:
    model = AgglomerativeClustering(
        n_clusters=None, distance_threshold=threshold, metric="precomputed", linkage="average"
    )
    return model.fit_predict(dense_distances(vectors))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.35, 0.5, 0.7])
def test_average_linkage_is_scikit_learns(seed: int, threshold: float) -> None:
    vectors, _ = make_people(250, 15, noise=0.2, dimension=16, seed=seed)
    assert same_partition(group(vectors, threshold=threshold, neighbours=250), sklearn_average(vectors, threshold))


@pytest.mark.parametrize("seed", range(6))
def test_short_neighbour_lists_hardly_change_it(seed: int) -> None:
    vectors, _ = make_people(400, 8, noise=0.15, dimension=16, seed=seed)  # 50 nodes each, lists of 10
    exact = sklearn_average(vectors, 0.5)
    assert bcubed(exact.tolist(), group(vectors, threshold=0.5, neighbours=10).tolist()).f > 0.97


@pytest.mark.parametrize("min_samples", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_dbscan_is_scikit_learns(seed: int, min_samples: int) -> None:
    vectors, _ = make_people(250, 15, noise=0.12, dimension=16, seed=seed)
    expected = DBSCAN(eps=0.2, min_samples=min_samples, metric="precomputed").fit_predict(dense_distances(vectors))
    found = group(vectors, algorithm="dbscan", threshold=0.2, neighbours=250, min_samples=min_samples)
    assert same_partition(found, expected)
    assert np.array_equal(found == -1, expected == -1)


def test_a_person_larger_than_the_neighbour_lists_stays_whole() -> None:
    random = np.random.default_rng(5)
    chairs = unit(unit(np.ones((3, 16))) + 0.04 * random.normal(size=(3, 16)))
    vectors = unit(np.repeat(chairs, 200, axis=0) + 1e-4 * random.normal(size=(600, 16)))
    for algorithm in ALGORITHMS:
        assert group(vectors, algorithm=algorithm, threshold=0.2, neighbours=8).max() == 0


def test_weights_move_the_mean() -> None:
    # b lies between a and c: with a heavy, a and b are one group and c is too far from it; with all equal, c joins
    angle = np.deg2rad([0.0, 25.0, 55.0])
    vectors = unit(np.column_stack([np.cos(angle), np.sin(angle)]))
    threshold = 0.28  # d(ab, c) is 0.280 by equal weights less a hair, 0.41 when a weighs nine times b
    assert group(vectors, threshold=threshold + 0.001).tolist() == [0, 0, 0]
    heavy = np.array([9.0, 1.0, 1.0], np.float32)
    assert group(vectors, threshold=threshold + 0.001, weights=heavy).tolist() == [0, 0, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_order_of_nodes_does_not_matter(algorithm: Algorithm) -> None:
    vectors, _ = make_people(300, 12, noise=0.2, dimension=16, seed=9)
    vectors[40:60] = vectors[10:30]  # and copies, the hardest ties
    random = np.random.default_rng(1)
    rules = random.integers(300, size=(80, 2))
    rules = rules[rules[:, 0] != rules[:, 1]]
    rules = rules[~(np.isin(rules, range(10, 30)) | np.isin(rules, range(40, 60))).any(axis=1)]
    first = group(vectors, algorithm=algorithm, threshold=0.45, cannot_link=rules)
    for _ in range(5):
        order = random.permutation(300)
        place = np.argsort(order)
        again = group(vectors[order], algorithm=algorithm, threshold=0.45, cannot_link=place[rules])
        assert same_partition(first[order], again)


def test_labels_are_numbered_by_first_appearance() -> None:
    vectors = unit(np.eye(4)[[2, 0, 2, 1, 0, 3]])
    assert group(vectors, threshold=0.1).tolist() == [0, 1, 0, 2, 1, 3]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_tiny_libraries(algorithm: Algorithm, count: int) -> None:
    vectors = np.eye(3, dtype=np.float32)[:count]
    assert group(vectors, algorithm=algorithm, threshold=0.3).tolist() == list(range(count))


def test_dbscan_leaves_the_lonely_as_noise() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 0.01, 0], [1, 0, 0.01], [0, 1, 0]]))
    assert group(vectors, algorithm="dbscan", threshold=0.05, min_samples=3).tolist() == [0, 0, 0, -1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_faces_of_one_frame_are_two_people_however_alike(algorithm: Algorithm) -> None:
    vectors = unit(np.array([[1.0, 0.0]] * 2))
    assert group(vectors, algorithm=algorithm, threshold=0.5).tolist() == [0, 0]
    assert group(vectors, algorithm=algorithm, threshold=0.5, cannot_link=[(1, 0)]).tolist() == [0, 1]


def test_dbscan_splits_a_chain_at_its_thinnest_place() -> None:
    # two people bridged by one node that is a little nearer to the first
    angle = np.deg2rad([0, 1, 2, 14, 27, 28, 29])
    vectors = unit(np.column_stack([np.cos(angle), np.sin(angle)]))
    chained = group(vectors, algorithm="dbscan", threshold=0.035)
    assert chained.max() == 0
    split = group(vectors, algorithm="dbscan", threshold=0.035, cannot_link=[(0, 6)])
    assert split.tolist() == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_must_link_joins_the_unlike(algorithm: Algorithm) -> None:
    vectors = np.eye(4, dtype=np.float32)
    assert group(vectors, algorithm=algorithm, threshold=0.1, must_link=[(0, 3), (3, 1)]).tolist() == [0, 0, 1, 0]


def test_must_link_takes_noise_along() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 0.01, 0], [1, 0, 0.01], [0, 1, 0], [0, 0, 1], [0, 1, 1]]))
    labels = group(vectors, algorithm="dbscan", threshold=0.05, min_samples=3, must_link=[(0, 3), (4, 5)])
    assert labels.tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_contradicting_rules_are_reported_with_their_pairs(algorithm: Algorithm) -> None:
    vectors, _ = make_people(10, 3, noise=0.1)
    with pytest.raises(ContradictionError) as caught:
        group(vectors, algorithm=algorithm, threshold=0.3, must_link=[(7, 2), (2, 5)], cannot_link=[(5, 7), (1, 2)])
    assert [set(pair) for pair in caught.value.pairs] == [{5, 7}]


@pytest.mark.parametrize(
    "arguments",
    [
        {"algorithm": "voodoo"},
        {"weights": np.ones(3, np.float32)},
        {"weights": np.zeros(4, np.float32)},
        {"cannot_link": [(0, 4)]},
        {"cannot_link": [(2, 2)]},
        {"must_link": [(-1, 2)]},
    ],
    ids=["algorithm", "number of weights", "weight of zero", "unknown node", "node with itself", "negative node"],
)
def test_wrong_arguments_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError):
        group(np.eye(4, dtype=np.float32), threshold=0.3, **arguments)


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        group(np.full((2, 3), np.nan, np.float32), threshold=0.3)


@st.composite
def libraries(draw: st.DrawFn) -> tuple[np.ndarray, list[tuple[int, int]], list[tuple[int, int]]]:
    count = draw(st.integers(2, 40))
    vectors, _ = make_people(count, draw(st.integers(1, 5)), noise=0.15, dimension=8, seed=draw(st.integers(0, 999)))
    pair = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda p: p[0] != p[1])
    return vectors, draw(st.lists(pair, max_size=40)), draw(st.lists(pair, max_size=6))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=60, deadline=None)
@given(library=libraries(), min_samples=st.sampled_from([1, 3]), neighbours=st.sampled_from([2, 64]))
def test_hard_rules_hold_always(algorithm: Algorithm, library: tuple, min_samples: int, neighbours: int) -> None:
    vectors, cannot_link, must_link = library
    try:
        labels = group(
            vectors,
            algorithm=algorithm,
            threshold=0.4,
            cannot_link=cannot_link,
            must_link=must_link,
            min_samples=min_samples,
            neighbours=neighbours,
        )
    except ContradictionError as error:
        forbidden = {frozenset(pair) for pair in cannot_link}
        assert error.pairs and all(frozenset(pair) in forbidden for pair in error.pairs)
        return
    assert all(labels[a] == labels[b] >= 0 for a, b in must_link)
    assert all(labels[a] != labels[b] or labels[a] == -1 for a, b in cannot_link)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(max_examples=40, deadline=None)
@given(library=libraries(), neighbours=st.sampled_from([2, 64]))
def test_cannot_links_win_and_what_gave_way_is_told(algorithm: Algorithm, library: tuple, neighbours: int) -> None:
    vectors, cannot_link, must_link = library
    found = group_in_spite_of_contradictions(
        vectors,
        algorithm=algorithm,
        threshold=0.4,
        cannot_link=cannot_link,
        must_link=must_link,
        neighbours=neighbours,
    )
    gave_way = {frozenset(pair) for pair in found.gave_way.tolist()}
    assert all(found.labels[a] != found.labels[b] for a, b in cannot_link)
    assert all(found.labels[a] == found.labels[b] for a, b in must_link if frozenset((a, b)) not in gave_way)
    try:
        group(vectors, threshold=0.4, cannot_link=cannot_link, must_link=must_link)
    except ContradictionError:
        assert gave_way and gave_way <= {frozenset(pair) for pair in must_link}
    else:
        assert not gave_way


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_of_contradicting_must_links_the_later_ones_give_way(algorithm: Algorithm) -> None:
    rules = {"must_link": [(7, 2), (5, 2), (0, 1)], "cannot_link": [(5, 7)]}
    found = group_in_spite_of_contradictions(np.eye(10, dtype=np.float32), algorithm=algorithm, threshold=0.3, **rules)
    assert found.gave_way.tolist() == [[2, 5]]
    assert found.labels[7] == found.labels[2] != found.labels[5] and found.labels[0] == found.labels[1]


def test_wrong_rules_are_refused_in_spite_of_contradictions_too() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        group_in_spite_of_contradictions(np.eye(3, dtype=np.float32), threshold=0.3, must_link=[(0, 3)])


@pytest.mark.parametrize("model", [DLIB, MOBILEFACENET], ids=lambda model: model.name)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_made_up_people_are_told_apart(algorithm: Algorithm, model: FaceModel) -> None:
    library = make_library(1500, dimension=128, model=model, seed=2, noise=0.0)
    threshold = model.grouping_distance * threshold_share(algorithm)
    labels = group(library.embeddings(), algorithm=algorithm, threshold=threshold, cannot_link=library.cannot_link())
    score = bcubed(library.truth.tolist(), labels.tolist())
    assert score.precision > 0.98
    assert score.f > 0.91


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_poor_faces_join_people_and_never_bridge_two(algorithm: Algorithm) -> None:
    # two people, and a row of poor faces from one to the other, each near the next
    angle = np.deg2rad([0, 2, 4, 80, 82, 84])
    bridge = np.deg2rad([12, 24, 36, 48, 60, 72])
    vectors = unit(np.column_stack([np.cos(both := np.concatenate([angle, bridge])), np.sin(both)]))
    usable = np.arange(len(vectors)) < len(angle)
    labels = np.full(len(vectors), -1)
    labels[usable] = group(vectors[usable], algorithm=algorithm, threshold=0.05)
    assert labels[usable].tolist() == [0, 0, 0, 1, 1, 1]
    attached = attach(vectors, labels, threshold=0.05)
    assert attached[usable].tolist() == [0, 0, 0, 1, 1, 1]
    assert attached[~usable].tolist() == [0, -1, -1, -1, -1, 1]
    # what they would do if they had a say
    assert group(vectors, algorithm="dbscan", threshold=0.05).max() == 0
