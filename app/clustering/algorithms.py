"""Groups faces into people: one entrance for all algorithms, with hard rules that hold in each of them.

The unit is a node: the mean of one track. Nodes are put into an order that depends on their content only before
anything else happens, so that the result does not depend on the order in which videos came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.sparse import csr_matrix

from app.clustering.agglomerative import average_linkage
from app.clustering.communities import joined, leiden, sums
from app.clustering.constraints import (
    ContradictionError,
    Pairs,
    as_pairs,
    find_contradictions,
    first_seen,
    must_link_groups,
)
from app.clustering.contradictions import consistent
from app.clustering.density import dbscan
from app.clustering.hard_rules import join_must_links, take_apart
from app.clustering.hierarchy import hdbscan
from app.clustering.neighbours import GraphBuilder, NeighbourGraph, build_graph
from app.domain import FloatArray, IntArray

Algorithm = Literal["agglomerative", "dbscan", "hdbscan", "graph"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

# Of the distance at which average linkage stops. Single links, by which DBSCAN joins, are shorter than mean distances.
_SHARES: dict[Algorithm, float] = {"agglomerative": 1.0, "dbscan": 0.85, "hdbscan": 0.9, "graph": 1.0}
# Communities look a little farther than the threshold, for edges that weigh little: they only count together.
_REACH = 1.01
# Weight that all pairs of a community must have on average, as a share of the threshold, in a library of a thousand
# nodes. It grows with the number of strangers: the most alike of a million are more alike than those of a thousand.
_RESOLUTION = 0.012
_RESOLUTION_GROWTH = 0.25
# Below so many nodes it does not fall any more: a small library is not surer of its people.
_FEWEST = 100
# A node is as dense as its distance to this neighbour, so one false face between two people is no bridge.
_HDBSCAN_NEIGHBOUR = 3
# No edge has weight 0, at whatever distance it is.
_LEAST_WEIGHT = 1e-6

ORDER_COLUMNS = 8


@dataclass(frozen=True)
class Grouping:
    """What came out where rules may contradict each other.

    Attributes:
        labels: ``int64`` (n,) as :func:`group` gives them.
        gave_way: ``int64`` (m, 2) must-link pairs that do not hold, because a cannot-link does; lower node first.
    """

    labels: IntArray
    gave_way: IntArray


def threshold_share(algorithm: Algorithm) -> float:
    """What the distance of a pack, which is that of average linkage, is to be multiplied by for an algorithm."""
    return _SHARES[algorithm]


def group_in_spite_of_contradictions(
    embeddings: FloatArray,
    *,
    algorithm: Algorithm = "agglomerative",
    threshold: float,
    cannot_link: Pairs = (),
    must_link: Pairs = (),
    weights: FloatArray | None = None,
    neighbours: int = 64,
    min_samples: int = 1,
) -> Grouping:
    """Does what :func:`group` does, but lets cannot-link rules win where must-link rules contradict them.

    As few must-links as are needed give way, later ones first, so callers put the most important ones first.

    Args:
        embeddings: See :func:`group`.
        algorithm: See there.
        threshold: See there.
        cannot_link: Pairs of nodes that never come into one group.
        must_link: Pairs of nodes that come into one group unless that would join a pair of ``cannot_link``.
        weights: See there.
        neighbours: See there.
        min_samples: See there.

    Returns:
        The groups, and the rules that gave way.

    Raises:
        ValueError: If arrays do not fit together, weights are not positive or the algorithm is unknown.
    """
    count = len(embeddings)
    listed = must_link if isinstance(must_link, np.ndarray) else list(must_link)
    as_pairs(listed, count)  # it refuses what is no rule; the order of the rules is kept here
    wanted = np.sort(np.asarray(listed, dtype=np.int64).reshape(-1, 2), axis=1)
    apart = as_pairs(cannot_link, count)
    _, places = consistent(count, wanted, apart)
    holds = np.ones(len(wanted), dtype=bool)
    holds[places] = False
    labels = group(
        embeddings,
        algorithm=algorithm,
        threshold=threshold,
        cannot_link=apart,
        must_link=wanted[holds],
        weights=weights,
        neighbours=neighbours,
        min_samples=min_samples,
    )
    return Grouping(labels, np.unique(wanted[places], axis=0))


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
    graph_of: GraphBuilder = build_graph,
    population: int | None = None,
) -> IntArray:
    """Groups nodes into people.

    * ``agglomerative``: average linkage, see :mod:`app.clustering.agglomerative`.
    * ``dbscan``: DBSCAN on the sparse graph, see :mod:`app.clustering.density`.
    * ``hdbscan``: HDBSCAN on the sparse graph, see :mod:`app.clustering.hierarchy`.
    * ``graph``: communities by the Leiden method, see :mod:`app.clustering.communities`.

    A cluster of the last three that breaks a cannot-link rule is taken apart by average linkage within it.

    Args:
        embeddings: ``float32`` or ``float16`` (n, d), rows of unit length, or shorter for means (see
            :mod:`app.clustering.means`). ``float16`` takes half the memory and is exact to about 0.0002.
        algorithm: Which way to group.
        threshold: Cosine distance, 0..2. For ``agglomerative`` the largest mean distance between two groups that are
            merged; for ``graph`` about the same; for the others the largest distance of neighbours. The distance of a
            pack times :func:`threshold_share` suits all of them.
        cannot_link: Pairs of nodes that never come into one group.
        must_link: Pairs of nodes that always come into one group.
        weights: ``float32`` (n,), positive: how much each node counts in the mean of its group.
        neighbours: Neighbours per node in the graph.
        min_samples: For ``dbscan``, how many nodes within the radius (itself included) make a core. With 1 nothing
            is noise: a node is a track, which has proven itself before it gets here.
        graph_of: Builds the graph, as :func:`app.clustering.neighbours.build_graph` does.
        population: Nodes of the whole library, where these are the part of it that is looked at anew.

    Returns:
        ``int64`` (n,): groups 0, 1, ... in the order of their first node; -1 is noise (``dbscan`` only).

    Raises:
        ContradictionError: If must-link rules join a pair that cannot be linked.
        ValueError: If arrays do not fit together, weights are not positive or the algorithm is unknown.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {algorithm!r}")
    vectors, mass = _checked(embeddings, weights)
    count = len(vectors)
    order = _content_order(vectors, mass)
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    apart = as_pairs(place[as_pairs(cannot_link, count)], count)
    ties = must_link_groups(count, as_pairs(place[as_pairs(must_link, count)], count))
    broken = find_contradictions(ties, apart)
    if broken:
        raise ContradictionError([(int(order[a]), int(order[b])) for a, b in broken])
    if not count:
        return np.empty(0, dtype=np.int64)
    radius = threshold * _REACH if algorithm == "graph" else threshold
    vectors, mass = vectors[order], mass[order]
    graph = graph_of(vectors, radius=radius, k=neighbours)
    task = _Task(vectors, mass, threshold, apart, ties, graph, max(population or 0, count))
    return first_seen(task.labels(algorithm, min_samples)[place])


@dataclass(frozen=True)
class _Task:
    """Nodes in content order, with clean rules and their graph."""

    vectors: FloatArray
    mass: FloatArray
    threshold: float
    apart: IntArray
    ties: IntArray
    graph: NeighbourGraph
    population: int

    def labels(self, algorithm: Algorithm, min_samples: int) -> IntArray:
        if algorithm == "agglomerative":
            return average_linkage(
                self.vectors,
                self.mass,
                self.graph,
                threshold=self.threshold,
                cannot_link=self.apart,
                start=self.ties,
            )
        if algorithm == "dbscan":
            found = dbscan(self.graph.distances, min_samples=min_samples)
        elif algorithm == "hdbscan":
            distances = self.graph.distances
            found = _each_alone(hdbscan(distances, radius=self.threshold, min_samples=_HDBSCAN_NEIGHBOUR))
        else:
            found = self._communities()
        labels = take_apart(
            join_must_links(found, self.ties),
            self.vectors,
            self.mass,
            self.graph,
            threshold=self.threshold,
            ties=self.ties,
            cannot_link=self.apart,
        )
        return self._made_whole(labels) if algorithm == "graph" and not self.graph.complete else labels

    def _made_whole(self, communities: IntArray) -> IntArray:
        """Joins pieces of people who are larger than the lists of neighbours: most of the edges that they should have
        are missing, so they are worth less to the graph than they are.
        """
        return average_linkage(
            self.vectors,
            self.mass,
            self.graph,
            threshold=self.threshold,
            cannot_link=self.apart,
            start=first_seen(communities),
        )

    def _communities(self) -> IntArray:
        """Communities of must-link groups; an edge weighs more the shorter it is, and as many faces as its ends have."""
        distances, radius = self.graph.distances, self.threshold * _REACH
        near = np.maximum(radius - distances.data, _LEAST_WEIGHT * radius).astype(np.float32)
        near *= np.repeat(self.mass, np.diff(distances.indptr))
        near *= self.mass[distances.indices]
        weights = csr_matrix((near, distances.indices, distances.indptr), shape=distances.shape)
        found = leiden(
            joined(weights, self.ties),
            sums(self.ties, self.mass.astype(np.float64)),
            resolution=self.threshold * _resolution(self.population),
        )
        labels: IntArray = found[self.ties]
        return labels


def _resolution(count: int) -> float:
    """Share of the threshold that edges must weigh on average within a community, in a library of ``count`` nodes."""
    growth: float = (max(count, _FEWEST) / 1000.0) ** _RESOLUTION_GROWTH
    return _RESOLUTION * growth


def _each_alone(labels: IntArray) -> IntArray:
    """Makes a group of each node that is noise."""
    alone = labels < 0
    result = labels.copy()
    result[alone] = labels.max(initial=-1) + 1 + np.arange(np.count_nonzero(alone))
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
