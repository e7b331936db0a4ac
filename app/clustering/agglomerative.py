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
* **Many nodes.** From 50,000 nodes on a large group takes in several others per round, see :mod:`app.clustering.merging`.
"""

from __future__ import annotations

import numpy as np

from app.clustering.merging import Groups
from app.clustering.neighbours import NeighbourGraph, build_graph
from app.clustering.neighbours.build import EXACT_NODES
from app.domain import FloatArray, IntArray


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
    state = Groups(embeddings, weights, groups, cannot_link)
    state.set_graph(graph, groups)
    stars = len(embeddings) >= EXACT_NODES
    state.merge_all(threshold, stars=stars)
    complete = graph.complete
    while not complete:
        before = state.count
        again = build_graph(state.mean_vectors(), radius=threshold)
        state.set_edges(*again.edges()[:2])
        state.merge_all(threshold, stars=stars)
        complete = again.complete or state.count == before
    return state.labels
