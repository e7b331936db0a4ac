"""Puts hard rules through in groups that an algorithm found without knowing them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from app.clustering.agglomerative import average_linkage
from app.clustering.constraints import find_contradictions, first_seen, must_link_groups
from app.clustering.neighbours import NeighbourGraph
from app.domain import FloatArray, IntArray


def join_must_links(labels: IntArray, ties: IntArray) -> IntArray:
    """Makes one group of all groups that a must-link group touches; noise in such a group joins it.

    Args:
        labels: ``int64`` (n,) found groups; -1 is noise.
        ties: ``int64`` (n,) must-link groups, 0, 1, ...; nodes without a rule are alone in theirs.

    Returns:
        ``int64`` (n,) groups.
    """
    if ties.max(initial=-1) + 1 == len(ties):
        return labels
    alone = labels.max(initial=-1) + 1 + np.arange(len(labels))
    tied = np.bincount(ties)[ties] > 1
    filled = np.where((labels == -1) & tied, alone, labels)
    first = np.unique(ties, return_index=True)[1][ties]
    pairs = np.column_stack([filled, filled[first]])[filled >= 0]
    joined = must_link_groups(int(filled.max(initial=-1)) + 1, pairs)
    return np.where(filled >= 0, joined[filled], -1)


def take_apart(
    labels: IntArray,
    vectors: FloatArray,
    weights: FloatArray,
    graph: NeighbourGraph,
    *,
    threshold: float,
    ties: IntArray,
    cannot_link: IntArray,
) -> IntArray:
    """Regroups those groups that hold a cannot-link pair by average linkage, each for itself.

    Args:
        labels: ``int64`` (n,) groups in which must-links hold; -1 is noise.
        vectors: ``float32`` or ``float16`` (n, d).
        weights: ``float32`` (n,), positive.
        graph: Neighbours; what has no edge in it is not joined again.
        threshold: Largest mean distance that is joined again.
        ties: ``int64`` (n,) must-link groups that break no cannot-link rule.
        cannot_link: Pairs, ``int64`` (m, 2).

    Returns:
        ``int64`` (n,) groups in which both kinds of rules hold.
    """
    broken = np.unique([labels[node] for node, _ in find_contradictions(labels, cannot_link)])
    if not len(broken):
        return labels
    members = np.flatnonzero(np.isin(labels, broken))
    inside = graph.distances[members][:, members].tocoo()
    same = labels[members[inside.row]] == labels[members[inside.col]]
    matrix = csr_matrix((inside.data[same], (inside.row[same], inside.col[same])), shape=inside.shape)
    number = np.full(len(labels), -1, dtype=np.int64)
    number[members] = np.arange(len(members))
    rules = number[cannot_link]
    parts = average_linkage(
        vectors[members],
        weights[members],
        NeighbourGraph(matrix, complete=True),  # as far as it goes: a search by means would cross to other groups
        threshold=threshold,
        cannot_link=rules[(rules >= 0).all(axis=1)],
        start=first_seen(ties[members]),
    )
    result = labels.copy()
    result[members] = labels.max() + 1 + parts
    return result
