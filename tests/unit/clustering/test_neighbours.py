"""The neighbour graph against brute force."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from app.clustering import neighbours
from app.clustering.neighbours import build_graph
from tests.unit.clustering.people import make_people, unit


def brute_force(vectors: np.ndarray, radius: float) -> set[tuple[int, int]]:
    distances = 1.0 - vectors.astype(float) @ vectors.T.astype(float)
    low, high = np.nonzero(np.triu(distances <= radius, 1))
    return set(zip(low.tolist(), high.tolist(), strict=True))


def edges(graph: neighbours.NeighbourGraph) -> set[tuple[int, int]]:
    low, high, _ = graph.edges()
    return set(zip(low.tolist(), high.tolist(), strict=True))


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("chunk", [7, 8192], ids=["small chunks", "one chunk"])
def test_all_pairs_within_the_radius_are_edges(radius: float, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK_ROWS", chunk)
    vectors, _ = make_people(200, 12, noise=0.1)
    graph = build_graph(vectors, radius=radius, k=200)
    assert graph.complete
    assert edges(graph) == brute_force(vectors, radius)


def test_distances_are_cosine_distances_in_both_directions() -> None:
    vectors, _ = make_people(60, 5, noise=0.1)
    matrix = build_graph(vectors, radius=0.6, k=60).distances
    dense = matrix.toarray()
    assert np.array_equal(dense, dense.T)
    row, column = dense.nonzero()
    expected = 1.0 - (vectors.astype(float) @ vectors.T.astype(float))
    np.testing.assert_allclose(dense[row, column], expected[row, column], atol=1e-6)
    assert not dense.diagonal().any()


def test_an_edge_stays_when_only_one_end_lists_the_other() -> None:
    # the hub has four neighbours but k = 1: each of them still reaches it
    vectors = unit(np.array([[1, 0, 0], [1, 0.3, 0], [1, -0.3, 0], [1, 0, 0.3], [1, 0, -0.3]]))
    matrix = build_graph(vectors, radius=0.05, k=1).distances
    assert matrix[0].nnz == 4


def test_equal_vectors_keep_their_edge() -> None:
    vectors = unit(np.array([[1.0, 2.0, 3.0]] * 3 + [[-1.0, 0.0, 0.0]]))
    graph = build_graph(vectors, radius=0.1, k=2)
    assert edges(graph) == {(0, 1), (0, 2), (1, 2)}
    assert (graph.distances.data > 0).all()


def test_islands_larger_than_k_stay_connected() -> None:
    """One person, filmed from three chairs, a hundred near-copies from each: plain k-nearest lists would fall apart."""
    random = np.random.default_rng(3)
    chairs = unit(unit(np.ones((3, 16))) + 0.05 * random.normal(size=(3, 16)))
    vectors = unit(np.repeat(chairs, 100, axis=0) + 1e-4 * random.normal(size=(300, 16)))
    graph = build_graph(vectors, radius=0.2, k=8)
    assert not graph.complete
    assert connected_components(graph.distances, directed=False)[0] == 1
    assert graph.distances.nnz < 300 * 8 * 3 * 2


def test_a_cut_list_is_noticed_and_an_exact_fit_is_not() -> None:
    vectors = unit(np.ones((9, 4)) + 1e-3 * np.random.default_rng(0).normal(size=(9, 4)))
    assert build_graph(vectors, radius=0.5, k=8).complete
    assert not build_graph(vectors, radius=0.5, k=7).complete


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_nodes_have_no_edge(count: int) -> None:
    graph = build_graph(np.ones((count, 4), np.float32) / 2, radius=1.0)
    assert graph.nodes == count
    assert graph.distances.nnz == 0
    assert graph.complete


def test_the_number_of_faiss_threads_is_put_back() -> None:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        build_graph(make_people(50, 3, noise=0.1)[0], radius=0.5)
        assert faiss.omp_get_max_threads() == 1
    finally:
        faiss.omp_set_num_threads(before)
