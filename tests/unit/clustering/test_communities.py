"""Communities of small graphs that can be checked by hand, and what Leiden promises of any."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from app.clustering.communities import joined, leiden


def matrix(edges: list[tuple[int, int, float]], count: int) -> csr_matrix:
    both = [(a, b, w) for a, b, w in edges] + [(b, a, w) for a, b, w in edges]
    rows, columns, weights = (list(part) for part in zip(*both, strict=True)) if both else ([], [], [])
    return coo_matrix((weights, (rows, columns)), shape=(count, count)).tocsr()


def quality(weights: csr_matrix, masses: np.ndarray, labels: np.ndarray, resolution: float) -> float:
    """Weight inside communities less what they cost."""
    coo = weights.tocoo()
    inside = coo.data[labels[coo.row] == labels[coo.col]].sum() / 2
    total = np.bincount(labels, weights=masses)
    return float(inside - resolution * ((total**2).sum() - (masses**2).sum()) / 2)


def clique(nodes: range, weight: float = 1.0) -> list[tuple[int, int, float]]:
    return [(a, b, weight) for a in nodes for b in nodes if a < b]


def test_two_cliques_with_a_bridge_are_two() -> None:
    weights = matrix([*clique(range(4)), *clique(range(4, 9)), (3, 4, 1.0)], 9)
    assert leiden(weights, np.ones(9), resolution=0.2).tolist() == [0] * 4 + [1] * 5


def test_the_resolution_is_the_mean_weight_that_joins() -> None:
    between = [(a, b, 0.1) for a in range(4) for b in range(4, 8)]
    weights = matrix([*clique(range(4)), *clique(range(4, 8)), *between], 8)
    assert leiden(weights, np.ones(8), resolution=0.09).max() == 0
    assert leiden(weights, np.ones(8), resolution=0.11).max() == 1


def test_heavy_nodes_count_as_many() -> None:
    weights = matrix([(0, 1, 1.0), (1, 2, 1.0)], 3)
    assert leiden(weights, np.ones(3), resolution=0.4).max() == 0
    assert leiden(weights, np.array([1.0, 5.0, 1.0]), resolution=0.4).max() == 2


def test_the_number_of_others_does_not_matter() -> None:
    # modularity would merge neighbouring cliques of so large a ring
    edges = [edge for n in range(200) for edge in clique(range(5 * n, 5 * n + 5))]
    ring = [(5 * n, (5 * n + 5) % 1000, 1.0) for n in range(200)]
    labels = leiden(matrix(edges + ring, 1000), np.ones(1000), resolution=0.1)
    assert labels.tolist() == [n // 5 for n in range(1000)]


def test_nodes_without_edges_stay_alone() -> None:
    assert leiden(matrix([], 3), np.ones(3), resolution=0.1).tolist() == [0, 1, 2]
    assert leiden(matrix([(0, 2, 1.0)], 3), np.ones(3), resolution=0.1).tolist() == [0, 1, 0]


def test_no_better_than_well_known_code_but_as_good() -> None:
    graph = nx.karate_club_graph()
    weights = nx.to_scipy_sparse_array(graph, weight=None, dtype=float, format="csr")
    masses = np.array([degree for _, degree in graph.degree()], dtype=float)
    labels = leiden(csr_matrix(weights), masses, resolution=1 / masses.sum())  # with these masses it is modularity
    groups = [set(np.flatnonzero(labels == one).tolist()) for one in range(labels.max() + 1)]
    best = nx.community.louvain_communities(graph, weight=None, seed=0)
    assert (
        nx.community.modularity(graph, groups, weight=None) >= nx.community.modularity(graph, best, weight=None) - 0.005
    )


def test_joined_nodes_have_the_sum_of_their_edges() -> None:
    weights = matrix([(0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0)], 3)
    assert joined(weights, np.array([0, 0, 1])).toarray().tolist() == [[0, 5], [5, 0]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[csr_matrix, np.ndarray]:
    count = draw(st.integers(1, 25))
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.floats(0.01, 2.0))
    edges = {(min(a, b), max(a, b)): w for a, b, w in draw(st.lists(ends, max_size=60)) if a != b}
    masses = draw(st.lists(st.floats(0.5, 4.0), min_size=count, max_size=count))
    return matrix([(a, b, w) for (a, b), w in edges.items()], count), np.array(masses)


@settings(max_examples=80, deadline=None)
@given(graphs(), st.floats(0.05, 1.0))
def test_communities_are_connected_repeatable_and_worth_more_than_being_alone(
    graph: tuple[csr_matrix, np.ndarray], resolution: float
) -> None:
    weights, masses = graph
    labels = leiden(weights, masses, resolution=resolution)
    assert np.array_equal(labels, leiden(weights, masses, resolution=resolution))
    assert quality(weights, masses, labels, resolution) >= -1e-9
    for one in range(labels.max() + 1):
        members = np.flatnonzero(labels == one)
        assert connected_components(weights[members][:, members])[0] == 1
