"""Who is who after a new grouping: people keep their ids and their names.

A cluster and a person overlap by the weight of the nodes that were that person's before. Clusters and named people are
matched first, then what is left and the unnamed ones; in each step the sum of all overlaps is as large as possible
(Hungarian method), so a split leaves the id with the larger part and a merge keeps the larger person's.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from app.clustering.constraints import Pairs, as_pairs
from app.domain import FloatArray, IntArray

# Ties go to the older person; far smaller than any real difference of overlap.
TIE_SHARE = 1e-9


def match_people(
    labels: IntArray,
    previous: IntArray,
    *,
    weights: FloatArray | None = None,
    named: Collection[int] = (),
) -> dict[int, int | None]:
    """Finds out which cluster goes on as which person.

    Args:
        labels: ``int64`` (n,) new cluster of each node; -1 is none.
        previous: ``int64`` (n,) person of each node before; -1 is none.
        weights: ``float32`` (n,), positive: how much each node counts; by default all the same.
        named: People who have a name. They are served first, whatever the size of unnamed ones.

    Returns:
        For each cluster the id of an existing person, or ``None`` for somebody new. No id is given twice.
    """
    result: dict[int, int | None] = {int(label): None for label in np.unique(labels[labels >= 0])}
    known = (labels >= 0) & (previous >= 0)
    mass = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    has_name = np.isin(previous, np.fromiter(named, dtype=np.int64, count=len(named)))
    for turn in (known & has_name, known & ~has_name):
        free = np.array([result.get(int(label)) is None for label in labels], dtype=bool)
        chosen = turn & free
        result.update(_best_match(labels[chosen], previous[chosen], mass[chosen]))
    return result


def keep_named_apart(
    labels: IntArray,
    previous: IntArray,
    embeddings: FloatArray,
    *,
    named: Collection[int],
    weights: FloatArray | None = None,
    must_link: Pairs = (),
) -> IntArray:
    """Undoes what a new grouping must never do silently: swallow one named person in another.

    Call it between :func:`app.clustering.algorithms.group` and :func:`match_people`; then every named person whose
    nodes are in any cluster is matched with one.

    Where one cluster holds the greater part of two or more named people, it is split: each keeps their own nodes, and
    every other node of the cluster goes to the one whose mean it is nearest to. A part of a cluster breaks no
    cannot-link rule that the cluster did not break. A named person whose nodes were scattered over other named
    people's clusters gets back the largest part of them.

    Args:
        labels: ``int64`` (n,) new cluster of each node; -1 is none.
        previous: ``int64`` (n,) person of each node before; -1 is none.
        embeddings: ``float32`` (n, d), rows of unit length.
        named: People who have a name.
        weights: ``float32`` (n,), positive; by default all the same.
        must_link: Pairs of nodes that stay together: both go where the lower one goes.

    Returns:
        Labels, ``int64`` (n,); parts that were split off have new numbers after the highest one.
    """
    mass = np.ones(len(labels), np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    result = labels.copy()
    for label, people in _crowded_clusters(labels, previous, mass, named).items():
        members = np.flatnonzero(labels == label)
        owner = _nearest_owner(embeddings[members], mass[members], previous[members], people)
        fresh = result.max() + owner
        result[members] = np.where(owner == 0, label, fresh)
    for low, high in as_pairs(must_link, len(labels)):
        if labels[low] == labels[high]:
            result[high] = result[low]
    return _give_back_homes(result, previous, mass, named)


def _give_back_homes(labels: IntArray, previous: IntArray, mass: FloatArray, named: Collection[int]) -> IntArray:
    """Founds a cluster for each named person whose nodes all went to clusters of other named people."""
    result = labels.copy()
    served = set(match_people(labels, np.where(np.isin(previous, list(named)), previous, -1), weights=mass).values())
    for person in sorted(set(named) - served):
        own = (previous == person) & (result >= 0)
        if own.any():
            largest = np.bincount(result[own], weights=mass[own]).argmax()
            result[own & (result == largest)] = result.max() + 1
    return result


def _best_match(labels: IntArray, people: IntArray, mass: npt.NDArray[np.float64]) -> dict[int, int | None]:
    """Matches clusters and people; each connected part of the overlap for itself, so that matrices stay small."""
    clusters, row = np.unique(labels, return_inverse=True)
    persons, column = np.unique(people, return_inverse=True)
    if not len(clusters):
        return {}
    overlap = csr_matrix((mass, (row, column)), shape=(len(clusters), len(persons)))
    overlap.sum_duplicates()
    square = len(clusters) + len(persons)
    coo = overlap.tocoo()
    links = csr_matrix((np.ones(coo.nnz), (coo.row, coo.col + len(clusters))), shape=(square, square))
    parts = connected_components(links, directed=False)[1][coo.row]
    # Most people are one cluster, and it is nobody else's
    alone = np.bincount(parts)[parts] == 1
    plain = zip(clusters[coo.row[alone]].tolist(), persons[coo.col[alone]].tolist(), strict=True)
    result: dict[int, int | None] = dict(plain)
    tangled = np.flatnonzero(~alone)
    order = tangled[np.argsort(parts[tangled], kind="stable")]
    for part in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1) if len(order) else []:
        rows, i = np.unique(coo.row[part], return_inverse=True)
        columns, j = np.unique(coo.col[part], return_inverse=True)
        for cluster, person in _assign(i, j, coo.data[part], (len(rows), len(columns))):
            result[int(clusters[rows[cluster]])] = int(persons[columns[person]])
    return result


def _assign(
    rows: IntArray, columns: IntArray, overlap: npt.NDArray[np.float64], shape: tuple[int, int]
) -> list[tuple[int, int]]:
    """Pairs with the largest sum of overlaps (Hungarian method); of equal ones that with the older people."""
    gain = np.zeros(shape)
    gain[rows, columns] = overlap
    age = np.arange(shape[1], 0, -1) / shape[1]
    bonus = np.where(gain > 0, gain.max() * TIE_SHARE * age, 0.0)
    one, other = linear_sum_assignment(gain + bonus, maximize=True)
    return [(i, j) for i, j in zip(one.tolist(), other.tolist(), strict=True) if gain[i, j] > 0]


def _crowded_clusters(
    labels: IntArray, previous: IntArray, mass: FloatArray, named: Collection[int]
) -> dict[int, list[int]]:
    """Lists clusters that hold more than half of two or more named people, with these people by id."""
    own = np.flatnonzero(np.isin(previous, list(named)) & (labels >= 0))
    if not len(own):
        return {}
    pairs, place = np.unique(np.column_stack([previous[own], labels[own]]), axis=0, return_inverse=True)
    part = np.bincount(place.ravel(), weights=mass[own])
    persons, whose = np.unique(pairs[:, 0], return_inverse=True)
    whole = np.bincount(whose, weights=part, minlength=len(persons))
    homes: dict[int, list[int]] = {}
    for person, label in pairs[part * 2 > whole[whose]].tolist():
        homes.setdefault(label, []).append(person)
    return {label: people for label, people in homes.items() if len(people) > 1}


def _nearest_owner(embeddings: FloatArray, mass: FloatArray, previous: IntArray, people: list[int]) -> IntArray:
    """Tells for each node which of ``people`` it goes to: its own one, or the one with the nearest mean."""
    means = np.stack([(embeddings * mass[:, None])[previous == person].sum(axis=0) for person in people])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    owner: IntArray = (embeddings @ means.T).argmax(axis=1).astype(np.int64)
    for place, person in enumerate(people):
        owner[previous == person] = place
    return owner
