"""The neighbour graph against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from app.clustering.neighbours import NeighbourGraph, blocks, build, build_graph
from tests.unit.clustering.people import make_people, unit


def brute_force(vectors: np.ndarray, radius: float) -> set[tuple[int, int]]:
    distances = 1.0 - vectors.astype(float) @ vectors.T.astype(float)
    low, high = np.nonzero(np.triu(distances <= radius, 1))
    return set(zip(low.tolist(), high.tolist(), strict=True))


def edges(graph: NeighbourGraph) -> set[tuple[int, int]]:
    low, high, _ = graph.edges()
    return set(zip(low.tolist(), high.tolist(), strict=True))


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("chunk", [7, 8192], ids=["small chunks", "one chunk"])
def test_all_pairs_within_the_radius_are_edges(radius: float, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 200 * chunk // 2)
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


def test_half_precision_gives_nearly_the_same_graph() -> None:
    vectors, _ = make_people(300, 12, noise=0.1)
    full, half = (build_graph(v, radius=0.3, k=300).distances.toarray() for v in (vectors, vectors.astype(np.float16)))
    both = (full > 0) & (half > 0)
    np.testing.assert_allclose(full[both], half[both], atol=1e-3)
    assert ((full > 0) == (half > 0)).mean() > 0.998


def test_lists_find_what_the_exact_search_finds() -> None:
    vectors, _ = make_people(3000, 150, noise=0.04, dimension=64)
    exact = build_graph(vectors, radius=0.3, exact=True)
    lists = build_graph(vectors, radius=0.3, exact=False)
    assert exact.complete
    assert not lists.complete
    assert len(edges(lists) & edges(exact)) / len(edges(exact)) > 0.999
    assert edges(lists) <= edges(exact)


def test_lists_give_the_same_graph_each_time_however_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = make_people(2000, 5, noise=0.05, dimension=16)
    graphs = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "usable_cores", lambda cores=cores: cores)
        graphs.append(build_graph(vectors, radius=0.5, k=8, exact=False).distances)
    assert all((graphs[0] != other).nnz == 0 for other in graphs[1:])


def test_large_people_stay_in_one_piece_over_many_lists() -> None:
    vectors, truth = make_people(4000, 2, noise=0.05, dimension=32)
    graph = build_graph(vectors, radius=0.3, k=16, exact=False)
    parts, label = connected_components(graph.distances, directed=False)
    assert parts == 2
    assert len(set(zip(label.tolist(), truth.tolist(), strict=True))) == 2
    assert graph.distances.nnz < 4000 * 16 * 8
