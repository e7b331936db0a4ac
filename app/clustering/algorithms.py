"""Groups faces into people: one entrance for all algorithms, with hard rules that hold in each of them.

The unit is a node: the mean of one track. Nodes are put into an order that depends on their content only before
anything else happens, so that the result does not depend on the order in which videos came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

from app.clustering.agglomerative import average_linkage
from app.clustering.constraints import (
    ContradictionError,
    Pairs,
    as_pairs,
    find_contradictions,
    first_seen,
    must_link_groups,
)
from app.clustering.density import dbscan
from app.clustering.neighbours import NeighbourGraph, build_graph
from app.domain import FloatArray, IntArray

Algorithm = Literal["agglomerative", "dbscan"]

ORDER_COLUMNS = 8


def group(
    embeddings: FloatArray,
    *,
    algorithm: Algorithm = "agglomerative",
    threshold: float,
    cannot_link: Pairs = (),
    must_link: Pairs = (),
    weights: FloatArray | None = None,
    neighbours: int = 64,
    min_samples: int = 1,
) -> IntArray:
    """Groups nodes into people.

    ``agglomerative`` is own average linkage (see :mod:`app.clustering.agglomerative` for why it is not
    scikit-learn's). ``dbscan`` is DBSCAN on the sparse graph; a cluster of it that breaks a cannot-link
    rule is taken apart by average linkage within it.

    Args:
        embeddings: ``float32`` or ``float16`` (n, d), rows of unit length, or shorter for means (see
            :mod:`app.clustering.means`). ``float16`` takes half the memory and is exact to about 0.0002.
        algorithm: Which way to group.
        threshold: Cosine distance, 0..2. For ``agglomerative`` the largest mean distance between two groups that are
            merged; for ``dbscan`` the radius of a neighbourhood.
        cannot_link: Pairs of nodes that never come into one group.
        must_link: Pairs of nodes that always come into one group, in either algorithm.
        weights: ``float32`` (n,), positive: how much each node counts in the mean of its group.
        neighbours: Neighbours per node in the graph.
        min_samples: For ``dbscan``, how many nodes within the radius (itself included) make a core. With 1 nothing
            is noise: a node is a track, which has proven itself before it gets here.

    Returns:
        ``int64`` (n,): groups 0, 1, ... in the order of their first node; -1 is noise (``dbscan`` only).

    Raises:
        ContradictionError: If must-link rules join a pair that cannot be linked.
        ValueError: If arrays do not fit together, weights are not positive or the algorithm is unknown.
    """
    vectors, mass = _checked(embeddings, weights)
    count = len(vectors)
    order = _content_order(vectors, mass)
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    apart = as_pairs(place[as_pairs(cannot_link, count)], count)
    start = must_link_groups(count, as_pairs(place[as_pairs(must_link, count)], count))
    broken = find_contradictions(start, apart)
    if broken:
        raise ContradictionError([(int(order[a]), int(order[b])) for a, b in broken])
    graph = build_graph(vectors[order], radius=threshold, k=neighbours)
    task = _Task(vectors[order], mass[order], threshold, apart, start, graph)
    if algorithm == "agglomerative":
        labels = task.average_linkage()
    elif algorithm == "dbscan":
        labels = task.dbscan(min_samples)
    else:
        raise ValueError(f"unknown algorithm {algorithm!r}")
    return first_seen(labels[place])


@dataclass(frozen=True)
class _Task:
    """Nodes in content order, with clean rules and their graph."""

    vectors: FloatArray
    mass: FloatArray
    threshold: float
    apart: IntArray
    start: IntArray
    graph: NeighbourGraph

    def average_linkage(self) -> IntArray:
        return average_linkage(
            self.vectors,
            self.mass,
            self.graph,
            threshold=self.threshold,
            cannot_link=self.apart,
            start=self.start,
        )

    def dbscan(self, min_samples: int) -> IntArray:
        """Runs DBSCAN, then puts the hard rules through."""
        if not len(self.vectors):
            return np.empty(0, dtype=np.int64)
        found = dbscan(self.graph.distances, min_samples=min_samples)
        labels = _join_must_links(found, self.start)
        broken = np.unique([labels[a] for a, _ in find_contradictions(labels, self.apart)])
        return self._take_apart(labels, np.flatnonzero(np.isin(labels, broken))) if len(broken) else labels

    def _take_apart(self, labels: IntArray, members: IntArray) -> IntArray:
        """Regroups the given nodes by average linkage, each of their clusters for itself."""
        inside = self.graph.distances[members][:, members].tocoo()
        same = labels[members[inside.row]] == labels[members[inside.col]]
        matrix = csr_matrix((inside.data[same], (inside.row[same], inside.col[same])), shape=inside.shape)
        number = np.full(len(labels), -1, dtype=np.int64)
        number[members] = np.arange(len(members))
        rules = number[self.apart]
        parts = average_linkage(
            self.vectors[members],
            self.mass[members],
            NeighbourGraph(matrix, complete=True),  # as far as it goes: a search by means would cross to other clusters
            threshold=self.threshold,
            cannot_link=rules[(rules >= 0).all(axis=1)],
            start=first_seen(self.start[members]),
        )
        result = labels.copy()
        result[members] = labels.max() + 1 + parts
        return result


def _checked(embeddings: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    half = getattr(embeddings, "dtype", None) == np.float16  # a million nodes are 1 GiB in it, and stay so
    vectors: FloatArray = np.ascontiguousarray(embeddings, dtype=np.float16 if half else np.float32)
    if vectors.ndim != 2:
        raise ValueError("embeddings must have the shape (n, d)")
    mass = np.ones(len(vectors), np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    if mass.shape != (len(vectors),):
        raise ValueError("there must be one weight per node")
    if not (np.isfinite(vectors).all() and np.isfinite(mass).all() and (mass > 0).all()):
        raise ValueError("embeddings must be finite and weights positive")
    return vectors, mass


def _content_order(vectors: FloatArray, mass: FloatArray) -> IntArray:
    """Order of nodes by their content; only nodes that are equal in it keep the order in which they came."""
    return np.lexsort((mass, *vectors.T[:ORDER_COLUMNS][::-1]))


def _join_must_links(labels: IntArray, start: IntArray) -> IntArray:
    """Makes one cluster of all clusters that a must-link group touches; noise in such a group joins it."""
    if start.max() + 1 == len(start):
        return labels
    alone = labels.max(initial=-1) + 1 + np.arange(len(labels))
    tied = np.bincount(start)[start] > 1
    filled = np.where((labels == -1) & tied, alone, labels)
    first = np.unique(start, return_index=True)[1][start]
    pairs = np.column_stack([filled, filled[first]])[filled >= 0]
    joined = must_link_groups(int(filled.max(initial=-1)) + 1, pairs)
    return np.where(filled >= 0, joined[filled], -1)
