"""Lets poor faces join a person without letting them decide who is who.

Tracks that are too poor to found or to pull a person (small, blurred, turned away) stay out of :func:`group`. Afterwards
each may join the person it is clearly nearest to. Because people are not moved by what joins them, a poor face can
never bridge two of them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from app.clustering.constraints import Pairs, as_pairs
from app.domain import FloatArray, IntArray

CHUNK_ROWS = 4096


def attach(
    embeddings: FloatArray,
    labels: IntArray,
    *,
    threshold: float,
    margin: float = 0.0,
    cannot_link: Pairs = (),
    weights: FloatArray | None = None,
    candidates: IntArray | None = None,
) -> IntArray:
    """Adds nodes without a group to existing groups.

    Nearest pairs go first; a node that may not join its nearest group for a cannot-link rule joins no other one.

    Args:
        embeddings: ``float32`` (n, d), rows of unit length, or shorter for means (see :mod:`app.clustering.means`).
        labels: ``int64`` (n,) group of each node, or -1.
        threshold: Largest mean cosine distance to the members of a group.
        margin: How much nearer (cosine distance) the group must be than the second nearest.
        cannot_link: Pairs of nodes that never come into one group; two nodes to be attached may be such a pair.
        weights: ``float32`` (n,), positive: how much each member counts; by default all the same.
        candidates: Numbers of the nodes that may be attached; by default all whose label is -1.

    Returns:
        New labels, ``int64`` (n,); only -1 entries have changed.
    """
    result = labels.copy()
    free = np.flatnonzero(labels < 0) if candidates is None else candidates[labels[candidates] < 0]
    if not len(free) or labels.max(initial=-1) < 0:
        return result
    mass = np.ones(len(labels), np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    groups, means = _mean_similarity_vectors(embeddings, labels, mass)
    rivals = _neighbours_by_rule(as_pairs(cannot_link, len(labels)))
    nearest, distance, lead = _nearest(embeddings, free, means)
    good = np.flatnonzero((distance <= threshold) & (lead >= margin))
    for place in good[np.argsort(distance[good], kind="stable")]:
        node, target = int(free[place]), int(groups[nearest[place]])
        if all(result[rival] != target for rival in rivals.get(node, ())):
            result[node] = target
    return result


def _mean_similarity_vectors(embeddings: FloatArray, labels: IntArray, mass: FloatArray) -> tuple[IntArray, FloatArray]:
    """Weighted means (not unit length): their product with a vector is its mean similarity to the members."""
    members = np.flatnonzero(labels >= 0)
    groups, place = np.unique(labels[members], return_inverse=True)
    total = np.zeros((len(groups), embeddings.shape[1]), dtype=np.float64)
    np.add.at(total, place, embeddings[members] * mass[members, None])
    means: FloatArray = (total / np.bincount(place, weights=mass[members])[:, None]).astype(np.float32)
    return groups, means


def _nearest(embeddings: FloatArray, rows: IntArray, means: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """For each row the nearest mean, the distance to it, and by how much it is nearer than the next."""
    nearest = np.empty(len(rows), dtype=np.int64)
    distance, lead = np.empty(len(rows), dtype=np.float32), np.full(len(rows), np.inf, dtype=np.float32)
    for start in range(0, len(rows), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        far = 1.0 - embeddings[rows[part]] @ means.T
        nearest[part] = far.argmin(axis=1)
        if far.shape[1] > 1:
            two = np.partition(far, 1, axis=1)
            lead[part] = two[:, 1] - two[:, 0]
        distance[part] = far.min(axis=1)
    return nearest, distance, lead


def _neighbours_by_rule(pairs: IntArray) -> dict[int, list[int]]:
    rivals: dict[int, list[int]] = defaultdict(list)
    for low, high in pairs.tolist():
        rivals[low].append(high)
        rivals[high].append(low)
    return rivals
