"""Average-linkage grouping on a sparse graph, with hard rules.

scikit-learn's ``AgglomerativeClustering`` offers average linkage on dense distances only: ``metric="precomputed"``
refuses sparse input, and its ``connectivity`` argument still wants every row's features and knows no forbidden pair.
Hence this one. What makes it both exact and quick:

* **Exact linkage without distances.** The mean cosine similarity of two groups is
  ``S_a . S_b / (W_a W_b)``, with ``S`` the weighted sum of a group's vectors and ``W`` the sum of its weights.
  The graph only says which pairs are worth asking about.
* **No candidate is missed.** Of two groups whose mean distance is within the threshold, at least one pair of members
  is, so a graph with that radius has an edge between them (as far as ``k`` did not cut it off, see below).
* **Edges above the threshold die at once.** Average linkage is reducible: ``d(a+b, c) >= min(d(a, c), d(b, c))``.
  A forbidden pair counts as infinitely far, which keeps that property.
* **Rounds instead of a queue.** By the same property all pairs of groups that are each other's nearest may be merged
  at the same time, and the result is that of merging one closest pair after the other (Murtagh, "A survey of recent
  advances in hierarchical clustering algorithms", 1983). A round is a few array operations; edges die quickly.
* **Truncated graphs.** Where ``k`` cut neighbour lists short, groups are searched again by their mean vectors, and
  merged on, until nothing changes. ``|S| <= W``, so the mean vectors of two groups are at least as near as the groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.clustering.constraints import find_contradictions
from app.clustering.neighbours import NeighbourGraph, build_graph
from app.domain import FloatArray, IntArray

CHUNK_EDGES = 65_536


def average_linkage(
    embeddings: FloatArray,
    weights: FloatArray,
    graph: NeighbourGraph,
    *,
    threshold: float,
    cannot_link: IntArray,
    start: IntArray | None = None,
) -> IntArray:
    """Merges the nearest groups until no two that may be merged are within the threshold.

    Equal distances are decided by node numbers, so callers who want independence of the order of nodes sort first.

    Args:
        embeddings: ``float32`` (n, d), rows no longer than 1.
        weights: ``float32`` (n,), positive.
        graph: Neighbours within a radius of at least ``threshold``.
        threshold: Largest mean cosine distance between two groups that are merged.
        cannot_link: Pairs that never come into one group, ``int64`` (m, 2).
        start: Groups to start from, ``int64`` (n,) numbered 0, 1, ...; by default every node is alone.

    Returns:
        ``int64`` (n,) group of each node, numbered 0, 1, ...
    """
    groups = np.arange(len(embeddings), dtype=np.int64) if start is None else start
    state = _Groups(embeddings, weights, groups, cannot_link)
    low, high, _ = graph.edges()
    state.set_edges(groups[low], groups[high])
    state.merge_all(threshold)
    complete = graph.complete
    while not complete:
        before = state.count
        again = build_graph(state.mean_vectors(), radius=threshold)
        state.set_edges(*again.edges()[:2])
        state.merge_all(threshold)
        complete = again.complete or state.count == before
    return state.labels


class _Groups:
    """The groups of the moment: their sums, the edges that may still matter, and what is forbidden."""

    def __init__(self, embeddings: FloatArray, weights: FloatArray, groups: IntArray, cannot_link: IntArray) -> None:
        self.labels = groups
        self.count = int(groups.max()) + 1 if len(groups) else 0
        self._sums = _sum_by(groups, embeddings * weights[:, None], self.count)
        self._weights = _sum_by(groups, weights, self.count)
        if find_contradictions(groups, cannot_link):
            raise ValueError("the starting groups break a cannot-link rule")
        self._forbidden = self._pair_keys(groups[cannot_link[:, 0]], groups[cannot_link[:, 1]])
        self.set_edges(np.empty(0, np.int64), np.empty(0, np.int64))

    def set_edges(self, left: IntArray, right: IntArray) -> None:
        """Takes new candidate pairs; their linkage is worked out when it is needed."""
        self._edges = self._pair_keys(left, right)
        self._distance = np.full(len(self._edges), np.nan, dtype=np.float64)

    def mean_vectors(self) -> FloatArray:
        """Directions of the groups, ``float32`` (groups, d), unit length."""
        norms = np.linalg.norm(self._sums, axis=1, keepdims=True)
        means: FloatArray = (self._sums / np.maximum(norms, 1e-12)).astype(np.float32)
        return means

    def merge_all(self, threshold: float) -> None:
        """Merges pairs of mutual nearest groups until none is left."""
        while len(self._edges):
            self._drop_edges(threshold)
            left, right = self._mutual_pairs()
            if not len(left):
                return
            self._merge(left, right)

    def _drop_edges(self, threshold: float) -> None:
        """Removes forbidden edges, works out unknown linkages, and removes what is too far."""
        allowed = ~np.isin(self._edges, self._forbidden, assume_unique=True)
        self._edges, self._distance = self._edges[allowed], self._distance[allowed]
        unknown = np.flatnonzero(np.isnan(self._distance))
        for start in range(0, len(unknown), CHUNK_EDGES):
            part = unknown[start : start + CHUNK_EDGES]
            left, right = np.divmod(self._edges[part], self.count)
            product = np.einsum("ij,ij->i", self._sums[left], self._sums[right])
            self._distance[part] = 1.0 - product / (self._weights[left] * self._weights[right])
        near = self._distance <= threshold
        self._edges, self._distance = self._edges[near], self._distance[near]

    def _mutual_pairs(self) -> tuple[IntArray, IntArray]:
        """Finds pairs that are each other's nearest; edges are ranked in one order, so the nearest pair always is."""
        order = np.lexsort((self._edges, self._distance))[::-1]
        left, right = np.divmod(self._edges[order], self.count)
        nearest = np.full(self.count, -1, dtype=np.int64)
        # The last writer wins, and edges come from far to near.
        both = np.column_stack([left, right]).ravel()
        nearest[both] = np.repeat(np.arange(len(order)), 2)
        mutual = (nearest[left] == np.arange(len(order))) & (nearest[right] == np.arange(len(order)))
        return left[mutual], right[mutual]

    def _merge(self, left: IntArray, right: IntArray) -> None:
        """Merges disjoint pairs of groups, ``left[i] < right[i]``, and renumbers everything."""
        stays = np.ones(self.count, dtype=bool)
        stays[right] = False
        new = np.cumsum(stays) - 1
        new[right] = new[left]
        self._sums[left] += self._sums[right]
        self._weights[left] += self._weights[right]
        self._sums, self._weights = self._sums[stays], self._weights[stays]
        touched = np.zeros(self.count, dtype=bool)
        touched[left] = touched[right] = True
        edge_left, edge_right = np.divmod(self._edges, self.count)
        forbidden_left, forbidden_right = np.divmod(self._forbidden, self.count)
        self._distance[touched[edge_left] | touched[edge_right]] = np.nan
        self.count = int(stays.sum())
        self.labels = new[self.labels]
        self._forbidden = self._pair_keys(new[forbidden_left], new[forbidden_right])
        self._renumber_edges(new[edge_left], new[edge_right])

    def _renumber_edges(self, left: IntArray, right: IntArray) -> None:
        """Puts edges into the new numbers, each once; parallel edges are both unknown, so either may stay."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        outside = low != high
        keys, first = np.unique(low[outside] * self.count + high[outside], return_index=True)
        self._edges, self._distance = keys, self._distance[outside][first]

    def _pair_keys(self, left: IntArray, right: IntArray) -> IntArray:
        """One number per pair, ``low * count + high``, sorted, each once, pairs within a group left out."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        outside = low != high
        return np.unique(low[outside] * self.count + high[outside])


def _sum_by(groups: IntArray, values: FloatArray, count: int) -> npt.NDArray[np.float64]:
    """Sums rows of ``values`` by group, as ``float64``: a large group must not lose its small members."""
    total = np.zeros((count, *values.shape[1:]), dtype=np.float64)
    np.add.at(total, groups, values)
    return total
